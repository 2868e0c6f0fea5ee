"""An index whose files are damaged or gone: the portal starts, says so, and the worker builds it anew by itself."""

from __future__ import annotations

import shutil

import pytest
from sqlalchemy import select

from portal.core.db import db
from portal.core.jobs import queue
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import index, readiness, tasks
from portal.knowledge.models import Article, Faq
from tests.search_index.samples import put


def noise(file) -> None:
    """Other bytes, as many as before."""
    put(file, b"\xff" * file.stat().st_size)


def base(settings):
    return (settings.index_dir / "current").resolve() / "base"


@pytest.mark.parametrize("file", ["law.npy", "segment.json", "../manifest.json"])
def test_the_portal_starts_says_so_and_the_worker_builds_it_anew(
    loaded, settings, run_jobs, api, file
):
    run_jobs()
    noise(base(settings) / file)
    index.forget_readers()
    index.preload()
    said = readiness.check_index()
    assert not said.ok
    assert "已经损坏" in said.detail
    for path in ("/search?q=押金", "/search/suggestions?q=押金"):
        answer = api.get(path)
        assert (answer.status_code, answer.json["code"]) == (503, "search_index_missing")
        assert "检索暂时不可用" in answer.json["detail"]
    queue.request_at_start()
    run_jobs()
    assert index.why_rebuild() is None
    assert api.get("/search?q=押金").json["items"]


def test_a_change_that_cannot_be_written_into_a_damaged_index_waits_for_the_new_one(
    loaded, settings, run_jobs
):
    run_jobs()
    noise(base(settings) / "segment.json")
    index.forget_readers()
    faq = db.session.scalar(select(Faq).where(Faq.slug == "housing-deposit"))
    assert faq is not None
    with unit_of_work():
        index.schedule_update("faq", faq.id)
    assert index.apply_changes() == 0
    run_jobs()
    assert index.why_rebuild() is None


def test_what_is_damaged_and_read_only_by_some_searches_is_told_in_the_same_words(
    loaded, settings, run_jobs, api
):
    run_jobs()
    index.forget_readers()
    index.preload()
    noise(base(settings) / "records.jsonl")
    answer = api.get("/search?q=押金")
    assert (answer.status_code, answer.json["code"]) == (503, "search_index_missing")
    # The law and the FAQ are read from the database.
    article = db.session.scalar(select(Article.id).where(Article.number == "710"))
    faq = db.session.scalar(select(Faq.id).where(Faq.slug == "housing-deposit"))
    assert api.get(f"/articles/{article}").status_code == 200
    assert api.get(f"/faqs/{faq}").status_code == 200


def test_a_byte_that_changed_on_the_disk_is_found_by_the_worker(loaded, settings, run_jobs):
    run_jobs()
    file = base(settings) / "valid_from.npy"
    content = file.read_bytes()
    put(file, content[:-1] + bytes([content[-1] ^ 1]))
    tasks.check_index(None)
    run_jobs()
    assert index.why_rebuild(thoroughly=True) is None
    assert base(settings) != file.parent


def test_a_folder_removed_under_the_running_portal_keeps_no_search_from_answering(
    loaded, settings, run_jobs, api
):
    run_jobs()
    index.forget_readers()
    index.reader()
    shutil.rmtree(settings.index_dir)
    assert api.get("/search?q=出租人收取押金的租赁期满应当返还").json["items"]
    answer = api.get("/search/suggestions?q=押")
    assert (answer.status_code, answer.json["code"]) == (503, "search_index_missing")
