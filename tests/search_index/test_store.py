"""Building and updating: what other processes see, and that nothing half-done ever serves."""

from __future__ import annotations

import errno
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search_index import (
    BuildInProgress,
    Document,
    IndexFormatError,
    IndexMissing,
    IndexWriteError,
    IndexWriter,
    SearchIndex,
    SearchRequest,
    WriterBusy,
)
from search_index import searcher as searcher_module
from search_index.store import files
from search_index.store import writer as writer_module
from tests.search_index.samples import CODE, LABOUR, THESAURUS, article, faq, library, put

ROOT = Path(__file__).resolve().parents[2]
Pair = tuple[IndexWriter, SearchIndex]


def keys(index: SearchIndex, text: str, **options: object) -> list[str]:
    return [hit.key for hit in index.search(SearchRequest(text=text, **options)).hits]  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers look at the links on every search, so that tests need not wait."""
    monkeypatch.setattr(searcher_module, "CHECK_SECONDS", -1.0)


def test_an_update_reads_no_word_of_the_build_again(writable: Pair) -> None:
    writer, index = writable
    built = index.snapshot()
    writer.update([faq("ebike", "电动车在楼道充电着火了谁负责", "楼道内禁止充电。")])
    updated = index.snapshot()
    assert updated is not built
    assert (updated.base, updated.words) == (built.base, built.words)
    writer.build([faq("ebike", "电动车在楼道充电着火了谁负责", "楼道内禁止充电。")])
    assert index.snapshot().words is not built.words


def test_an_update_is_found_and_a_deletion_is_gone(writable: Pair) -> None:
    writer, index = writable
    assert keys(index, "电动车充电着火") == []
    writer.update([faq("ebike", "电动车在楼道充电着火了谁负责", "楼道内禁止充电。")])
    assert keys(index, "电动车充电着火") == ["faq:ebike"]
    assert index.staff_search("电动车")[0].key == "faq:ebike"
    assert index.suggest("电动车")[0].key == "faq:ebike"
    assert index.document("faq:ebike") is not None
    writer.update([], ["faq:ebike", "faq:deposit"])
    assert keys(index, "电动车充电着火") == []
    assert index.document("faq:ebike") is None
    assert index.document("faq:deposit") is None
    assert "faq:deposit" not in keys(index, "房东不退押金怎么办")
    assert index.suggest("房东") == []
    assert index.staff_search("kind:faq 押金") == []


def test_a_changed_document_replaces_its_former_text(writable: Pair) -> None:
    writer, index = writable
    writer.update([faq("deposit", "车位被人占了怎么办？", "先联系物业。")])
    assert keys(index, "车位被占")[0] == "faq:deposit"
    assert "faq:deposit" not in keys(index, "聊天记录 转账记录")
    writer.update([faq("deposit", "车位被人占了怎么办？", "先联系物业。")])
    assert keys(index, "车位被占").count("faq:deposit") == 1
    assert index.info()["documents"] == len(library())


def citations_of(index: SearchIndex, key: str) -> int:
    """How many documents cite an article, as its prior has it."""
    snapshot = index.snapshot()
    row = snapshot.row_of(key)
    assert row is not None
    return round(math.expm1(float(snapshot.teaching.article_prior[row])))


def lessons_of(index: SearchIndex, key: str) -> tuple[tuple[str, str], ...]:
    """What the delta holds as taught to an article."""
    delta = index.snapshot().delta
    assert delta is not None
    row = delta.row_of(key)
    assert row is not None
    return delta.entry(row).lessons


def test_a_published_answer_teaches_the_articles_it_cites(writable: Pair) -> None:
    writer, index = writable
    question = "楼上扔下来的花盆砸坏了我的汽车"
    target = f"article:{CODE}:5"
    assert keys(index, "花盆砸坏汽车", kinds=("article",)) == []
    before = index.snapshot().delta
    writer.update([faq("pot", question, "找侵权人赔。", kind="answer", cites=(target,))])
    assert before is None
    assert keys(index, "花盆砸坏汽车", kinds=("article",)) == [target]
    assert lessons_of(index, target) == (("answer:pot", question),)
    # Said twice it counts once; taken back it is unlearned.
    writer.update([faq("pot", question, "找侵权人赔偿。", kind="answer", cites=(target,))])
    assert citations_of(index, target) == 1
    writer.update([], ["answer:pot"])
    assert keys(index, "花盆砸坏汽车", kinds=("article",)) == []


def test_taking_back_an_answer_of_the_base_unlearns_it(writable: Pair) -> None:
    writer, index = writable
    target = f"article:{CODE}:4"
    assert target in keys(index, "邻居家", kinds=("article",))
    writer.update([], ["answer:dog"])
    assert citations_of(index, target) == 0
    assert lessons_of(index, target) == ()


def test_an_article_replaced_in_the_delta_keeps_what_it_learned(writable: Pair) -> None:
    writer, index = writable
    writer.update([article(CODE, "4", "饲养的动物造成他人损害的，饲养人承担责任（修正）。")])
    assert f"article:{CODE}:4" in keys(index, "被邻居家的狗咬伤", kinds=("article",))
    writer.update([article(LABOUR, "9", "新增的加班费条文。")])
    assert index.find_citations("示劳9")[0].status == "found"
    assert [d.article_number for d in index.neighbours(f"article:{LABOUR}:9")] == ["4"]
    assert "已经废止" in keys_text(index, "示劳4")


def keys_text(index: SearchIndex, text: str) -> str:
    return index.search(SearchRequest(text=text)).hits[0].fragments[0].text


def test_lessons_of_unknown_or_deleted_articles_are_ignored(writable: Pair) -> None:
    writer, index = writable
    writer.update(
        [
            faq(
                "odd",
                "稀奇的问题",
                "答。",
                cites=("article:missing", "faq:wages", f"article:{CODE}:6"),
            )
        ],
        [f"article:{CODE}:6"],
    )
    assert keys(index, "稀奇的问题") == ["faq:odd"]
    assert index.document(f"article:{CODE}:6") is None


def test_a_build_folds_the_delta_in_and_keeps_what_came_meanwhile(writable: Pair) -> None:
    writer, index = writable
    writer.update([faq("early", "早先补充的问题", "答复。")], ["faq:plan"])

    def documents() -> Iterator[Document]:
        yield from library()
        writer.update([faq("meanwhile", "重建期间发布的问题", "答复。")], ["faq:wages"])

    name = writer.build(documents())
    assert index.info()["generation"] == name == "000002"
    assert keys(index, "重建期间发布的问题")[0] == "faq:meanwhile"
    assert index.document("faq:wages") is None
    # What was written before the build began is the build's own business.
    assert index.document("faq:early") is None
    assert writer.build(library()) == "000003"
    assert index.document("faq:wages") is not None


def test_old_generations_and_deltas_are_cleared_away(writable: Pair, tmp_path: Path) -> None:
    writer, index = writable
    for _ in range(6):
        writer.build(library())
    kept = sorted(path.name for path in (tmp_path / "index" / "generations").iterdir())
    assert kept == ["000003", "000004", "000005", "000006", "000007"]
    deltas = tmp_path / "index" / "generations" / "000007" / "deltas"
    for turn in range(5):
        writer.update([faq("same", f"第{turn}次的问题", "答。")])
    # A search that began before them may still open their files, so the young ones stay for some seconds.
    assert sorted(path.name for path in deltas.iterdir()) == ["1", "2", "3", "4", "5"]
    for path in deltas.iterdir():
        os.utime(path, (time.time() - 60, time.time() - 60))
    writer.update([faq("same", "第4次的问题", "答。")])
    assert sorted(path.name for path in deltas.iterdir()) == ["4", "5", "6"]
    assert index.document("faq:same").title == "第4次的问题"  # type: ignore[union-attr]


def test_without_an_index_everything_says_so(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        SearchIndex.open(tmp_path)
    with pytest.raises(IndexMissing):
        IndexWriter(tmp_path).update([faq("x", "问题", "答")])


def test_an_index_of_another_format_is_refused(writable: Pair, tmp_path: Path) -> None:
    manifest = tmp_path / "index" / "generations" / "000001" / "manifest.json"
    put(manifest, json.dumps({"format": 0}))
    with pytest.raises(IndexFormatError, match="rebuild"):
        SearchIndex.open(tmp_path / "index")
    # Nor is anything written into it; the next build takes nothing over from it.
    writer, _ = writable
    with pytest.raises(IndexFormatError, match="rebuild"):
        writer.update([faq("x", "问题", "答")])
    assert not (tmp_path / "index" / "generations" / "000001" / "delta").exists()
    writer.build(library())
    assert keys(SearchIndex.open(tmp_path / "index"), "租房押金")


@pytest.mark.parametrize("copied_as", ["folder", "file"])
def test_an_index_copied_without_its_links_counts_as_missing_until_it_is_built_anew(
    writable: Pair, tmp_path: Path, copied_as: str
) -> None:
    """As a copy that follows links leaves it, or an archive that knows none."""
    writer, _ = writable
    link = tmp_path / "index" / "current"
    target = link.resolve()
    link.unlink()
    if copied_as == "folder":
        shutil.copytree(target, link)
    else:
        link.write_text(f"generations/{target.name}", encoding="utf-8")
    with pytest.raises(IndexMissing):
        SearchIndex.open(tmp_path / "index")
    writer.build(library())
    assert link.is_symlink()
    assert keys(SearchIndex.open(tmp_path / "index"), "租房押金")


def test_an_open_index_outlives_its_files(writable: Pair, tmp_path: Path) -> None:
    _, index = writable
    (tmp_path / "index" / "current").unlink()
    assert "faq:deposit" in keys(index, "房东不退押金")


def test_a_process_of_the_old_program_serves_on_when_a_new_one_publishes_another_format(
    writable: Pair, tmp_path: Path
) -> None:
    writer, index = writable
    before = keys(index, "租房押金")
    assert before
    writer.build(library(), writer_module.silent)
    manifest = tmp_path / "index" / "current" / "manifest.json"
    put(manifest, json.dumps({**json.loads(manifest.read_text()), "format": 99}))
    assert keys(index, "租房押金") == before


def test_an_empty_index_answers(tmp_path: Path) -> None:
    writer = IndexWriter(tmp_path)
    writer.build([])
    index = SearchIndex.open(tmp_path)
    assert index.search(SearchRequest(text="押金")).total == 0
    assert index.suggest("押金") == []
    writer.update([faq("first", "押金不退怎么办", "答。")])
    assert keys(index, "押金不退") == ["faq:first"]
    writer.update([], ["faq:first"])
    assert keys(index, "押金不退") == []


def test_documents_with_odd_characters_survive(writable: Pair) -> None:
    writer, index = writable
    odd = faq(
        "odd\ud800", "奇怪的\ud83d字符😀问题", "答\x00复\udfff。", questions=("", "另一种问法")
    )
    writer.update([odd])
    assert index.document("faq:odd\ud800") == odd
    assert keys(index, "奇怪的字符问题")[0] == "faq:odd\ud800"
    writer.build([*library(), odd])
    assert index.document("faq:odd\ud800") == odd


def test_progress_is_reported_to_the_end(tmp_path: Path) -> None:
    seen: dict[str, tuple[int, int]] = {}
    IndexWriter(tmp_path).build(
        library(), lambda stage, done, total: seen.update({stage: (done, total)})
    )
    steps = {"collect", "analyse", "compile", "records", "words", "order", "sync", "publish"}
    assert set(seen) == steps
    assert all(done == total for done, total in seen.values())


def test_two_builders_one_wins_the_other_says_so(writable: Pair) -> None:
    writer, _ = writable
    inside, release = threading.Event(), threading.Event()

    def slow() -> Iterator[Document]:
        inside.set()
        release.wait(10)
        yield from library()

    thread = threading.Thread(target=writer.build, args=(slow(),))
    thread.start()
    try:
        assert inside.wait(10)
        with pytest.raises(BuildInProgress):
            IndexWriter(writer.folder).build(library())
    finally:
        release.set()
        thread.join()


def test_a_held_lock_makes_the_second_writer_wait_and_say_so(
    writable: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, _ = writable
    monkeypatch.setattr(writer_module, "WRITE_WAIT_SECONDS", 0.05)
    with files.locked(writer.folder / "write.lock", 0.0), pytest.raises(WriterBusy):
        writer.update([faq("x", "问题", "答")])


@pytest.mark.parametrize("stage", ["records", "words", "sync"])
def test_a_full_disk_leaves_the_old_generation_serving(
    writable: Pair, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    writer, index = writable

    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    names = {"records": "write_segment", "words": "write_whoosh", "sync": "seal_tree"}
    monkeypatch.setattr(writer_module, names[stage], full)
    with pytest.raises(IndexWriteError, match="No space left"):
        writer.build(library())
    with pytest.raises(IndexWriteError, match="still serves"):
        writer.update([faq("x", "问题", "答")])
    monkeypatch.undo()
    assert [path.name for path in (writer.folder / "generations").iterdir()] == ["000001"]
    assert "faq:deposit" in keys(index, "房东不退押金")
    writer.update([faq("healed", "磁盘腾出来以后的问题", "答")])
    index = SearchIndex.open(writer.folder)
    assert keys(index, "磁盘腾出来")[0] == "faq:healed"


def test_a_link_that_cannot_be_switched_leaves_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="Read-only"):
        files.switch_link(tmp_path / "current", "somewhere")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_tries_again_when_a_generation_is_cleared_under_it(
    writable: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, _ = writable
    real = searcher_module.Snapshot
    calls: list[int] = []

    def flaky(*args: object) -> object:
        calls.append(1)
        if len(calls) < 3:
            raise FileNotFoundError("cleared away")
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(searcher_module, "Snapshot", flaky)
    assert SearchIndex.open(writer.folder).info()["generation"] == "000001"
    calls.clear()
    monkeypatch.setattr(searcher_module, "_OPEN_ATTEMPTS", 2)
    with pytest.raises(FileNotFoundError):
        SearchIndex.open(writer.folder)


_READER = """
import sys, time
from pathlib import Path
from search_index import SearchIndex, SearchRequest
index = SearchIndex.open(Path(sys.argv[1]))
index.search(SearchRequest(text="预热"))
print("ready", flush=True)
deadline = time.monotonic() + 10
while time.monotonic() < deadline:
    if index.search(SearchRequest(text="跨进程可见的新问题")).total:
        print("seen", time.time(), flush=True)
        break
    time.sleep(0.02)
