"""Indexes for the tests: one built once for reading, one per test for writing."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from search_index import IndexWriter, SearchIndex
from tests.search_index.samples import THESAURUS, library

CORPUS = Path(__file__).resolve().parents[2] / ".." / "shared" / "corpus"


@pytest.fixture(scope="session")
def library_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built index of the sample documents that nobody writes to."""
    folder = tmp_path_factory.mktemp("library")
    IndexWriter(folder, THESAURUS).build(library())
    return folder


@pytest.fixture(scope="session")
def index(library_folder: Path) -> SearchIndex:
    """The sample index, open."""
    return SearchIndex.open(library_folder)


@pytest.fixture
def writable(tmp_path: Path) -> tuple[IndexWriter, SearchIndex]:
    """An index of the samples of this test's own, which sees every change at once."""
    writer = IndexWriter(tmp_path / "index", THESAURUS)
    writer.build(library())
    return writer, SearchIndex.open(tmp_path / "index")


def corpus_file(name: str) -> Path:
    """A file of the shared corpus; without it the test is skipped, in CI it fails."""
    path = CORPUS / name
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"the corpus file {name} is missing")
        pytest.skip(f"the corpus file {name} is not there")
    return path


@pytest.fixture(scope="session")
def corpus_articles() -> list[dict[str, Any]]:
    """All articles of the corpus."""
    with gzip.open(corpus_file("articles.jsonl.gz"), "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]
