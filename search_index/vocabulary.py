"""What a build has learned of words: read once per generation, since no update changes it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from search_index.learning import Bridges
from search_index.store.files import load_json
from search_index.suggest import Speller
from search_index.thesaurus import Thesaurus


class Vocabulary:
    """The words beside a base segment in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def thesaurus(self) -> Thesaurus:
        """The words and short names this generation was built with."""
        return Thesaurus.load(self.folder / "thesaurus.json")

    @cached_property
    def bridges(self) -> Bridges:
        """The law's words that go with a resident's."""
        stored = load_json(self.folder / "bridges.json")
        return {
            word: tuple((other, share) for other, share in found) for word, found in stored.items()
        }

    @cached_property
    def speller(self) -> Speller:
        """The corrector; a tenth of a second to read."""
        return Speller.load(self.folder)
