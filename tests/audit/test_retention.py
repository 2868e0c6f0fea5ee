"""Events go when their time is over, by one job; the chain still proves what is left, and nothing else can remove any."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from portal.audit import chain, operations, retention
from portal.audit.models import AppendOnly, AuditEvent, AuditRemoval
from portal.core import clock as core_clock
from portal.core.actor import SYSTEM
from portal.core.db import db, is_sqlite
from portal.core.jobs.queue import ensure_periodic
from portal.core.unit_of_work import unit_of_work
from tests.audit.test_verify import record, tamper
from tests.conftest import SettableClock


@pytest.fixture(autouse=True)
def old_events(database: None, clock: SettableClock) -> None:
    """Five events of March 2023, two of the year after; now it is the second of March 2026, one minute past their hour."""
    clock.set("2023-03-02 09:00")
    record(5)
    clock.set("2024-03-02 09:00")
    record(2)
    clock.set("2026-03-02 09:01")


@pytest.fixture
def years(app: Flask) -> Iterator[Callable[[int], None]]:
    """Change the period."""
    before = app.extensions["portal_settings"]

    def change(count: int) -> None:
        app.extensions["portal_settings"] = dataclasses.replace(before, audit_years=count)

    yield change
    app.extensions["portal_settings"] = before


def sequences() -> list[int]:
    db.session.rollback()
    return list(db.session.scalars(select(AuditEvent.sequence).order_by(AuditEvent.sequence)))


def removals() -> list[tuple[int, int]]:
    rows = db.session.execute(
        select(AuditRemoval.through_sequence, AuditRemoval.removed).order_by(
            AuditRemoval.through_sequence
        )
    )
    return [(row.through_sequence, row.removed) for row in rows]


def test_the_daily_job_removes_what_is_older_than_three_years(
    app: Flask, run_jobs: Callable[[], int], clock: SettableClock
) -> None:
    ensure_periodic()
    # Until its turn, which is within a day.
    clock.advance(days=1)
    run_jobs()
    assert sequences() == [6, 7, 8]
    assert removals() == [(5, 5)]
    last = db.session.scalars(select(AuditEvent).order_by(AuditEvent.sequence.desc())).first()
    assert last is not None
    assert (last.action, last.detail["removed"], last.detail["through"]) == ("audit.expired", 5, 5)
    result = chain.verify()
    assert (result.ok, result.checked) == (True, 3)
    assert result.anchor is not None
    assert result.anchor.sequence == 5
    done = app.test_cli_runner().invoke(args=["audit", "verify"])
    assert done.exit_code == 0, done.output
    assert "第 1 至 5 条已按保存期限清除" in done.output
    assert "完好，共 3 条" in done.output


def test_an_event_is_kept_until_its_three_years_are_over(clock: SettableClock) -> None:
    clock.set("2026-03-02 09:00")
    assert retention.remove_expired() == 0
    clock.advance(seconds=1)
    assert retention.remove_expired() == 5
    assert retention.remove_expired() == 0
    clock.set("2028-02-29 09:00")
    assert retention.kept_since() == core_clock.local(clock.instant).replace(year=2025, day=28)


def test_the_period_is_a_setting(years: Callable[[int], None]) -> None:
    years(4)
    assert retention.remove_expired() == 0
    years(1)
    assert retention.remove_expired() == 7
    assert chain.verify().ok


def test_removals_follow_each_other_without_a_gap(clock: SettableClock) -> None:
    assert retention.remove_expired(batch=2) == 5
    assert removals() == [(2, 2), (4, 2), (5, 1)]
    clock.set("2027-06-01 09:00")
    record(1)
    assert retention.remove_expired() == 2
    assert removals()[-1] == (7, 2)
    result = chain.verify(batch=2)
    assert (result.ok, result.anchor and result.anchor.sequence) == (True, 7)


def test_an_old_event_behind_a_younger_one_stays(clock: SettableClock) -> None:
    clock.set("2023-01-01 09:00")
    record(1)
    clock.set("2026-03-02 09:01")
    assert retention.remove_expired() == 5
    assert sequences()[:3] == [6, 7, 8]


def test_the_application_removes_nothing_in_another_way() -> None:
    retention.remove_expired()
    for statement in (
        delete(AuditEvent.__table__),
        delete(AuditRemoval.__table__),
        update(AuditRemoval).values(removed=1),
    ):
        with pytest.raises(AppendOnly), unit_of_work():
            db.session.execute(statement)
    with pytest.raises(AppendOnly), unit_of_work():
        db.session.delete(db.session.scalars(select(AuditRemoval)).one())


def refused(statement: str, **values: Any) -> None:
    db.session.rollback()
    with pytest.raises(DBAPIError, match=r"append-only|oldest"), db.engine.begin() as connection:
        connection.execute(text(statement), values)


def test_the_database_lets_an_event_go_only_under_a_removal() -> None:
    refused("DELETE FROM audit_event WHERE sequence = 1")
    retention.remove_expired()
    refused("DELETE FROM audit_event WHERE sequence = 6")
    refused("DELETE FROM audit_event")
    refused("UPDATE audit_event SET action = 'x' WHERE sequence = 6")
    refused("UPDATE audit_removal SET through_sequence = 7, removed = 7")
    refused("DELETE FROM audit_removal")
    if is_sqlite():
        refused("INSERT OR REPLACE INTO audit_removal SELECT * FROM audit_removal")
    else:
        refused("TRUNCATE audit_removal")
    assert sequences() == [6, 7, 8]


@pytest.mark.parametrize(
    "changes",
    [
        {"through": 6},
        {"through": 4, "removed": 3},
        {"through": 9, "removed": 9},
        {"hash": "0" * 64},
        {"age": timedelta(days=4 * 366)},
        {"age": timedelta(days=90), "through": 7},
    ],
)
def test_the_database_takes_a_removal_of_the_oldest_events_only(changes: dict[str, Any]) -> None:
    through = changes.get("through", 5)
    older_than = core_clock.now() - changes.get("age", timedelta(days=3 * 365 + 1))
    known = db.session.scalar(select(AuditEvent.hash).where(AuditEvent.sequence == through))
    values = {
        "through": through,
        "hash": changes.get("hash", known or "0" * 64),
        "removed": changes.get("removed", through),
        "older_than": older_than.isoformat(sep=" ") if not is_sqlite()
        else older_than.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds"),
    }  # fmt: skip
    if "age" in changes and through == 7:
        # By the database's clock: nothing of the last six months, however the portal's clock is set.
        with db.engine.connect() as connection:
            now = "datetime('now', '-3 months')" if is_sqlite() else "now() - interval '3 months'"
            values["older_than"] = str(connection.scalar(text(f"SELECT {now}")))
    refused(
        "INSERT INTO audit_removal (through_sequence, through_hash, removed, older_than, at, seal) "
        "VALUES (:through, :hash, :removed, :older_than, :older_than, 'x')",
        **values,
    )
    assert db.session.scalar(select(func.count()).select_from(AuditRemoval)) == 0


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("DELETE FROM audit_removal WHERE through_sequence = 4", "第 3 条起的清除没有记载"),
        ("DELETE FROM audit_removal", "第 1 条缺失"),
        ("UPDATE audit_removal SET removed = 1 WHERE through_sequence = 4", "印记不符"),
        ("UPDATE audit_removal SET older_than = '2026-01-01' WHERE through_sequence = 4", "印记"),
        ("UPDATE audit_removal SET through_sequence = 6 WHERE through_sequence = 5", "印记不符"),
        ("DELETE FROM audit_event WHERE sequence = 6", "第 6 条缺失"),
    ],
)
def test_what_is_done_to_the_removals_around_the_portal_shows(statement: str, word: str) -> None:
    retention.remove_expired(batch=2)
    tamper(statement)
    assert word in str(chain.verify().problem)


def test_a_removal_without_its_seal_covers_nothing() -> None:
    row = db.session.execute(text("SELECT hash FROM audit_event WHERE sequence = 5")).one()
    tamper(
        "INSERT INTO audit_removal VALUES "  # noqa: S608 - a hash
        f"(5, '{row.hash}', 5, '2023-03-03 00:00:00', '2026-03-02 00:00:00', '{'0' * 64}')",
        "DELETE FROM audit_event WHERE sequence <= 5",
    )
    assert "印记不符" in str(chain.verify().problem)


def test_an_event_that_a_removal_covers_and_that_is_there_again_shows() -> None:
    retention.remove_expired()
    tamper("UPDATE audit_event SET sequence = 5 WHERE sequence = 6")
    assert "第 5 条按记载已经清除" in str(chain.verify().problem)


def test_a_noted_head_is_compared_as_long_as_its_event_is_there(app: Flask) -> None:
    noted = chain.Head(
        *db.session.execute(
            select(AuditEvent.sequence, AuditEvent.hash).where(AuditEvent.sequence == 5)
        ).one()
    )
    earlier = chain.Head(4, noted.hash)
    retention.remove_expired()
    assert chain.verify(expect=noted).ok
    assert not chain.verify(expect=chain.Head(5, "0" * 64)).ok
    gone = app.test_cli_runner().invoke(args=["audit", "verify", "--expect", str(earlier)])
    assert (gone.exit_code, "已按保存期限清除，无法核对" in gone.output) == (2, True)


def test_what_is_removed_during_the_walk_is_no_break(monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[int] = []

    def meanwhile(checked: int) -> None:
        if not removed:
            removed.append(retention.remove_expired())

    result = chain.verify(batch=2, progress=meanwhile)
    assert removed == [5]
    assert (result.ok, result.anchor and result.anchor.sequence) == (True, 5)


def test_the_record_goes_on_after_a_removal() -> None:
    retention.remove_expired()
    with unit_of_work():
        operations.record(SYSTEM, "a.done", "a", None)
    assert sequences() == [6, 7, 8, 9]
    assert chain.verify().ok