"""


def test_an_update_is_visible_in_another_process_within_two_seconds(tmp_path: Path) -> None:
    writer = IndexWriter(tmp_path)
    writer.build(library())
    with subprocess.Popen(
        [sys.executable, "-c", _READER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        writer.update([faq("cross", "跨进程可见的新问题", "答复。")])
        written = time.time()
        line = reader.stdout.readline()
    assert line.startswith("seen")
    assert float(line.split()[1]) - written < 2.0


def _killed_at_random(action: str, folder: Path, rounds: int, check: Callable[[], None]) -> int:
    """Start the actor `rounds` times and kill it in the middle of its work; returns rounds done."""
    dice = random.Random(7)
    finished = 0
    for _ in range(rounds):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.search_index.crash_actor", action, str(folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as actor:
            assert actor.stdout is not None
            for line in actor.stdout:
                finished += line.startswith("done")
                if line.startswith("begin") and line.split()[1] != "0":
                    break
            time.sleep(dice.random() * 0.4)
            os.kill(actor.pid, signal.SIGKILL)
        check()
    return finished


@pytest.mark.parametrize("action", ["build", "update"])
def test_killed_writers_never_harm_the_index(tmp_path: Path, action: str) -> None:
    writer = IndexWriter(tmp_path, THESAURUS)
    writer.build(library())
    reader = SearchIndex.open(tmp_path)

    def serving() -> None:
        for index in (SearchIndex.open(tmp_path), reader):
            assert "faq:deposit" in keys(index, "房东不退押金怎么办")
            assert f"article:{CODE}:2" in keys(index, "房东不退押金怎么办")

    rounds = int(os.environ.get("SEARCH_KILLS", "6"))  # 50 in a longer run
    assert _killed_at_random(action, tmp_path, rounds, serving) >= rounds
    writer.update([faq("after", "恢复以后发布的问题", "答复。")])
    assert keys(reader, "恢复以后发布的问题")[0] == "faq:after"
    if action == "update":  # whatever was acknowledged before the kill is there
        assert reader.document("faq:turn0") is not None
    writer.build(library())
    assert len(list((tmp_path / "generations").iterdir())) <= 5
    assert reader.info()["delta"] == ""
