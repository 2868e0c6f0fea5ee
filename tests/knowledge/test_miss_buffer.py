"""Misses are written a little later, many at once, and none is lost on an orderly way out."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from portal.core.db import db
from portal.knowledge import miss_buffer, misses
from portal.knowledge.models import SearchMiss


@pytest.fixture
def delayed(app, database, monkeypatch):
    """Misses wait for longer than any test; whatever is left is thrown away."""
    monkeypatch.setitem(app.config, miss_buffer.DELAY, 600.0)
    yield
    timer = miss_buffer._timer
    if timer is not None:
        timer.cancel()
    monkeypatch.setattr(miss_buffer, "_timer", None)
    miss_buffer._waiting.clear()


def counts() -> dict[str, int]:
    db.session.rollback()
    return {row.text: row.count for row in db.session.scalars(select(SearchMiss))}


def test_what_is_noted_waits_and_is_written_together(delayed):
    for question in ("无人机偷拍怎么办", "飞碟降落", "怎么办无人机偷拍"):
        miss_buffer.note(question, None)
    assert counts() == {}
    miss_buffer.write()
    assert counts() == {"无人机偷拍怎么办": 2, "飞碟降落": 1}
    miss_buffer.write()
    assert counts() == {"无人机偷拍怎么办": 2, "飞碟降落": 1}


def test_the_first_one_sets_the_clock_for_all(delayed):
    miss_buffer.note("飞碟降落", None)
    timer = miss_buffer._timer
    miss_buffer.note("无人机偷拍", None)
    assert miss_buffer._timer is timer
    assert isinstance(timer, threading.Timer)
    assert timer.daemon


def test_the_clock_writes_and_can_be_set_again(app, delayed):
    miss_buffer.note("飞碟降落", None)
    miss_buffer._timer.cancel()
    worker = threading.Thread(target=miss_buffer._write_later, args=(app,))
    worker.start()
    worker.join()
    assert counts() == {"飞碟降落": 1}
    assert miss_buffer._timer is None


def test_a_flood_gives_up_the_oldest(delayed):
    for number in range(miss_buffer.MOST_WAITING + 5):
        miss_buffer.note(f"飞碟降落{'呀' * (number % 7)}", None)
    assert len(miss_buffer._waiting) == miss_buffer.MOST_WAITING


def test_a_database_that_refuses_costs_the_counts_only(delayed, monkeypatch):
    def refuse(_asked):
        raise OperationalError("INSERT", {}, Exception("disk full"))

    miss_buffer.note("飞碟降落", None)
    monkeypatch.setattr(misses, "record_all", refuse)
    miss_buffer.write()
    assert counts() == {}
