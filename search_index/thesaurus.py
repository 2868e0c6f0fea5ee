"""What the district knows about words: short names of laws, residents' words for the law's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from search_index.analysis import normalise
from search_index.errors import SearchIndexError
from search_index.store.files import load_json, save_json


class Entries(dict[str, tuple[str, ...]]):
    """A resident's word to the law's words; not changed once it is made.

    `begins` are the first two characters of every word: most places of a question begin none.
    """

    def __init__(
        self, words: Mapping[str, tuple[str, ...]] | Iterable[tuple[str, tuple[str, ...]]] = ()
    ) -> None:
        super().__init__(words)
        self.begins = frozenset(word[:2] for word in self)


@dataclass(frozen=True, slots=True)
class Thesaurus:
    """`law_names`: short name to full name. `words`: a resident's word to the law's words."""

    law_names: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=Entries)

    @classmethod
    def from_yaml(cls, path: Path) -> Thesaurus:
        """Read `content/thesaurus.yaml`; raises SearchIndexError naming what is wrong in it."""
        value = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        if not isinstance(value, dict):
            raise SearchIndexError(f"{path.name}: a mapping is expected at the top")
        names = value.get("law_names") or {}
        words = value.get("words") or {}
        if not isinstance(names, dict) or not isinstance(words, dict):
            raise SearchIndexError(f"{path.name}: law_names and words must be mappings")
        for word, others in words.items():
            if not isinstance(others, list) or not all(isinstance(item, str) for item in others):
                raise SearchIndexError(f"{path.name}: {word} needs a list of words")
        return cls.of(names, words)

    @classmethod
    def of(cls, law_names: Mapping[str, str], words: Mapping[str, Iterable[str]]) -> Thesaurus:
        """Return the thesaurus of these short names and words, as somebody wrote them."""
        return cls(
            {str(short): str(full) for short, full in law_names.items()},
            Entries(
                (normalise(str(word)), tuple(map(normalise, others)))
                for word, others in words.items()
            ),
        )

    def save(self, path: Path) -> None:
        """Keep a copy beside the index, so that readers and writers agree."""
        save_json(path, {"law_names": dict(self.law_names), "words": dict(self.words)})

    @classmethod
    def load(cls, path: Path) -> Thesaurus:
        """Read what `save` wrote."""
        value = load_json(path)
        words = ((word, tuple(others)) for word, others in value["words"].items())
        return cls(value["law_names"], Entries(words))
