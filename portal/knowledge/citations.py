"""Citations: from what people write to the article that is meant, and the check of a whole text.

`resolve` is for entry (an FAQ, an answer's list of articles): it refuses what does not hold.
`check` is for a text: it reports on every citation in it and refuses nothing.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from portal.core.db import LabelledEnum
from portal.core.errors import Invalid
from portal.knowledge import editions, lineage, parts, queries, unheld
from portal.knowledge.models import Article, Validity
from portal.knowledge.names import law_names, not_held, short
from portal.knowledge.queries import lookup
from search_index import (
    Citation,
    LawNames,
    find_citations,
    format_article_number,
    names_no_law,
    parse_article_number,
)

# A sentence rarely names more; a longer list in a hostile text is cut.
MOST_CITATIONS = 500


class CitationStatus(LabelledEnum):
    """What became of a citation."""

    FOUND = "found", "条文现行有效"
    AMENDED = "amended", "所在法律已被部分修改，请核对最新条文"
    NOT_YET = "not_yet", "条文尚未施行"
    REPEALED = "repealed", "条文已经失效"
    FORMER = "former", "注明是修改前或者已经废止的条文"
    NO_SUCH_ARTICLE = "no_such_article", "没有这一条"
    NO_SUCH_PART = "no_such_part", "这一条没有这一款或者这一项"
    OTHER_EDITION = "other_edition", "没有收录所引的版本"
    NO_SUCH_LAW = "no_such_law", "没有收录这部法律"
    AMBIGUOUS = "ambiguous", "法律名称不明确"

    @property
    def stands(self) -> bool:
        """True when an answer may rest on it: of facts from before a change the former law speaks, named as such."""
        return self in (CitationStatus.FOUND, CitationStatus.AMENDED, CitationStatus.FORMER)


_BY_VALIDITY = {
    Validity.IN_FORCE: CitationStatus.FOUND,
    Validity.AMENDED: CitationStatus.AMENDED,
    Validity.NOT_YET: CitationStatus.NOT_YET,
    Validity.HISTORICAL: CitationStatus.REPEALED,
    Validity.REPEALED: CitationStatus.REPEALED,
}


@dataclass(frozen=True, slots=True)
class Moved:
    """Where the article that bore the cited number before the law's last version stands now."""

    article_id: uuid.UUID
    number: str
    label: str
    text_changed: bool


@dataclass(frozen=True, slots=True)
class CheckedCitation:
    """A citation in a text: `start` and `end` in code points, `number` canonical ("120-1").

    `law` is the full name, or the name as written when none or several laws are meant. `message` is
    a Chinese sentence for the person who wrote it. `repealed_by`: of a law that is not held, the
    article that repealed it.
    """

    text: str
    start: int
    end: int
    law: str
    number: str
    status: CitationStatus
    article_id: uuid.UUID | None
    message: str
    candidates: tuple[str, ...] = ()
    moved_to: Moved | None = None
    repealed_by: dict[str, Any] | None = None

    @property
    def label(self) -> str:
        """The article's number as the law writes it."""
        return format_article_number(self.number) if self.number else ""


def resolve(law: str, article: str, *, in_force: bool = True) -> Article:
    """Return the article of the current version that is meant, both named in any usual form.

    Raises Invalid with code no_such_law, ambiguous_law, no_such_article, article_repealed for a law
    that is not held and of which a held text says that it is gone, or, with `in_force`,
    article_repealed and article_not_in_force_yet. An article of a law that was amended in part is
    returned; its `version.status` says so.
    """
    names = law_names()
    candidates = names.resolve(law)
    number = parse_article_number(article)
    if not candidates:
        replaced = unheld.replaced(law)
        if replaced is not None:
            raise _refusal("article_repealed", replaced.message, "请改引现行有效的条文。")
        raise _refusal(
            "no_such_law",
            f"{not_held(law)}。",
            "请核对法律名称，使用全称；没有收录的法律请联系内容管理员补录。",
        )
    if len(candidates) > 1:
        listed = "、".join(f"《{name}》" for name in candidates[:5])
        raise _refusal(
            "ambiguous_law", f"“{law}”可能指{listed}。", "请写出法律的全称。", field="law"
        )
    found = lookup([(candidates[0], number)]).get((candidates[0], number)) if number else None
    if found is None:
        label = format_article_number(number) if number else f"“{article[:20]}”这一条"
        raise _refusal(
            "no_such_article",
            f"《{short(candidates[0])}》没有{label}。",
            "请核对条文序号，例如“第三十八条”。",
            field="article",
        )
    status = _BY_VALIDITY[found.version.status]
    if in_force and not status.stands:
        code = (
            "article_not_in_force_yet" if status is CitationStatus.NOT_YET else "article_repealed"
        )
        raise _refusal(code, _message(found, status), "请改引现行有效的条文。", field="article")
    return found


