"""The index follows the tables: built once, updated soon, never lost, never foreign."""

from __future__ import annotations

import json
import shutil
import threading
import time
import uuid
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from portal.config import settings
from portal.core.db import db, new_id
from portal.core.errors import Unavailable
from portal.core.jobs import Job, JobState, Lane, queue, worker
from portal.core.unit_of_work import transactional, unit_of_work
from portal.knowledge import documents, index, operations, providers, tasks
from portal.knowledge.models import Article, Faq, IndexChange, PublicationState
from portal.knowledge.providers import Provider, SearchDocument
from search_index import BuildInProgress, IndexWriter, SearchRequest
from search_index.searcher import CHECK_SECONDS
from tests.knowledge.conftest import A_RUN
from tests.search_index.samples import put


def waiting() -> int:
    return db.session.scalar(select(func.count()).select_from(IndexChange)) or 0


def keys(text: str, *kinds: str) -> list[str]:
    return [hit.key for hit in index.reader().search(SearchRequest(text=text, kinds=kinds)).hits]


def test_setting_up_builds_once_and_skips_afterwards(law, tell):
    first = operations.ensure_index(tell)
    assert first.reason == "还没有建立检索索引。"
    assert first.documents == 17 + 2 + 1
    assert {stage for stage, _, _ in tell.lines} >= {"collect", "words", "publish"}
    assert operations.ensure_index().reason == ""
    assert waiting() == 0


def test_the_job_after_an_import_finds_the_work_done(loaded, run_jobs):
    built = index.reader().info()["generation"]
    assert run_jobs() >= 2
    assert index.reader().info()["generation"] == built
    assert db.session.scalar(select(func.count(Job.id)).where(Job.state == JobState.PENDING)) == 0


def test_a_law_that_changed_makes_the_index_stale_until_rebuilt(loaded, run_jobs):
    run_jobs()
    with unit_of_work():
        index.schedule_rebuild()
        index.schedule_rebuild()
    assert index.why_rebuild() == "法律条文有更新，检索索引需要重建。"
    assert run_jobs() == 1
    assert index.why_rebuild() is None


def test_an_index_of_another_database_is_noticed(loaded, settings):
    mark = settings.index_dir / "portal.json"
    mark.write_text(json.dumps({"build": "0000"}), encoding="utf-8")
    assert index.why_rebuild() == "检索索引不是从当前数据库建立的。"
    mark.write_text("[", encoding="utf-8")
    assert index.why_rebuild() == "检索索引不是从当前数据库建立的。"
    mark.unlink()
    assert operations.ensure_index().documents == 20
    assert index.why_rebuild() is None


def test_an_index_of_an_older_format_is_rebuilt(loaded, settings):
    manifest = next(settings.index_dir.glob("generations/*/manifest.json"))
    content = json.loads(manifest.read_text(encoding="utf-8"))
    put(manifest, json.dumps({**content, "format": 0}))
    index.forget_readers()
    assert "格式已经改变" in (index.why_rebuild() or "")
    with pytest.raises(Unavailable):
        index.reader()
    assert operations.ensure_index().documents == 20
    assert index.is_open()


def test_a_change_is_findable_after_the_job_and_a_withdrawal_gone(loaded, run_jobs):
    run_jobs()
    faq = db.session.scalar(select(Faq).where(Faq.slug == "housing-deposit"))
    faq_id = faq.id
    key = documents.key_of("faq", faq_id)
    with unit_of_work():
        faq.question = "霹雳舞教练跑了"
        operations.schedule_index_update("faq", faq.id)
        operations.schedule_index_update("faq", faq.id)
    assert waiting() == 1
    assert run_jobs() == 1
    assert keys("霹雳舞教练", "faq") == [key]
    assert waiting() == 0
    with unit_of_work():
        faq = db.session.get(Faq, faq_id)
        faq.state = PublicationState.WITHDRAWN
        operations.schedule_index_update("faq", faq_id)
    run_jobs()
    assert key not in keys("霹雳舞教练")


def test_nothing_is_announced_when_the_callers_work_fails(loaded):
    @transactional
    def fails() -> None:
        operations.schedule_index_update("faq", new_id())
        raise RuntimeError("refused")

    with pytest.raises(RuntimeError, match="refused"):
        fails()
    assert waiting() == 0


def test_a_change_announced_during_the_update_is_not_struck_off(loaded, monkeypatch):
    faq = db.session.scalar(select(Faq.id))
    operations.schedule_index_update("faq", faq)
    load = documents.load
    announced = []

    def load_and_change(kind, ids):
        found = load(kind, ids)
        if not announced:
            announced.append(kind)
            operations.schedule_index_update("faq", faq)
        return found

    monkeypatch.setattr(documents, "load", load_and_change)
    # The change that came in between is carried out in a second round.
    assert index.apply_changes() == 2
    assert waiting() == 0


