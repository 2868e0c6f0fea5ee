"""What somebody can do next: help at once first, then what was asked to be done, then never a dead end."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from portal.config import settings
from portal.core import clock
from portal.knowledge import patterns, search_content
from portal.knowledge.names import short
from search_index import analysis, format_article_number, parse_article_number

if TYPE_CHECKING:
    from portal.knowledge.search import Found

# What a step is for; help at once, and help for what somebody has been through, come first.
Code = Literal[
    "urgent",
    "safety",
    "search_rest",
    "law",
    "last_article",
    "which_law",
    "without_filters",
    "law_today",
    "search_successor",
    "service",
    "narrow_down",
    "corrected",
    "browse_category",
    "ask",
    "call",
    "emergency",
]
URGENT: Final = "urgent"
SAFETY: Final = "safety"
_SEARCH = "/api/v1/search?q="
_NARROW_DOWN = "后面还有结果没有列出，请换个更具体的问法，或者先选一个问题类别。"
_SERVICE_LINE = "公共法律服务热线"
# Less is no question that somebody could recognise as their own.
_SHORTEST_REST = 4

Step = dict[str, str]


def of(
    found: Found,
    needs: list[dict[str, Any]],
    *,
    lost: bool,
    unsure: bool = False,
    as_of: date | None = None,
    unfiltered: int = 0,
) -> list[Step]:
    """Return the steps for an answer; `lost` when it holds nothing that fits on the day asked for.

    `unsure` when it may not fit: then one way on is shown, and no more.
    `needs` is what `search_content.urgent_for` says of the question. `unfiltered` tells how many results there are
    without the filters that left none.
    """
    steps: list[Step] = []
    for entry in needs:
        for step in entry["steps"]:
            url = f"tel:{step['phone']}"
            # Where several kinds of help fit, each number is told once, with the first one's words.
            if url not in [earlier["url"] for earlier in steps]:
                code: Code = URGENT if entry["at_once"] else SAFETY
                steps.append(_step(code, step["text"], "", url))
    steps += [step for entry in needs if entry["alone"] for step in _rest(found.query, entry)]
    steps += _law_itself(found.citations) + _which_law(found.query)
    if unfiltered:
        steps.append(_without_filters(found.query, as_of, unfiltered))
    else:
        steps += _of_that_day(found.query, as_of, lost)
    steps += _replacements(found.query, found.citations)
    steps += [
        _step("service", service["text"], service["method"], service["url"])
        for service in search_content.services_for(found.query)
    ]
    if found.cut_short:
        steps.append(_step("narrow_down", _NARROW_DOWN, "GET", "/api/v1/categories"))
    unfound = any(not citation["exists"] for citation in found.citations)
    if lost or unfound or needs:
        # Nobody in danger is asked about the spelling.
        steps += ([] if needs else _correction(found)) + _never_a_dead_end(found)
        steps += _in_danger() if lost and not needs else []
    else:
        steps += _correction(found)
        steps += [_ask()] if unsure else []
        # Whoever types the number itself wants to call it.
        steps += [_call()] if settings().service_phone in found.query else []
    return steps


def _law_itself(citations: list[dict[str, Any]]) -> list[Step]:
    """The law where only its name was asked for, or where it has no such article; there its last one too."""
    steps = []
    for citation in citations:
        if citation["status"] == "no_such_article":
            steps += [
                _step("last_article", f"看看最后一条：{last['title']}。", "GET", last["url"])
                for last in citation["neighbours"]
            ]
        if law := citation["law_link"]:
            text = f"打开{law['title']}，看目录和全文。"
            steps.append(_step("law", text, "GET", law["url"]))
    return steps


def number_alone(question: str) -> str:
    """Return the article's number where nothing else was typed (第十条), else "": nearly every law has one."""
    return parse_article_number(question) if "条" in question else ""


def _which_law(question: str) -> list[Step]:
    """Ask for the law to a number that stands alone."""
    number = number_alone(question)
    if not number:
        return []
    label = format_article_number(number)
    text = f"只写{label}看不出是哪部法律的，请在前面写上法律的名称，例如“民法典第十条”。也可以先找到那部法律。"
    return [_step("which_law", text, "GET", "/api/v1/laws")]