def check(text: str) -> list[CheckedCitation]:
    """Report on every citation in `text`, in order of appearance; never raises on any text."""
    names = law_names()
    found = find_citations(text, names)[:MOST_CITATIONS]
    wanted = {(law, item.number) for item in found for law in _meant(item.candidates)}
    articles = lookup(wanted)
    checked = [_checked(text, item, articles) for item in found]
    checked, older = _of_editions(text, checked, articles.values())
    checked = _with_parts(checked, found, [*articles.values(), *older])
    checked = _with_moves(checked, [*articles.values(), *older])
    checked += _unrecognised(text, checked, names)[: MOST_CITATIONS - len(checked)]
    return _with_replacements(text, sorted(checked, key=lambda citation: citation.start))


def summary(checked: list[CheckedCitation]) -> tuple[bool | None, str]:
    """Return whether all of them stand, and a sentence; None where there is none: nothing to check is not all right."""
    if not checked:
        return (
            None,
            "没有读到法条引用，无从核对。引用请写成“民法典第七百一十条”这样的形式。",
        )
    wrong = sum(not citation.status.stands for citation in checked)
    rest = f"其中 {wrong} 处需要核对。" if wrong else "都可以引用。"
    former = sum(citation.status is CitationStatus.FORMER for citation in checked)
    if former:
        rest += f"{former} 处注明是修改前或者已经废止的条文，请确认应当适用的就是它。"
    return not wrong, f"读到 {len(checked)} 处引用，{rest}"


def _of_editions(
    text: str, checked: list[CheckedCitation], current: Iterable[Article]
) -> tuple[list[CheckedCitation], list[Article]]:
    """Judge what is cited in a named edition by that edition; also returns the articles of editions that were replaced.

    The same number of today's text may say something else.
    """
    by_id = {article.id: article for article in current}
    named = _editions_of(text, checked)
    versions = editions.held({edition for edition in named if edition})
    pairs = list(zip(checked, map(versions.get, named), strict=True))
    older = editions.articles({(version, each.number) for each, version in pairs if version})
    result = []
    for (citation, version), edition in zip(pairs, named, strict=True):
        article = by_id.get(citation.article_id) if citation.article_id else None
        known = article is not None or citation.status is CitationStatus.NO_SUCH_ARTICLE
        # What was the law then may be the law of today.
        known = known and (version is not None or edition is None or edition.year != editions.THEN)
        if edition and known and (edition.former or not article or article.version is not version):
            found = older.get((version, citation.number)) if version else None
            citation = _in_edition(citation, edition, held=version is not None, article=found)
        result.append(citation)
    return result, list(older.values())


def _editions_of(text: str, checked: list[CheckedCitation]) -> list[editions.Edition | None]:
    """Return the edition that each citation means; they stand in their order."""
    return editions.stated(
        (editions.said_of(text, citation.start, citation.end), citation.law) for citation in checked
    )


def _in_edition(
    citation: CheckedCitation, edition: editions.Edition, *, held: bool, article: Article | None
) -> CheckedCitation:
    law = f"《{short(citation.law)}》"
    named = f"{law}{edition.year} 年的版本" if edition.year > editions.FORMER else f"修改前的{law}"
    if not held:
        status = CitationStatus.OTHER_EDITION
        message = f"引用的是{named}，这里没有收录，内容和条文序号可能与收录的版本不同，请自行核对。"
    elif article is None:
        status = CitationStatus.NO_SUCH_ARTICLE
        message = f"{named}没有{citation.label}。"
    else:
        status = _BY_VALIDITY[article.version.status]
        message = _message(article, status)
        gone = article.version.status is Validity.REPEALED
        # The year tells one edition from a later one. Of a law that is gone it tells nothing: every edition has a year.
        if status is CitationStatus.REPEALED and (edition.former or not gone):
            status = CitationStatus.FORMER
            what = f"{law}已经废止，引用的是废止前的" if gone else f"引用的是{named}的"
            message = f"{what}{citation.label}，请确认应当适用的就是它。"
    return replace(
        citation, status=status, message=message, article_id=article.id if article else None
    )


