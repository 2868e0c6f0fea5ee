"""The record: what gets in, what stays out, and that nothing can be changed."""

from __future__ import annotations

import threading
import uuid
from datetime import date

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from portal.audit import chain, operations
from portal.audit.models import AppendOnly, AuditEvent, AuditHead
from portal.core.actor import SYSTEM, ActorKind
from portal.core.db import db
from portal.core.unit_of_work import before_commit, unit_of_work

pytestmark = pytest.mark.usefixtures("database")


def record(count: int = 1, **detail: object) -> None:
    for number in range(count):
        with unit_of_work():
            operations.record(SYSTEM, f"test.step{number}", "test", uuid.uuid4(), detail)


def rows() -> list[AuditEvent]:
    return list(db.session.scalars(select(AuditEvent).order_by(AuditEvent.sequence)))


def test_events_of_one_unit_of_work_are_chained_in_order(clock):
    with unit_of_work():
        operations.record(SYSTEM, "a.done", "a", None)
        with unit_of_work():
            operations.record(SYSTEM, "b.done", "b", uuid.uuid4(), {"n": 1}, "ZX-2026-00001-A")
    record()
    first, second, third = rows()
    assert [e.sequence for e in (first, second, third)] == [1, 2, 3]
    assert first.previous_hash == chain.GENESIS
    assert (second.previous_hash, third.previous_hash) == (first.hash, second.hash)
    assert (second.reference, second.detail) == ("ZX-2026-00001-A", {"n": 1})
    assert first.at == clock.instant
    assert chain.verify().ok


def test_an_event_of_a_rolled_back_step_is_not_recorded():
    def fail() -> None:
        with unit_of_work():
            operations.record(SYSTEM, "a.done", "a", None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    record()
    assert [e.action for e in rows()] == ["test.step0"]
    assert chain.verify().ok


def test_an_event_recorded_by_another_hook_at_the_end_is_kept():
    with unit_of_work():
        operations.record(SYSTEM, "a.done", "a", None)
        before_commit(lambda: operations.record(SYSTEM, "b.done", "b", None))
    assert [e.action for e in rows()] == ["a.done", "b.done"]
    assert chain.verify().ok


def test_outside_a_unit_of_work_nothing_can_be_recorded():
    with pytest.raises(RuntimeError):
        operations.record(SYSTEM, "a.done", "a", None)


def test_numbers_of_people_are_blanked_in_the_detail():
    record(
        1, note="电话13912345678，身份证11010519491231002X", long="长" * 500, office=uuid.uuid4()
    )
    detail = rows()[0].detail
    assert "13912345678" not in detail["note"]
    assert "11010519491231002X" not in detail["note"]
    assert len(detail["long"]) == operations.LONGEST_VALUE


def test_every_kind_of_scalar_survives_the_chain():
    office = uuid.uuid4()
    record(
        1,
        part=0.25,
        day=date(2026, 3, 2),
        kind=ActorKind.STAFF,
        office=office,
        yes=True,
        nothing=None,
        half="\ud800",
    )
    assert rows()[0].detail == {
        "part": 0.25,
        "day": "2026-03-02",
        "kind": "staff",
        "office": str(office),
        "yes": True,
        "nothing": None,
        "half": "?",
    }
    assert chain.verify().ok


@pytest.mark.parametrize("value", [[1], {"a": 1}, float("nan"), b"x", object()])
def test_only_scalars_are_taken_as_detail(value):
    with pytest.raises(ValueError), unit_of_work():  # noqa: PT011 - the text is for developers
        operations.record(SYSTEM, "a.done", "a", None, {"value": value})
    assert rows() == []


def test_too_many_details_are_refused():
    with pytest.raises(ValueError, match="too many"), unit_of_work():
        operations.record(SYSTEM, "a.done", "a", None, {str(n): n for n in range(21)})


def test_the_application_can_neither_change_nor_delete():
    record()
    with pytest.raises(AppendOnly), unit_of_work():
        db.session.scalars(select(AuditEvent)).one().action = "other"
    with pytest.raises(AppendOnly), unit_of_work():
        db.session.delete(db.session.scalars(select(AuditEvent)).one())
    with pytest.raises(AppendOnly), unit_of_work():
        db.session.execute(update(AuditEvent).values(action="other"))
    with pytest.raises(AppendOnly), unit_of_work():
        db.session.execute(delete(AuditEvent.__table__))
    assert [e.action for e in rows()] == ["test.step0"]


REFUSED_EVERYWHERE = (
    "UPDATE audit_event SET action = 'x'",
    "DELETE FROM audit_event",
    "UPDATE audit_head SET sequence = 0",
    "DELETE FROM audit_head",
)
REFUSED_ON = {
    "sqlite": ("INSERT OR REPLACE INTO audit_event SELECT * FROM audit_event",),
    "postgresql": ("TRUNCATE audit_event", "TRUNCATE audit_head", "TRUNCATE audit_event CASCADE"),
}


def test_the_database_refuses_as_well():
    record()
    for statement in (*REFUSED_EVERYWHERE, *REFUSED_ON[db.engine.dialect.name]):
        with pytest.raises(DBAPIError, match=r"append-only|forward|permanent"):  # noqa: SIM117
            with db.engine.begin() as connection:
                connection.execute(text(statement))
        assert len(rows()) == 1, statement
        db.session.rollback()
    assert chain.verify().ok


def test_many_writers_make_one_chain(app):
    failures: list[BaseException] = []

    def work(number: int) -> None:
        with app.app_context():
            try:
                for step in range(10):
                    with unit_of_work():
                        operations.record(SYSTEM, f"thread{number}.step{step}", "test", None)
            except BaseException as error:  # noqa: BLE001 - shown by the assertion
                failures.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    result = chain.verify(batch=7)
    assert (result.ok, result.checked) == (True, 60)
    assert db.session.scalar(select(AuditHead.sequence)) == 60
