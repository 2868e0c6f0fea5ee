"""What a resident gets for a question: hits of all kinds, what was cited, and never a dead end.

The library ranks; here a strong FAQ or answer is put first (it says in plain words what the article
says in the law's), a wrong citation is told in a sentence, and what was not found is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from typing import Any

from portal.knowledge import cited, index, miss_buffer, next_steps, search_content, unheld
from portal.knowledge.categories import category_keywords, category_labels
from portal.knowledge.documents import FROM_INDEX, TO_INDEX
from portal.knowledge.models import LawLevel, Validity
from portal.knowledge.names import law_names, short
from portal.web.pagination import bad_cursor, seal, unseal
from search_index import (
    Fragment,
    Hit,
    SearchIndex,
    SearchRequest,
    SearchResult,
    analysis,
    to_utf16,
)

KIND_LABELS = {
    "article": "法律条文",
    "faq": "常见问答",
    "guide": "办事指南",
    "answer": "律师答复",
    "decision": "重大决策",
}
LEVEL_LABELS = {level.value: level.label for level in LawLevel}
# What may be put before texts that rank better, because the same was asked before: it says in plain words what
# the articles below it say in the law's.
PLAIN_KINDS = ("faq", "answer")
# What each character of a category's keyword in the question adds to that category's share of the best documents: the
# four of 行政复议 nearly half of all.
KEYWORD_SHARE = 0.1
# Whoever is this deep in a list needs another question, not another page.
DEEPEST = 1000
_PATHS = {
    "article": "/api/v1/articles/{}",
    "faq": "/api/v1/faqs/{}",
    "guide": "/api/v1/guides/{}",
    "answer": "/api/v1/questions/{}",
    "decision": "/api/v1/decisions/{}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A search as asked. Empty filters mean no restriction."""

    text: str
    # True when the text is the beginning of a longer one.
    shortened: bool = False
    kinds: tuple[str, ...] = ()
    levels: tuple[LawLevel, ...] = ()
    validities: tuple[Validity, ...] = ()
    categories: tuple[str, ...] = ()
    as_of: date | None = None
    size: int = 10
    cursor: str | None = None

    @property
    def filtered(self) -> bool:
        """True when a filter may be the reason for finding nothing."""
        return bool(self.kinds or self.levels or self.validities or self.categories or self.as_of)

    def request(self, text: str, offset: int) -> SearchRequest:
        """The library's form of it."""
        return SearchRequest(
            text=text,
            kinds=self.kinds,
            levels=tuple(level.value for level in self.levels),
            validities=tuple(TO_INDEX[validity] for validity in self.validities),
            categories=self.categories,
            as_of=self.as_of,
            offset=offset,
            size=self.size,
            # Whoever chose the kinds wants them in their own order.
            leading_kinds=() if self.kinds else PLAIN_KINDS,
        )


@dataclass(slots=True, kw_only=True)
class Found:
    """The answer to a search. All values are ready for JSON: ids and days are text already."""

    query: str
    shortened: bool
    searched_for: str
    corrected: str | None
    total: int
    weak: bool
    items: list[dict[str, Any]]
    next: str | None
    size: int
    facets: dict[str, list[dict[str, Any]]]
    citations: list[dict[str, Any]]
    nearest_category: dict[str, str] | None
    # True on the last page where results beyond `DEEPEST` are left out.
    cut_short: bool = False
    next_steps: list[dict[str, str]] = field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        """The answer's members, as `SearchResultSchema` describes them."""
        return {
            "query": self.query,
            "shortened": self.shortened,
            "searched_for": self.searched_for,
            "corrected": self.corrected,
            "total": self.total,
            "weak": self.weak,
            "items": self.items,
            "page": {"next": self.next, "size": self.size},
            "facets": self.facets,
            "citations": self.citations,
            "nearest_category": self.nearest_category,
            "next_steps": self.next_steps,
        }


def search(question: Question) -> Found:
    """Answer a search; raises Unavailable without an index and Invalid for a broken cursor."""
    offset, led = decode_cursor(question.cursor)
    needs = search_content.urgent_for(question.text)
    if any(entry["alone"] for entry in needs):
        return _help_alone(question, needs)
    reader = index.reader()
    text, result, corrected = _ask(reader, question, offset)
    page = _page(reader, question, text, result, offset, led)
    labels = category_labels()
    citations, only_names = _citations(reader, question, result)
    only_number = bool(next_steps.number_alone(question.text))
    weak = result.weak or only_names or only_number
    found = Found(
        query=question.text,
        shortened=question.shortened,
        searched_for=text,
        corrected=corrected,
        total=result.total,
        weak=weak,
        items=[item_of(hit, labels) for hit in page.hits],
        next=page.next,
        size=question.size,
        facets=_facets(result, labels),
        citations=citations,
        nearest_category=_nearest(result, question.text, labels),
        cut_short=page.cut_short,
    )
    lost = weak or not found.items
    # An FAQ that is put forward is enough for a question; what a story tells besides is for a person to read.
    enough = result.strong or (page.led and not result.story)
    unsure = led is None and not enough
    found.next_steps = next_steps.of(
        found,
        needs,
        lost=lost,
        unsure=unsure,
        as_of=question.as_of,
        unfiltered=_unfiltered(reader, question, text, found),
    )
    # A wrong number is no gap in the content.
    names_law = only_names or any(each["article_label"] or each["law_link"] for each in citations)
    counted = not (question.filtered or names_law or only_number or needs)
    if lost and led is None and counted:
        category = found.nearest_category["code"] if found.nearest_category else None
        miss_buffer.note(question.text, category)
    return found