def _without_filters(question: str, as_of: date | None, count: int) -> Step:
    """Say that the filters left nothing, and lead to what there is without them."""
    day = f"&as_of={as_of}" if as_of else ""
    text = f"您选的筛选条件下没有结果；不加筛选有 {count} 条，请看这里。"
    return _step("without_filters", text, "GET", _SEARCH + quote(question, safe="") + day)


def _of_that_day(question: str, as_of: date | None, lost: bool) -> list[Step]:
    """Say what a search of another day cannot know: laws that are gone and not held, laws not made yet."""
    today = clock.today()
    if as_of is None or as_of == today:
        return []
    if as_of > today:
        told = (
            f"没有查到 {as_of} 管这件事的条文。"
            if lost
            else f"{as_of} 还没有到：这里是目前已经公布、那一天有效的法律，到时可能又有修改。"
        )
    else:
        told = (
            f"没有查到 {as_of} 那一天管这件事的条文，当时的法律有的没有收录。"
            if lost
            else f"这里只有收录的、{as_of} 那一天有效的法律，当时的法律有的没有收录。"
        )
    return [
        _step("law_today", f"{told}现在的规定请看这里。", "GET", _SEARCH + quote(question, safe=""))
    ]


def _rest(question: str, entry: dict[str, Any]) -> list[Step]:
    """A way to the results for what else was asked, where only the help is shown."""
    rest = patterns.without(question, entry["words"])
    if len(rest) < _SHORTEST_REST or len(analysis.content_words(rest)) < 2:
        return []
    return [
        _step(
            "search_rest",
            f"您问的其他事，可以在这里接着查：“{rest}”。",
            "GET",
            _SEARCH + quote(rest, safe=""),
        )
    ]


def _replacements(question: str, citations: list[dict[str, Any]]) -> list[Step]:
    """Where to look for what a repealed law said: in the law that replaced it."""
    steps = []
    laws = list(dict.fromkeys(each["law"] for each in citations if each["repealed_by"]))
    rest = analysis.normalise(question)
    for citation in citations:
        rest = rest.replace(citation["text"], " ")
    asked = rest.strip() if len(laws) == 1 and analysis.content_words(rest) else ""
    for law in laws:
        repeal = search_content.current().repealed.get(short(law))
        if repeal is None:
            continue
        by = short(repeal.by)
        steps.append(
            _step(
                "search_successor",
                f"在《{by}》里查找《{short(law)}》原来所管的事现在怎么规定。",
                "GET",
                f"{_SEARCH}{quote(f'{by} {asked or repeal.about}', safe='')}&kind=article",
            )
        )
    return steps


def _correction(found: Found) -> list[Step]:
    """Ask about a likely slip that was not put right already."""
    if not found.corrected or found.searched_for == found.corrected:
        return []
    url = _SEARCH + quote(found.corrected, safe="")
    return [_step("corrected", f"您要找的是不是“{found.corrected}”？", "GET", url)]


def _never_a_dead_end(found: Found) -> list[Step]:
    steps = []
    if found.nearest_category:
        code, label = found.nearest_category["code"], found.nearest_category["label"]
        steps.append(
            _step(
                "browse_category",
                f"看看“{label}”里的常见问答。",
                "GET",
                f"/api/v1/faqs?category={code}",
            )
        )
    return [*steps, _ask(), _call()]


def _ask() -> Step:
    return _step("ask", "把您的问题发给律师，答复会通知您。", "POST", "/api/v1/consultations")


def _call() -> Step:
    phone = settings().service_phone
    return _step("call", f"拨打{_SERVICE_LINE} {phone}。", "", f"tel:{phone}")


def help_lines() -> list[dict[str, str]]:
    """Return whom to call whatever was asked: no list of wordings will ever hear all who are in danger."""
    lines = [{**line, "url": f"tel:{line['phone']}"} for line in search_content.always()]
    service = _call()
    phone = settings().service_phone
    return [
        *lines,
        {"label": _SERVICE_LINE, "text": service["text"], "phone": phone, "url": service["url"]},
    ]


def _in_danger() -> list[Step]:
    """What a page says that found nothing fitting: the question may have been of a danger that no wording knows."""
    return [
        _step("emergency", line["text"], "", f"tel:{line['phone']}")
        for line in search_content.always()[:1]
    ]


def _step(code: Code, text: str, method: str, url: str) -> Step:
    return {"code": code, "text": text, "method": method, "url": url}
