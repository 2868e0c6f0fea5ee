"""Completion while typing: questions, guides, laws, and the articles whose number is begun."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, zip_longest
from pathlib import Path

from search_index import analysis
from search_index.documents import Document, Suggestion
from search_index.laws import LawNames, simplify
from search_index.learning import wordings
from search_index.numerals import NUMERAL, article_order, format_article_number
from search_index.store.files import load_json, save_json

_ARTICLE_BEGUN = re.compile(
    rf"《?(?P<law>[^《》]*?[^《》0-9\s第])》?\s*(?:第?\s*(?P<digits>[0-9]{{1,4}})|第(?P<written>(?:{NUMERAL})?))"
    rf"\s*(?P<closed>(?:条?之(?:{NUMERAL})?|条)?)"
)
# The name of a law that is being written in book marks.
_NAME_BEGUN = re.compile("《([^《》]*)》?")
MOST_ARTICLES = 5
_PEOPLE_ASK = ("faq", "guide", "answer", "decision")
# Characters of a line that fits under a search field.
LONGEST_LINE = 40


def write_suggestions(folder: Path, documents: Sequence[Document]) -> None:
    """Write the completion lines of a segment: questions, guides and the names of laws."""
    lines: dict[str, tuple[str, str, str]] = {}
    laws: Counter[str] = Counter()
    for document in documents:
        if document.kind == "article":
            laws[document.law] += 1
        elif document.kind in _PEOPLE_ASK:
            for text in wordings(document):
                # A published question may be a whole story: text to search in, not to complete with.
                if len(text) > LONGEST_LINE or "\n" in text:
                    continue
                lines.setdefault(line_key(text), (text.strip(), document.kind, document.key))
    for law in laws:
        if law:
            lines.setdefault(line_key(law), (law, "law", ""))
    save_json(
        folder / "suggestions.json",
        [[_storable(text), kind, _storable(key)] for text, kind, key in lines.values() if text],
    )


def asked_lines(folder: Path) -> list[tuple[str, str]]:
    """The lines of a segment that are questions or titles, each with the key of its document."""
    stored: list[list[str]] = load_json(folder / "suggestions.json")
    return [(text, key) for text, kind, key in stored if kind in _PEOPLE_ASK]


def line_key(text: str) -> str:
    """What two lines share that differ in signs alone: 低保怎么申请 and 低保怎么申请？."""
    return "".join(filter(str.isalnum, analysis.normalise(text)))


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


@dataclass(slots=True)
class Completion:
    """Lines to complete from, ready for lookups by prefix and by inner words."""

    lines: list[Suggestion]
    _keys: list[tuple[str, int]]
    # All of them in one text, for looking where something stands, and where each begins in it.
    _text: str
    _starts: list[int]

    @classmethod
    def load(cls, folder: Path, skip: Callable[[str], bool] = lambda key: False) -> Completion:
        """Read a segment's lines, leaving out those whose document `skip` names."""
        stored: list[list[str]] = load_json(folder / "suggestions.json")
        lines = [
            Suggestion(text, kind, key) for text, kind, key in stored if not (key and skip(key))
        ]
        keys = []
        for number, line in enumerate(lines):
            plain = analysis.normalise(line.text)
            keys.append((plain, number))
            if line.kind == "law" and simplify(plain) != plain:
                keys.append((simplify(plain), number))
        keys.sort()
        starts = accumulate((len(key) + 1 for key, _ in keys), initial=0)
        return cls(lines, keys, "\n".join(key for key, _ in keys), list(starts))

    def complete(self, prefix: str, size: int) -> list[Suggestion]:
        """Lines that begin with `prefix`, shortest first, then those that hold it or its parts.

        In book marks only the names of laws are meant. Of one character, which says little, questions and
        laws take turns.
        """
        plain = analysis.normalise(prefix).strip()
        if not plain or size <= 0:
            return []
        name = _NAME_BEGUN.fullmatch(plain)
        if name is not None:
            return self._laws(name[1].strip(), size)
        chosen: dict[int, None] = {}
        place = bisect_left(self._keys, (plain, -1))
        starts = []
        while place < len(self._keys) and self._keys[place][0].startswith(plain):
            starts.append((len(self._keys[place][0]), self._keys[place][1]))
            place += 1
            if len(starts) >= 500:
                break
        ordered = [number for _, number in sorted(starts)]
        if len(plain) == 1:
            ordered = self._taking_turns(ordered)
        chosen.update(dict.fromkeys(ordered))
        if len(chosen) < size:
            chosen.update(dict.fromkeys(self._holding([plain])))
        if len(chosen) < size and len(plain) >= 3:
            parts = set(analysis.content_words(plain)) - {plain}
            if parts:
                chosen.update(dict.fromkeys(self._holding(parts)))
        return [self.lines[number] for number in list(chosen)[:size]]

    def _holding(self, parts: Collection[str]) -> list[int]:
        """The lines that hold all of `parts`, the shortest first."""
        # Few lines hold the longest part, and a look through one text finds them soonest.
        rarest = max(parts, key=len)
        found = []
        place = self._text.find(rarest)
        while place >= 0:
            line = bisect_right(self._starts, place) - 1
            text, number = self._keys[line]
            if all(part in text for part in parts):
                found.append((len(text), number))
            place = self._text.find(rarest, self._starts[line + 1])
        return [number for _, number in sorted(found)]

    def longest_beginning(self, text: str) -> str:
        """The longest beginning of `text`, of two characters and more, that a line holds; "" without one."""
        plain = " ".join(analysis.normalise(text).split())
        # Whatever holds a beginning holds all shorter ones.
        low, high = 1, len(plain)
        while low < high:
            middle = (low + high + 1) // 2
            if plain[:middle] in self._text:
                low = middle
            else:
                high = middle - 1
        beginning = plain[:low]
        # 我想 and 怎么 begin every question and lead to none.
        return beginning if low > 1 and analysis.content_words(beginning) else ""

    def _laws(self, name: str, size: int) -> list[Suggestion]:
        """The laws whose name begins with `name`, then those that hold it, the shortest first."""
        found = sorted(
            (not key.startswith(name), len(key), number)
            for key, number in self._keys
            if name in key and self.lines[number].kind == "law"
        )
        chosen = dict.fromkeys(number for _, _, number in found)
        return [self.lines[number] for number in list(chosen)[:size]]

    def _taking_turns(self, numbers: Sequence[int]) -> list[int]:
        asked = [number for number in numbers if self.lines[number].kind != "law"]
        laws = [number for number in numbers if self.lines[number].kind == "law"]
        pairs = zip_longest(asked, laws)
        return [number for pair in pairs for number in pair if number is not None]