def _with_parts(
    checked: list[CheckedCitation], found: list[Citation], articles: Iterable[Article]
) -> list[CheckedCitation]:
    """Report the paragraphs and items that an article in force does not have."""
    by_id = {article.id: article for article in articles}
    cited = [
        (by_id.get(citation.article_id) if citation.article_id else None, item.part)
        for citation, item in zip(checked, found, strict=True)
    ]
    return [
        replace(citation, status=CitationStatus.NO_SUCH_PART, message=message)
        if message
        else citation
        for citation, message in zip(checked, parts.told(cited), strict=True)
    ]


def _with_replacements(text: str, checked: list[CheckedCitation]) -> list[CheckedCitation]:
    """Tell of each law that is not held what replaced it, where a held text says so.

    Who names it as the former law (原《合同法》) knows so; what it said cannot be looked up here.
    """
    replaced = cache(unheld.replaced)
    result = []
    for citation, edition in zip(checked, _editions_of(text, checked), strict=True):
        absent = citation.status is CitationStatus.NO_SUCH_LAW
        found = replaced(citation.law) if absent else None
        if found is not None:
            former = edition is not None and edition.former
            citation = replace(
                citation,
                law=found.law,
                status=CitationStatus.OTHER_EDITION if former else CitationStatus.REPEALED,
                message=found.message + ("请自行核对。" if former else ""),
                repealed_by=queries.reference_of(found.article),
            )
        result.append(citation)
    return result


def _with_moves(
    checked: list[CheckedCitation], articles: Iterable[Article]
) -> list[CheckedCitation]:
    """Tell of each citation whether its number belonged to another article until lately.

    It may be right all the same: only whoever wrote it knows which of the two is meant.
    """
    found = {article.id: article for article in articles}
    current = [article for article in found.values() if article.version.is_current]
    gone = {article.id for article in found.values() if not article.version.is_current}
    moves = lineage.moved_away(current)
    moves |= {old: (found[old], now) for old, now in lineage.successors(gone).items()}
    result = []
    for citation in checked:
        move = moves.get(citation.article_id) if citation.article_id else None
        if move is None:
            result.append(citation)
            continue
        before, now = move
        place = Moved(now.id, now.number, now.label, before.text_hash != now.text_hash)
        told = _told_move(citation, before, now)
        message = citation.message + told
        result.append(replace(citation, moved_to=place, message=message))
    return result


def _told_move(citation: CheckedCitation, before: Article, now: Article) -> str:
    day = now.version.version_date
    if before.number == now.number:
        return f"它在 {day} 的版本中仍是{now.label}。"
    told = f"{day} 的版本改了条文序号：原{before.label}现在是{now.label}"
    # Who names the former law means the former article.
    return told + ("。" if citation.status is CitationStatus.FORMER else "，请核对引用的是哪一条。")


# What looks like a citation although no law of that name is known: 根据合同法第五十二条.
_LOOSE = re.compile(
    r"([\u4e00-\u9fff]{1,20}?(?:法典|法|条例|规定|办法|解释|规则|细则))第"
    r"[0-9０-９零〇一二两三四五六七八九十百千万亿]{1,12}条"
)
_MARKED = re.compile(
    r"《(?P<name>[^《》]{2,60})》\s*第[0-9０-９零〇一二两三四五六七八九十百千万亿]{1,12}条"
)
_TITLE = re.compile("《[^《》]*(?:《[^《》]*》[^《》]*)*》")
_INTRODUCTION = re.compile(
    r"^.*(?:根据|依据|按照|依照|按|依|违反|适用|参照|和|及|与|或者|以及|的|了|是)"
)
# These point back to a law that was named before; the library follows them where it can.
_POINTING_BACK = re.compile(
    r"(?:本|该|此|同|前述|上述|这部|这个)(?:法|条例|规定|办法|解释|规则|细则)$"
)


