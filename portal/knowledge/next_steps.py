"""What somebody can do next: help at once first, then what was asked to be done, then never a dead end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from portal.config import settings
from portal.knowledge import search_content
from portal.knowledge.names import short
from search_index import analysis

if TYPE_CHECKING:
    from portal.knowledge.search import Found

URGENT = "urgent"
_SEARCH = "/api/v1/search?q="

Step = dict[str, str]


def of(found: Found, *, lost: bool) -> list[Step]:
    """Return the steps for an answer; `lost` when it holds nothing that fits."""
    steps = [
        _step(URGENT, step["text"], "", f"tel:{step['phone']}")
        for step in search_content.urgent_for(found.query)
    ]
    steps += _replacements(found.query, found.citations)
    steps += [
        _step("service", service["text"], service["method"], service["url"])
        for service in search_content.services_for(found.query)
    ]
    unfound = any(not citation["exists"] for citation in found.citations)
    if lost or unfound or is_urgent(steps):
        steps += _never_a_dead_end(found)
    else:
        steps += _correction(found)
    return steps


def is_urgent(steps: list[Step]) -> bool:
    """True when the first of the steps is to help at once."""
    return bool(steps) and steps[0]["code"] == URGENT


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
    steps = _correction(found)
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
    steps.append(
        _step("ask", "把您的问题发给律师，答复会通知您。", "POST", "/api/v1/consultations")
    )
    phone = settings().service_phone
    steps.append(_step("call", f"拨打公共法律服务热线 {phone}。", "", f"tel:{phone}"))
    return steps


def _step(code: str, text: str, method: str, url: str) -> Step:
    return {"code": code, "text": text, "method": method, "url": url}
