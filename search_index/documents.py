"""What goes into the index and what comes out: plain dataclasses without behaviour of their own.

Offsets in these classes are Python string indexes (code points); `highlight.to_utf16` converts them
for a JavaScript front end.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal

KINDS = ("article", "faq", "guide", "answer", "decision")

Why = Literal["citation", "words"]
CitationStatus = Literal["found", "no_such_article", "no_such_law", "ambiguous"]


# What is not the law of today.
OUT_OF_FORCE = ("amended", "repealed", "not_yet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One findable thing: an article of law, an FAQ, a guide, a published answer or a decision.

    `key` is unique over the index. `article_number` is canonical ("1254", "120-1") or "".
    `valid_from` is the first day in force, `valid_to` the first day no longer in force; with
    `dates_exact` false one of them is inferred.
    `cites` holds keys of articles which an FAQ or answer cites; its question then becomes
    searchable text of those articles.
    """

    key: str
    kind: str
    title: str
    text: str
    heading: str = ""
    number: str = ""
    questions: tuple[str, ...] = ()
    law: str = ""
    article_number: str = ""
    level: str = ""
    validity: str = "unknown"
    category: str = ""
    source: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    dates_exact: bool = True
    cites: tuple[str, ...] = ()
    published_at: date | None = None

    def to_record(self) -> dict[str, Any]:
        """The document as JSON-ready values; `from_record` is the inverse."""
        record = asdict(self)
        for name in DATES:
            value = record[name]
            record[name] = value.isoformat() if value is not None else None
        return record

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Document:
        """Rebuild a document from `to_record`; unknown entries are ignored."""
        values = {name: record[name] for name in _FIELDS if name in record}
        for name in DATES:
            values[name] = read_day(values.get(name))
        for name in ("questions", "cites"):
            values[name] = tuple(values.get(name) or ())
        return cls(**values)


DATES = ("valid_from", "valid_to", "published_at")


def read_day(text: str | None) -> date | None:
    """The day that `to_record` wrote, None for none."""
    return date.fromisoformat(text[:10]) if text else None


_FIELDS = tuple(Document.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a document's text with the stretches to mark, offsets relative to `text`."""

    text: str
    highlights: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One result: what a list shows of a document, and why it is there."""

    key: str
    kind: str
    title: str
    heading: str
    number: str
    law: str
    article_number: str
    level: str
    validity: str
    category: str
    source: str
    valid_from: date | None
    valid_to: date | None
    dates_exact: bool
    published_at: date | None
    score: float
    fragments: tuple[Fragment, ...]
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A question to the index. Empty filters restrict nothing; `as_of` is a day in Beijing.

    `leading_kinds` asks beside the page for the hit of those kinds that asks what the request asks.
    """

    text: str
    kinds: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    validities: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    as_of: date | None = None
    offset: int = 0
    size: int = 10
    leading_kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationMatch:
    """A citation found in the request's text and what the index knows of it.

    `part` is what stands behind the article's number: 第一款第(二)项.
    """

    text: str
    law: str
    number: str
    status: CitationStatus
    keys: tuple[str, ...] = ()
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """One page of hits, with counts per filter value.

    Each facet is counted with every filter applied except its own. `weak` says that the first hits hold
    little of what was asked or hardly stand out; staff count such searches as misses, and
    `categories` then tells to which the best documents belong, in shares of 1. What is neither weak nor
    `strong` may fit or not. `corrected` is the text with a likely slip put right; where `is_guess`, it
    is to be asked about and not assumed. `leading` asks the same as the request and belongs at
    `leading_place` of the list, 0 where that is certain or nothing else is nearly as alike, although it ranks lower.
    `story` says that the text was read as one, and not as a question.
    """

    hits: tuple[Hit, ...] = ()
    leading: Hit | None = None
    leading_place: int = 0
    total: int = 0
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    citations: tuple[CitationMatch, ...] = ()
    corrected: str | None = None
    is_guess: bool = False
    categories: dict[str, float] = field(default_factory=dict)
    weak: bool = False
    strong: bool = True
    story: bool = False


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One line offered while typing; `key` is the document it leads to, "" for a law's name."""

    text: str
    kind: str
    key: str