def _unrecognised(
    text: str, known: list[CheckedCitation], names: LawNames
) -> list[CheckedCitation]:
    """Report what reads like a citation and was not understood: a law that the portal does not have, a number that is none.

    Silence would look like consent.
    """
    found = []
    # The name of a law may speak of an article itself.
    outside = _TITLE.sub(lambda title: " " * len(title[0]), text)
    for match in _LOOSE.finditer(outside):
        if any(citation.start < match.end() and match.start() < citation.end for citation in known):
            continue
        name = _INTRODUCTION.sub("", match[1])
        if len(name) < 2 or names_no_law(name) or _POINTING_BACK.search(match[1]):
            continue
        start = match.start() + len(match[1]) - len(name)
        quoted = text[start : match.end()]
        status = CitationStatus.NO_SUCH_LAW
        message = f"没有收录“{name}”，它可能已经废止或改名，请核对法律的全称。"
        if names.resolve(name):
            status = CitationStatus.NO_SUCH_ARTICLE
            message = f"“{quoted}”的条文序号无法识别，请写成“第三十八条”或“第38条”。"
        found.append(CheckedCitation(quoted, start, match.end(), name, "", status, None, message))
    for match in _MARKED.finditer(text):
        start, end, name = match.start(), match.end(), match["name"]
        seen = any(citation.start < end and start < citation.end for citation in known)
        if not seen and names.resolve(name):
            message = f"“{match[0]}”的条文序号无法识别，请写成“第三十八条”或“第38条”。"
            status = CitationStatus.NO_SUCH_ARTICLE
            found.append(CheckedCitation(match[0], start, end, name, "", status, None, message))
    return found


def _meant(candidates: tuple[str, ...]) -> tuple[str, ...]:
    # A suffix such as 管理条例 fits dozens of names; more than a few tell nobody anything.
    return candidates[:8]


def _checked(
    text: str, citation: Citation, articles: dict[tuple[str, str], Article]
) -> CheckedCitation:
    place = (text[citation.start : citation.end], citation.start, citation.end)
    written, candidates, number = citation.law_as_written, citation.candidates, citation.number
    holding = [law for law in _meant(candidates) if (law, number) in articles]
    label = format_article_number(number)
    if not candidates:
        message = f"{not_held(written.strip())}，无法核对{label}。"
        return CheckedCitation(*place, written, number, CitationStatus.NO_SUCH_LAW, None, message)
    if len(candidates) > 1 and len(holding) != 1:
        listed = "、".join(f"《{name}》" for name in candidates[:3])
        message = f"“{written}”可能指{listed}，请写全称。"
        return CheckedCitation(
            *place, written, number, CitationStatus.AMBIGUOUS, None, message, candidates
        )
    if not holding:
        message = f"《{short(candidates[0])}》没有{label}。"
        return CheckedCitation(
            *place, candidates[0], number, CitationStatus.NO_SUCH_ARTICLE, None, message
        )
    article = articles[holding[0], number]
    status = _BY_VALIDITY[article.version.status]
    return CheckedCitation(
        *place, holding[0], number, status, article.id, _message(article, status)
    )


def _message(article: Article, status: CitationStatus) -> str:
    name = f"《{short(article.law.name)}》"
    version = article.version
    # An item (二十二、) is cited as an article.
    label = article.label if article.number else f"第{article.label.removesuffix('、')}条"
    if status is CitationStatus.FOUND:
        return f"{name}{label}现行有效。"
    if status is CitationStatus.AMENDED:
        return f"{name}在 {version.version_date} 之后又有修改，引用{label}前请核对最新条文。"
    if status is CitationStatus.NOT_YET:
        return f"{name}{label}自 {version.effective_from} 起施行，现在还不能引用。"
    if version.status is Validity.REPEALED:
        return f"{name}已经废止，{label}不能再引用。"
    return f"{name}现行版本中已经没有{label}。"


def _refusal(code: str, message: str, next_step: str, field: str = "law") -> Invalid:
    return Invalid(message, code=code, next_step=next_step, errors={field: [message]})