def _unfiltered(reader: SearchIndex, question: Question, text: str, found: Found) -> int:
    """How many results the chosen filters have taken away from an empty page."""
    chosen = question.kinds or question.levels or question.validities or question.categories
    if found.total or not chosen:
        return 0
    free = replace(question, kinds=(), levels=(), validities=(), categories=(), size=1)
    return reader.search(free.request(text, 0)).total


@dataclass(frozen=True, slots=True)
class _Page:
    """The hits of one page, and where the next one begins. `led`: one of them was put before what ranks better."""

    hits: list[Hit]
    next: str | None
    cut_short: bool
    led: bool


def _page(
    reader: SearchIndex,
    question: Question,
    text: str,
    result: SearchResult,
    offset: int,
    led: int | None,
) -> _Page:
    """Put together the page that begins at `offset`; `led` says how many were put first on the first one, None there."""
    # It leads on every page or on none, so that the others keep their place in the list.
    leading = _leading(result, question.size)[:led]
    known = {hit.key for hit in leading}
    room = question.size - (len(leading) if led is None else 0)
    hits: list[Hit] = []
    # Where the next page begins in the library's own order, in which the leading one stands elsewhere.
    following = offset
    for hit in result.hits:
        if hit.key not in known:
            if len(hits) == room:
                break
            hits.append(hit)
        following += 1
    if led is None:
        hits[result.leading_place : result.leading_place] = leading
    more = following < min(result.total, DEEPEST) and bool(result.hits)
    if more and result.total - following <= len(leading):
        # What is left may be nothing but what stood first.
        rest = reader.search(replace(question, size=len(leading)).request(text, following)).hits
        more = any(hit.key not in known for hit in rest)
    return _Page(
        hits,
        encode_cursor(following, len(leading)) if more else None,
        DEEPEST <= following < result.total,
        bool(leading),
    )


def _citations(
    reader: SearchIndex, question: Question, result: SearchResult
) -> tuple[list[dict[str, Any]], bool]:
    """Describe what the question cites, and whether it is nothing but the names of laws that are not held."""
    names = reader.snapshot().law_names
    mentions = unheld.mentions(question.text, result.citations, names)
    if mentions:
        # A law that was imported since the last build is held, though no result can be of it yet.
        names = law_names()
        mentions = unheld.mentions(question.text, result.citations, names)
    found = cited.describe(reader, result.citations, question.as_of)
    found += [cited.describe_mention(mention, question.as_of) for mention in mentions]
    if not found:
        held = unheld.held_laws(question.text, names)
        found = cited.describe_laws(held, question.text)
    return found, bool(mentions) and unheld.is_all(question.text, mentions)


def _help_alone(question: Question, needs: list[dict[str, Any]]) -> Found:
    """The answer to somebody who speaks of dying, to whom results would be beside the point: whom to call.

    What somebody in need wrote is nobody's statistics either.
    """
    found = Found(
        query=question.text,
        shortened=question.shortened,
        searched_for=question.text,
        corrected=None,
        total=0,
        weak=False,
        items=[],
        next=None,
        size=question.size,
        facets=_facets(SearchResult(), {}),
        citations=[],
        nearest_category=None,
    )
    found.next_steps = next_steps.of(found, needs, lost=False)
    return found


def _ask(
    reader: SearchIndex, question: Question, offset: int
) -> tuple[str, SearchResult, str | None]:
    """Search for the text, or for its correction when the text itself leads nowhere."""
    result = reader.search(question.request(question.text, offset))
    corrected = result.corrected
    # A right question must not become another one unseen: what may be a guess is asked about.
    if corrected and result.weak and not result.is_guess and not result.citations:
        second = reader.search(question.request(corrected, offset))
        # Where the text itself leads nowhere at all, a weak answer to its correction is still one.
        if not second.weak or (second.hits and not result.hits):
            return corrected, second, corrected
    # Of a few words one may be a slip although the others find something (劳动和同): that is asked, no
    # more. Next to a citation it would only put words into somebody's mouth.
    if result.citations or (corrected and _is_idle(reader, question, result, corrected)):
        corrected = None
    return question.text, result, corrected


