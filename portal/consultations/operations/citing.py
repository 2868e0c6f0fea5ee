"""What an answer rests on: its list of articles, and of laws that are not held what its author says where they were read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from portal.consultations.models import Answer, AnswerCitation
from portal.core.db import db
from portal.core.errors import Invalid
from portal.knowledge import standing
from portal.knowledge.standing import Elsewhere


@dataclass(frozen=True)
class CitationEntry:
    """A citation as the lawyer types it."""

    law: str
    article: str


def replace(
    answer: Answer, entries: Sequence[CitationEntry], elsewhere: Sequence[Elsewhere]
) -> None:
    """Give an answer another list of articles, each as its law writes itself; raises Invalid that names what fails."""
    problems: dict[str, list[str]] = {}
    rows = []
    for position, entry in enumerate(entries):
        try:
            basis = standing.rest_on(entry.law, entry.article, elsewhere, answer.text)
        except Invalid as error:
            problems[f"citations.{position}"] = [error.message]
        else:
            rows.append(AnswerCitation(position=position, **asdict(basis)))
    _refuse(problems)
    answer.citations.clear()
    db.session.flush()
    answer.citations.extend(rows)
    _keep(answer, elsewhere)


def _refuse(problems: dict[str, list[str]]) -> None:
    if problems:
        raise Invalid(
            "引用的法条没有通过核验。",
            code="bad_citation",
            errors=problems,
            next_step=standing.HOW_TO_GO_ON,
        )


def _keep(answer: Answer, elsewhere: Iterable[Elsewhere]) -> None:
    answer.checked_elsewhere = [asdict(each) for each in elsewhere]


def read_elsewhere(answer: Answer) -> list[Elsewhere]:
    """Return what its author said of the laws that are not held."""
    return [Elsewhere(**each) for each in answer.checked_elsewhere or ()]


def require_good(answer: Answer) -> list[Elsewhere]:
    """Return what is needed of what the author said; raises Invalid when the text cites what it cannot rest on."""
    not_held = [row.law for row in answer.citations if row.article_id is None]
    return standing.require_good_citations(answer.text, read_elsewhere(answer), not_held)


def look_again(answer: Answer) -> None:
    """Check everything anew before the answer is signed: laws may have changed, or been imported, since it was handed in.

    Raises Invalid that names what no longer holds. A law that is held now is checked like all others, and nothing is left
    of what was said about it.
    """
    gone = standing.no_longer_law(row.article_id for row in answer.citations if row.article_id)
    problems: dict[str, list[str]] = {}
    for position, row in enumerate(answer.citations):
        if row.article_id in gone:
            problems[f"citations.{position}"] = [f"《{row.law}》{row.article}不再是现行条文。"]
        elif row.article_id is None:
            try:
                basis = standing.rest_on(row.law, row.article, read_elsewhere(answer), answer.text)
            except Invalid as error:
                problems[f"citations.{position}"] = [error.message]
            else:
                row.law, row.article, row.article_id = basis.law, basis.article, basis.article_id
    _refuse(problems)
    _keep(answer, require_good(answer))
