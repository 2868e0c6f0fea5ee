"""Files that are no longer what was written: told as such, never written into, and built anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from search_index import (
    IndexDamaged,
    IndexMissing,
    IndexWriter,
    SearchIndex,
    SearchRequest,
)
from search_index import searcher as searcher_module
from tests.search_index.samples import faq, library, put

NOISE = bytes(range(255, 0, -1)) * 40


def cut_in_half(file: Path) -> None:
    put(file, file.read_bytes()[: file.stat().st_size // 2])


def overwritten(file: Path) -> None:
    put(file, NOISE[: file.stat().st_size].ljust(file.stat().st_size, b"\xff"))


@pytest.fixture
def generation(writable: tuple[IndexWriter, SearchIndex]) -> Path:
    writer, _ = writable
    writer.update([faq("later", "后来发布的问题", "答复。")])
    return (writer.folder / "current").resolve()


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("manifest.json", overwritten),
        ("base/segment.json", cut_in_half),
        ("base/law.npy", overwritten),
        ("base/records.jsonl", cut_in_half),
        ("base/words.impacts.npy", cut_in_half),
        ("base/spelling.json", cut_in_half),
        ("base/bridges.json", overwritten),
        ("delta/records.jsonl", cut_in_half),
        ("delta/replaced.json", overwritten),
    ],
)
def test_a_damaged_index_is_refused_until_it_is_built_anew(
    generation: Path,
    writable: tuple[IndexWriter, SearchIndex],
    file: str,
    damage: Callable[[Path], None],
) -> None:
    damage(generation / file)
    writer, _ = writable
    with pytest.raises(IndexDamaged, match="rebuild"):
        SearchIndex.open(writer.folder)
    writer.build(library())
    assert SearchIndex.open(writer.folder).search(SearchRequest(text="租房押金")).hits


@pytest.mark.parametrize("file", ["manifest.json", "base/segment.json", "delta/changes.json"])
def test_nothing_is_written_into_a_damaged_index(
    generation: Path, writable: tuple[IndexWriter, SearchIndex], file: str
) -> None:
    overwritten(generation / file)
    writer, _ = writable
    serving = (generation / "delta").readlink()
    with pytest.raises(IndexDamaged):
        writer.update([faq("x", "问题", "答")])
    assert (generation / "delta").readlink() == serving
    writer.build(library())
    writer.update([faq("x", "问题", "答")])
    assert SearchIndex.open(writer.folder).document("faq:x") is not None


def test_no_file_of_an_index_can_be_cut_short_or_copied_over_by_mistake(generation: Path) -> None:
    files = [path for path in generation.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"manifest.json", "words.impacts.npy", "changes.json"}
    assert [path for path in files if path.stat().st_mode & 0o222] == []


def test_a_fault_of_an_update_is_not_told_as_damage_and_costs_the_index_nothing(
    generation: Path, writable: tuple[IndexWriter, SearchIndex]
) -> None:
    writer, index = writable
    faulty = replace(faq("y", "问题", "答"), text=7)  # type: ignore[arg-type]
    with pytest.raises((TypeError, AttributeError)):
        writer.update([faulty])
    index.verify()
    writer.update([faq("x", "问题", "答")])
    assert SearchIndex.open(writer.folder).document("faq:x") is not None


def test_where_the_generation_is_gone_and_its_link_is_left_a_build_puts_one_there(
    generation: Path, writable: tuple[IndexWriter, SearchIndex]
) -> None:
    shutil.rmtree(generation)
    writer, _ = writable
    with pytest.raises(IndexMissing):
        writer.update([faq("x", "问题", "答")])
    writer.build(library())
    assert SearchIndex.open(writer.folder).search(SearchRequest(text="租房押金")).hits


def test_an_open_index_searches_on_when_its_folder_is_removed_and_says_what_it_lacks(
    generation: Path, writable: tuple[IndexWriter, SearchIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searcher_module, "CHECK_SECONDS", -1.0)
    writer, _ = writable
    index = SearchIndex.open(writer.folder)
    shutil.rmtree(writer.folder)
    assert index.search(SearchRequest(text="房东不退押金", leading_kinds=("faq",))).hits
    with pytest.raises(IndexMissing):
        index.suggest("押")
    with pytest.raises(IndexDamaged):
        index.staff_search("押金")


def test_a_record_that_cannot_be_read_is_told_by_the_search_that_meets_it(
    generation: Path, writable: tuple[IndexWriter, SearchIndex]
) -> None:
    writer, _ = writable
    index = SearchIndex.open(writer.folder)
    index.verify()
    overwritten(generation / "base" / "records.jsonl")
    with pytest.raises(IndexDamaged):
        index.search(SearchRequest(text="租房押金"))


@pytest.mark.parametrize("file", ["base/lessons.jsonl", "base/valid_from.npy", "delta/cuts.bin"])
def test_other_bytes_of_the_same_length_are_found_by_reading_them_all(
    generation: Path, writable: tuple[IndexWriter, SearchIndex], file: str
) -> None:
    writer, _ = writable
    SearchIndex.open(writer.folder).verify()
    content = (generation / file).read_bytes()
    put(generation / file, content[:-1] + bytes([content[-1] ^ 1]))
    index = SearchIndex.open(writer.folder)
    with pytest.raises(IndexDamaged, match="is not what was written"):
        index.verify()


def test_a_generation_of_an_earlier_program_that_noted_no_files_is_read(
    generation: Path, writable: tuple[IndexWriter, SearchIndex]
) -> None:
    (generation / "base" / "files.json").unlink()
    writer, _ = writable
    assert SearchIndex.open(writer.folder).search(SearchRequest(text="租房押金")).hits