def _is_idle(reader: SearchIndex, question: Question, result: SearchResult, corrected: str) -> bool:
    """Whether nobody is helped by being asked about a guess: what surely answers the text comes first for it as well."""
    if not (result.is_guess and result.strong):
        return False
    return _first(reader, question, question.text) == _first(reader, question, corrected)


def _first(reader: SearchIndex, question: Question, text: str) -> str | None:
    """The key of what stands first on the first page for a text."""
    result = reader.search(replace(question, size=1).request(text, 0))
    hits = _leading(result, 1) or result.hits
    return hits[0].key if hits else None


def _leading(result: SearchResult, size: int) -> list[Hit]:
    """The FAQ or answer that is put forward, alone in the list, where the page reaches its place."""
    found = result.leading
    return [found] if found is not None and result.leading_place < size else []


def item_of(hit: Hit, labels: dict[str, str]) -> dict[str, Any]:
    """Return a hit as the schema dumps it; `labels` are the categories' by code."""
    validity = FROM_INDEX[hit.validity]
    return {
        **reference_of(hit),
        "kind_label": KIND_LABELS[hit.kind],
        "heading": hit.heading,
        "law": hit.law or None,
        "article_number": hit.article_number or None,
        "level": hit.level or None,
        "level_label": LEVEL_LABELS.get(hit.level),
        "validity": validity.value,
        "validity_label": validity.label,
        "category": hit.category or None,
        "category_label": labels.get(hit.category),
        "source": hit.source,
        # Of a text about the law the days only tell on which of them it is shown.
        "valid_from": _day(hit.valid_from) if hit.kind == "article" else None,
        "valid_to": _day(hit.valid_to) if hit.kind == "article" else None,
        "dates_exact": hit.dates_exact,
        "published_on": _day(hit.published_at),
        "fragments": [_fragment(fragment) for fragment in hit.fragments],
        "why": hit.why,
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


def _fragment(fragment: Fragment) -> dict[str, Any]:
    # Where each stretch begins and where it ends, in turn.
    edges = iter(to_utf16(fragment.text, chain.from_iterable(fragment.highlights)))
    return {
        "text": fragment.text,
        "highlights": [
            {"start": start, "end": end} for start, end in zip(edges, edges, strict=True)
        ],
    }


def reference_of(hit: Hit) -> dict[str, Any]:
    """Return a hit as a link."""
    subject_id = hit.key.partition(":")[2]
    title = f"《{short(hit.law)}》{hit.number}" if hit.kind == "article" else hit.title
    return {
        "kind": hit.kind,
        "id": subject_id,
        "title": title,
        "url": _PATHS[hit.kind].format(subject_id),
    }


def _facets(result: SearchResult, labels: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Counts per filter value, the largest first, under the names of the query string."""
    facets: dict[str, list[dict[str, Any]]] = {}
    for name in ("kind", "level", "validity", "category"):
        counts = result.facets.get(name, {})
        entries = []
        for value, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
            if name == "validity":
                validity = FROM_INDEX[value]
                value, label = validity.value, validity.label
            elif name == "kind":
                label = KIND_LABELS.get(value, value)
            elif name == "level":
                label = LEVEL_LABELS.get(value, value)
            else:
                label = labels.get(value, value)
            entries.append({"value": value, "label": label, "count": count})
        facets[name] = entries
    return facets


# --- never a dead end ---


def _nearest(result: SearchResult, text: str, labels: dict[str, str]) -> dict[str, str] | None:
    if not result.weak and result.hits:
        return None
    shares = {code: share for code, share in result.categories.items() if code in labels}
    for code, length in _keyword_lengths(text).items():
        shares[code] = shares.get(code, 0.0) + KEYWORD_SHARE * length
    if not shares:
        return None
    code = max(shares, key=lambda each: shares[each])
    return {"code": code, "label": labels[code]}


def by_keyword(text: str) -> str | None:
    """Return the category whose keywords the text holds most of; None when it holds none."""
    lengths = _keyword_lengths(text)
    return max(lengths, key=lambda code: lengths[code], default=None)


def _keyword_lengths(text: str) -> dict[str, int]:
    """How many characters of a text are keywords, by category, in the order of display."""
    text = analysis.normalise(text)
    lengths = {
        code: sum(len(word) for word in words if word in text)
        for code, words in category_keywords()
    }
    return {code: length for code, length in lengths.items() if length}


# --- cursors ---


def encode_cursor(offset: int, led: int) -> str:
    """Return where the next page begins, for `decode_cursor`."""
    return seal([offset, led])


def decode_cursor(cursor: str | None) -> tuple[int, int | None]:
    """Return where the page begins in the library's order, and how many were put first; None on the first page.

    Raises Invalid for what is no cursor of this search.
    """
    if not cursor:
        return 0, None
    place = unseal(cursor)
    if [type(part) for part in place] != [int, int]:
        raise bad_cursor()
    offset, led = place
    if not 0 <= offset < DEEPEST or not 0 <= led <= 1:
        raise bad_cursor()
    return offset, led
