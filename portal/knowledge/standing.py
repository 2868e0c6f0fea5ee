"""Whether what a text cites can be rested on: asked before anything is signed or published.

A law that the portal does not hold is no law that does not exist (工伤保险条例 is in no starter package). It bars only until
whoever writes has said where it was read instead. Of a law that is held only its text counts, whatever was said.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from portal.core.db import db
from portal.core.errors import Invalid
from portal.knowledge.citations import CitationStatus, check, resolve
from portal.knowledge.models import Article, LawVersion
from portal.knowledge.names import law_names, not_held, short
from search_index import (
    format_article_number,
    one_law,
    own_names,
    parse_article_number,
    simplify,
)

_BARS = {
    CitationStatus.REPEALED: "已经废止；应当适用旧法的，请写明“原《…》”",
    CitationStatus.NO_SUCH_ARTICLE: "法律中没有这一条",
    CitationStatus.NO_SUCH_PART: "这一条没有这一款或者这一项",
    CitationStatus.NO_SUCH_LAW: "没有收录这部法律",
}
HOW_TO_GO_ON = "没有收录的法律，请先导入，或者由承办律师在“另行核对的法律”中写明名称和在哪里核对过；其余的请改正引用。"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """That a law which is not held was read somewhere else, `source`, by whoever cites it."""

    law: str
    source: str


@dataclass(frozen=True, slots=True)
class Basis:
    """An article that an answer rests on; `article_id` is None when its law is not held."""

    law: str
    article: str
    article_id: uuid.UUID | None


class Names:
    """Which names are surely those of one law.

    With 中华人民共和国 and without, with who made it and without, or as `text` says itself (以下简称…).
    """

    def __init__(self, text: str = "") -> None:
        given = own_names(text, law_names()) if "称" in text else {}
        self._given = {simplify(own): full for own, full in given.items()}

    def one(self, law: str, other: str) -> bool:
        """Return whether two names mean one law."""
        return one_law(self._full(law), self._full(other))

    def among(self, law: str, others: Iterable[str]) -> bool:
        """Return whether one of several names means a law."""
        return any(self.one(law, other) for other in others)

    def _full(self, law: str) -> str:
        return self._given.get(simplify(law), law)


def rest_on(law: str, article: str, elsewhere: Iterable[Elsewhere] = (), text: str = "") -> Basis:
    """Return the article that is meant, of a law that is held or is said to have been read elsewhere.

    `text` is what rests on it and may give the law a short name of its own. Raises Invalid as `resolve` does; what is said of
    a law that is held, or gone by a held text, changes nothing.
    """
    try:
        found = resolve(law, article)
    except Invalid as refusal:
        stated = [each.law for each in elsewhere]
        if refusal.code != CitationStatus.NO_SUCH_LAW or not Names(text).among(law, stated):
            raise
    else:
        return Basis(found.law.name, found.label, found.id)
    number = parse_article_number(article)
    if not number:
        raise Invalid(
            f"“{article[:20]}”不是条文序号，请写成“第三十八条”这样的形式。", code="no_such_article"
        )
    return Basis(plain_name(law), format_article_number(number), None)


def no_longer_law(article_ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of held articles that do not bind today."""
    wanted = set(article_ids)
    versions = db.session.execute(
        select(Article.id, LawVersion.status)
        .join(LawVersion, LawVersion.id == Article.version_id)
        .where(Article.id.in_(wanted))
    )
    return wanted - {article_id for article_id, status in versions if status.is_law}


def require_good_citations(
    text: str, elsewhere: Iterable[Elsewhere] = (), resting_on: Iterable[str] = ()
) -> list[Elsewhere]:
    """Return what of `elsewhere` is needed: by `text`, or by the laws that are not held and `resting_on` names.

    Of several statements about one law, under whatever names, the last is needed. Raises Invalid with code bad_citation for
    an article that is repealed or does not exist, and for a law that is not held and of which nothing is said. The former
    law, named as such (原《公司法》第二十条), is only remarked upon by the check: of what happened before a change it is
    the law.
    """
    names = Names(text)
    stated: list[Elsewhere] = []
    for each in elsewhere:
        stated = [other for other in stated if not names.one(each.law, other.law)] + [each]
    absent = list(resting_on)
    wrong: list[str] = []
    missing: list[str] = []
    for found in check(text):
        if found.status is CitationStatus.NO_SUCH_LAW:
            absent.append(found.law)
            if names.among(found.law, (each.law for each in stated)):
                continue
            if not names.among(found.law, missing):
                missing.append(found.law)
        if found.status in _BARS:
            wrong.append(f"“{found.text}”：{_BARS[found.status]}")
    if wrong:
        errors = {"text": wrong}
        if missing:
            errors["checked_elsewhere"] = [
                f"{not_held(plain_name(law))}，请导入，或者写明在哪里核对过。" for law in missing
            ]
        raise Invalid(
            "正文中引用的法条有误。",
            code="bad_citation",
            errors=errors,
            next_step=HOW_TO_GO_ON if missing else None,
        )
    return [each for each in stated if names.among(each.law, absent)]


def require_needed(elsewhere: Iterable[Elsewhere], needed: Iterable[Elsewhere]) -> None:
    """Raise Invalid for what is said of a law that is held, is not cited or was named before."""
    left = list(needed)
    errors: dict[str, list[str]] = {}
    for position, each in enumerate(elsewhere):
        if each in left:
            left.remove(each)
        else:
            errors[f"checked_elsewhere.{position}.law"] = [
                f"《{plain_name(each.law)}》已经收录、没有被引用或者重复，不需要说明；名称请按引用时的写法填写。"
            ]
    if errors:
        raise Invalid(errors=errors)


def told(elsewhere: Iterable[Elsewhere]) -> str:
    """Return for whoever reads the answer which laws are not held and where they were read; "" when there are none."""
    listed = "；".join(f"《{plain_name(each.law)}》（{each.source}）" for each in elsewhere)
    return f"答复时以下法律文件不在本站法规库中，由承办律师另行核对：{listed}。" if listed else ""


def plain_name(law: str) -> str:
    """Return a law's name without the book marks around it, for a sentence that sets its own."""
    return short(law.strip().removeprefix("《").removesuffix("》"))