def test_without_an_index_a_change_asks_for_a_build_and_waits_for_its_end(law, run_jobs):
    faq = db.session.scalar(select(Faq.id))
    operations.schedule_index_update("faq", faq)
    announced = waiting()
    assert index.apply_changes() == 0
    assert waiting() == announced > 0
    run_jobs()
    assert waiting() == 0
    assert index.why_rebuild() is None
    assert len(keys("押金")) > 0


def test_an_index_that_was_removed_is_built_soon(loaded, settings, run_jobs, api):
    run_jobs()
    shutil.rmtree(settings.index_dir)
    index.forget_readers()
    assert api.get("/search?q=押金").status_code == 503
    tasks.check_index(None)
    run_jobs()
    assert index.why_rebuild() is None
    assert api.get("/search?q=押金").json["items"]


def test_a_worker_that_starts_builds_what_an_older_program_left(loaded, settings, run_jobs):
    run_jobs()
    manifest = next(settings.index_dir.glob("generations/*/manifest.json"))
    content = json.loads(manifest.read_text(encoding="utf-8"))
    put(manifest, json.dumps({**content, "format": 0}))
    index.forget_readers()
    # Until then no change is written into an index that this program does not understand.
    reword("housing-deposit", "霹雳舞教练跑了")
    assert index.apply_changes() == 0
    queue.request_at_start()
    run_jobs()
    assert index.why_rebuild() is None
    assert len(keys("霹雳舞教练", "faq")) == 1


def reword(slug: str, question: str) -> None:
    """Change an FAQ as an editor does."""
    with unit_of_work():
        faq = db.session.scalar(select(Faq).where(Faq.slug == slug))
        faq.question = question
        operations.schedule_index_update("faq", faq.id)


def at_once(app, work) -> None:
    """Do some work in a thread, as the short lane does while the long one builds."""
    failures = []

    def run() -> None:
        with app.app_context():
            try:
                work()
            except Exception as error:  # noqa: BLE001 - shown by the assertion below
                failures.append(error)
            finally:
                db.session.remove()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert failures == []


@pytest.mark.parametrize("moment", ["before the build has looked", "while it reads", "at its end"])
def test_what_is_published_during_a_build_is_findable_before_it_ends_and_after(
    app, loaded, run_jobs, monkeypatch, moment
):
    run_jobs()
    everything, writer, seen = documents.everything, index._writer(), []
    build = writer.build

    def publish() -> None:
        if not seen:
            at_once(app, lambda: reword("housing-deposit", "霹雳舞教练跑了"))
            at_once(app, index.apply_changes)
            seen.extend(keys("霹雳舞教练", "faq"))

    def slowly():
        for number, document in enumerate(everything()):
            if number == 3 and moment == "while it reads":
                publish()
            yield document

    def built(rows, progress):
        if moment == "before the build has looked":
            publish()
        return build(rows, progress)

    def progress(stage, _done, _total):
        if stage == "sync" and moment == "at its end":
            publish()

    monkeypatch.setattr(writer, "build", built)
    monkeypatch.setattr(index, "_writer", lambda: writer)
    monkeypatch.setattr(documents, "everything", slowly)
    index.rebuild(progress)
    assert len(seen) == 1
    monkeypatch.undo()
    time.sleep(CHECK_SECONDS)
    assert keys("霹雳舞教练", "faq") == seen
    assert waiting() == 0


def test_changes_of_the_day_are_put_into_one_build_at_night(loaded, run_jobs, clock):
    info = index.reader().info()
    built = info["generation"]
    # The index notes the hour by the machine's clock.
    clock.set_to(datetime.fromisoformat(str(info["built_at"])))
    run_jobs()

    def checked(when: str) -> object:
        clock.set(when)
        tasks.check_index(None)
        run_jobs()
        time.sleep(CHECK_SECONDS)
        return index.reader().info()["generation"]

    day = (clock().date() + timedelta(days=1)).isoformat()
    # Nothing has changed: no build.
    assert checked(f"{day} 23:30") == built
    reword("housing-deposit", "霹雳舞教练跑了")
    assert checked(f"{day} 23:50") == built
    assert index.reader().info()["delta"]
    night = (clock().date() + timedelta(days=2)).isoformat()
    assert checked(f"{night} 03:00") > built
    assert not index.reader().info()["delta"]
    assert len(keys("霹雳舞教练", "faq")) == 1


