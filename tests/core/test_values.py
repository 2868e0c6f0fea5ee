"""Time, identifiers, enums, actors and events."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError

from portal.core import clock, events
from portal.core.actor import ANONYMOUS, SYSTEM, Actor, ActorKind
from portal.core.db import db, is_sqlite, new_id
from portal.core.errors import TooManyRequests, Unavailable
from portal.core.unit_of_work import unit_of_work
from tests.conftest import SettableClock
from tests.core.tables import Colour, Document


def test_the_day_is_the_districts(clock: SettableClock) -> None:
    from portal.core.clock import end_of_day, local, start_of_day, today

    clock.set("2026-12-31 23:59")
    assert today() == date(2026, 12, 31)
    clock.advance(minutes=1)
    assert today() == date(2027, 1, 1)
    assert local(clock()).isoformat() == "2027-01-01T00:00:00+08:00"
    assert start_of_day(date(2027, 1, 1)) == datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert end_of_day(date(2027, 1, 1)) - start_of_day(date(2027, 1, 1)) == timedelta(
        days=1
    ) - timedelta(microseconds=1)


def test_the_clock_goes_back_to_the_real_one() -> None:
    with clock.use(lambda: datetime(2020, 1, 1, tzinfo=UTC)):
        assert clock.now().year == 2020
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.zone() == ZoneInfo("Asia/Shanghai")


def test_identifiers_are_version_7_and_increase() -> None:
    made = [new_id() for _ in range(2000)]
    assert made == sorted(made)
    assert len(set(made)) == 2000
    assert {identifier.version for identifier in made} == {7}
    assert type(made[0]) is uuid.UUID


def test_instants_come_back_in_utc(database: None) -> None:
    instant = datetime(2026, 3, 2, 9, 30, 15, 123456, tzinfo=timezone(timedelta(hours=8)))
    with unit_of_work():
        db.session.add(Document(title="t", at=instant))
    db.session.expunge_all()
    found = db.session.scalars(select(Document)).one()
    assert found.at == instant
    assert found.at is not None
    assert found.at.tzinfo is UTC
    assert found.created_at.tzinfo is UTC
    assert db.session.scalars(select(Document).where(Document.at <= instant)).one() is found


def test_naive_instants_are_refused(database: None) -> None:
    with pytest.raises(StatementError, match="naive"), unit_of_work():
        db.session.add(Document(title="t", at=datetime(2026, 1, 1)))  # noqa: DTZ001 - the point


def test_a_labelled_enum_is_stored_by_value_and_read_with_its_label(database: None) -> None:
    with unit_of_work():
        db.session.add(Document(title="t", state=Colour.BLUE))
    db.session.expunge_all()
    stored = db.session.execute(text("SELECT state FROM test_document")).scalar()
    assert stored == "blue"
    found = db.session.scalars(select(Document)).one()
    assert found.state is Colour.BLUE
    assert found.state.label == "蓝"


def test_an_unknown_member_is_refused(database: None) -> None:
    with pytest.raises(StatementError), unit_of_work():
        db.session.add(Document(title="t", state="violet"))


def test_a_changed_row_gets_a_new_version_and_time(database: None, clock: SettableClock) -> None:
    with unit_of_work():
        db.session.add(Document(title="t"))
    found = db.session.scalars(select(Document)).one()
    made = found.updated_at
    clock.advance(seconds=5)
    with unit_of_work():
        found.title = "changed"
    assert (found.version, found.updated_at - made) == (2, timedelta(seconds=5))


def test_the_sqlite_recipe_is_on_every_connection(database: None) -> None:
    if not is_sqlite():
        assert db.session.execute(text("SHOW server_encoding")).scalar() == "UTF8"
        return
    for pragma, value in (
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("busy_timeout", 10000),
        ("foreign_keys", 1),
    ):
        assert db.session.execute(text(f"PRAGMA {pragma}")).scalar() == value
    version = db.session.execute(text("SELECT sqlite_version()")).scalar_one()
    assert tuple(int(part) for part in version.split(".")) >= (3, 51, 3)


def test_roles_hold_in_their_office_or_everywhere() -> None:
    here, there = uuid.uuid4(), uuid.uuid4()
    actor = Actor(ActorKind.STAFF, uuid.uuid4(), grants=frozenset({("lawyer", here)}))
    chief = Actor(ActorKind.STAFF, uuid.uuid4(), grants=frozenset({("admin", None)}))
    assert actor.has_role("moderator", "lawyer")
    assert actor.has_role("lawyer", office_id=here)
    assert not actor.has_role("lawyer", office_id=there)
    assert not actor.has_role("admin")
    assert chief.has_role("admin", office_id=there)
    assert actor.roles == {"lawyer"}
    assert (actor.is_staff, actor.is_resident, ANONYMOUS.is_staff) == (True, False, False)
    assert SYSTEM.id is None


def test_events_reach_their_subscribers_in_order() -> None:
    class Rang:
        def __init__(self) -> None:
            self.heard: list[str] = []

    class RangLouder(Rang):
        pass

    @events.subscribe(Rang)
    def first(event: Rang) -> None:
        event.heard.append("first")

    @events.subscribe(Rang)
    def second(event: Rang) -> None:
        event.heard.append("second")

    events.subscribe(Rang)(first)
    rang, louder = Rang(), RangLouder()
    events.publish(rang)
    events.publish(louder)
    assert (rang.heard, louder.heard) == (["first", "second"], [])


def test_a_failing_subscriber_stops_the_step(database: None) -> None:
    class Broke:
        pass

    @events.subscribe(Broke)
    def fail(_event: Broke) -> None:
        raise LookupError

    with pytest.raises(LookupError), unit_of_work():
        db.session.add(Document(title="t"))
        events.publish(Broke())
    assert db.session.scalars(select(Document)).all() == []


def test_waiting_times_are_at_least_a_second() -> None:
    assert TooManyRequests(retry_after=0).retry_after == 1
    assert Unavailable(retry_after=-3).retry_after == 1