def begun_article(typed: str, laws: LawNames) -> tuple[str, Callable[[str], bool]] | None:
    """The law and which canonical numbers are meant by 民法典1, 民法典第, 民法典第1条 or 民法典第一千; None for others.

    Only the names and short names of laws are known here: letters in order would take too long.
    """
    begun = _ARTICLE_BEGUN.fullmatch(analysis.normalise(typed).strip())
    if begun is None or laws.longest_ending(begun["law"], len(begun["law"])) != 0:
        return None
    meant = laws.resolve(begun["law"])
    if len(meant) != 1:
        return None
    digits, written, closed = begun["digits"], begun["written"], begun["closed"]
    if not (digits or written or closed):
        return meant[0], bool
    if digits and not closed:
        return meant[0], lambda number: number.startswith(digits)
    if digits:
        whole = format_article_number(digits)
        label = whole + closed.removeprefix("条")
    else:
        label = f"第{written}" + (
            closed if closed.startswith("条") or not closed else f"条{closed}"
        )
    return meant[0], lambda number: format_article_number(number).startswith(label)


def few_articles(numbers: Iterable[str], size: int) -> list[str]:
    """A few canonical numbers in order: of each length the first (1, 10, 100, 1000), then the next ones."""
    ordered = sorted(numbers, key=article_order)
    firsts: dict[int, str] = {}
    for number in ordered:
        firsts.setdefault(len(number.partition("-")[0]), number)
    chosen = list(dict.fromkeys([*firsts.values(), *ordered]))[: min(size, MOST_ARTICLES)]
    return sorted(chosen, key=article_order)