def test_another_rooms_documents_come_and_go(loaded, run_jobs, monkeypatch):
    run_jobs()
    store: dict[uuid.UUID, SearchDocument] = {}
    provider = Provider(
        load=lambda ids: [store[i] for i in ids if i in store], all_ids=lambda: list(store)
    )
    monkeypatch.setattr(providers, "_providers", {**providers.registered(), "answer": provider})
    article = db.session.scalar(select(Article.id).where(Article.number == "710"))
    answer = SearchDocument(
        id=new_id(),
        title="霹雳舞房押金",
        text="应当退。",
        category="housing",
        source="律师答复",
        article_ids=(article,),
    )
    store[answer.id] = answer
    operations.schedule_index_update("answer", answer.id)
    run_jobs()
    assert keys("霹雳舞房", "answer") == [f"answer:{answer.id}"]
    assert f"article:{article}" in keys("霹雳舞房", "article")
    index.rebuild()
    assert keys("霹雳舞房", "answer") == [f"answer:{answer.id}"]
    store.clear()
    operations.schedule_index_update("answer", answer.id)
    run_jobs()
    assert keys("霹雳舞房", "answer") == []


def test_an_article_can_be_updated_alone(loaded, run_jobs):
    with unit_of_work():
        article = db.session.scalar(select(Article).where(Article.number == "1254"))
        article.text = "测试：禁止霹雳舞。"
        article_id = article.id
        operations.schedule_index_update("article", article_id)
    run_jobs()
    assert keys("霹雳舞", "article") == [f"article:{article_id}"]


def test_a_kind_without_a_provider_is_taken_out(loaded):
    assert documents.load("decision", [new_id()]) == []
    with pytest.raises(ValueError, match="unknown kind"):
        providers.register("poem", Provider(load=lambda ids: [], all_ids=list))
    assert providers.provider("faq") is not None


def test_two_builders_at_once_one_wins_and_the_job_comes_again(loaded, monkeypatch, run_jobs):
    run_jobs()
    with unit_of_work():
        index.schedule_rebuild()

    def busy(*_args):
        raise BuildInProgress("another")

    monkeypatch.setattr(index, "rebuild", busy)
    run_jobs()
    job = db.session.scalar(
        select(Job).where(Job.kind == index.REBUILD_JOB, Job.state == JobState.PENDING)
    )
    assert job.attempts == 1
    with pytest.raises(BuildInProgress):
        tasks.rebuild_index(A_RUN)


@pytest.mark.parametrize("last", ["collect", "analyse", "words", "sync"])
def test_a_build_that_is_told_to_stop_leaves_the_old_index_and_its_job(loaded, last, monkeypatch):
    with unit_of_work():
        index.schedule_rebuild()
    before = sorted(path.name for path in (settings().index_dir / "generations").iterdir())
    run = queue.lease_next("stops", lane=Lane.LONG)
    build = IndexWriter.build

    def stopped(self, everything, progress):
        def told(stage, done, total):
            if stage == last:
                run.stopping.set()
            progress(stage, done, total)

        return build(self, everything, told)

    monkeypatch.setattr(IndexWriter, "build", stopped)
    worker.carry_out(run)
    after = sorted(path.name for path in (settings().index_dir / "generations").iterdir())
    assert (after, len(keys("押金")) > 0) == (before, True)
    monkeypatch.setattr(IndexWriter, "build", build)
    again = queue.lease_next("starts", lane=Lane.LONG)
    assert (again.id, again.attempt) == (run.id, 1)
    worker.carry_out(again)
    assert index.why_rebuild() is None
    job = db.session.get(Job, run.id)
    assert (job.state, job.interruptions) == (JobState.DONE, 0)


def test_a_stop_is_noticed_while_the_words_are_put_in_order(loaded, tell):
    """The longest step of a build: after the last text nothing would tell of it until it is done."""
    index.rebuild(tell)
    words = [(done, total) for stage, done, total in tell.lines if stage == "order"]
    assert words[0] == (0, 1)
    assert words[-1] == (1, 1)


def test_a_build_that_fails_leaves_the_old_one_serving(loaded, monkeypatch):
    with unit_of_work():
        index.schedule_rebuild()

    def broken():
        yield from ()
        raise RuntimeError("table is gone")

    monkeypatch.setattr(documents, "everything", broken)
    with pytest.raises(RuntimeError, match="table is gone"):
        index.rebuild()
    db.session.rollback()
    assert len(keys("押金")) > 0
    assert "需要重建" in (index.why_rebuild() or "")


def test_preloading_needs_no_index(settings):
    index.preload()
    assert not index.is_open()


def test_preloading_opens_the_index(loaded):
    index.forget_readers()
    index.preload()
    assert index.is_open()


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("## 标题\n\n- 一\n- **二**", "标题\n一\n二"),
        ("见[这里](https://example.test)和`代码`", "见这里和代码"),
        ("1. 第一步\n> 引用", "第一步\n引用"),
    ],
)
def test_marks_are_not_searched(markdown, plain):
    assert documents.plain_text(markdown) == plain
