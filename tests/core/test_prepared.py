"""A prepared statement says and guards what the session's own would."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Integer, bindparam, event, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from portal.core.db import db
from portal.core.jobs.models import Job, JobState
from portal.core.prepared import Prepared
from portal.core.unit_of_work import joining, unit_of_work
from tests.core.tables import Counter

pytestmark = pytest.mark.usefixtures("database")

TABLE: Any = Counter.__table__
ADD = Prepared(lambda _dialect: insert(TABLE), writes=True)
ADD_OR_LEAVE = Prepared(lambda d: d.insert(TABLE).on_conflict_do_nothing(), writes=True)
RAISE = Prepared(
    lambda _dialect: (
        update(TABLE)
        .where(TABLE.c.name == bindparam("which"), TABLE.c.value < bindparam("most", type_=Integer))
        .values(value=TABLE.c.value + 1)
    ),
    writes=True,
)
ALL = Prepared(
    lambda _dialect: select(TABLE.c.name, TABLE.c.value).order_by(TABLE.c.name), writes=False
)


@pytest.fixture(params=["listened to", "unheard"])
def _engine(request: pytest.FixtureRequest, database: None) -> Any:
    """Somebody listens to the statements, or nobody does: the two ways to the driver."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    if request.param == "listened to":
        event.listen(db.engine, "before_cursor_execute", note)
    yield
    if request.param == "listened to":
        event.remove(db.engine, "before_cursor_execute", note)
        assert seen


@pytest.mark.usefixtures("_engine")
class TestStatements:
    def test_rows_are_written_guarded_and_read(self) -> None:
        with unit_of_work():
            assert ADD.run({"name": "a", "value": 1}) == 1
            assert ADD_OR_LEAVE.run({"name": "a", "value": 5}) == 0
            assert RAISE.run({"which": "a", "most": 2}) == 1
            assert RAISE.run({"which": "a", "most": 2}) == 0
        assert ALL.rows({}) == [("a", 2)]
        assert ALL.row({}) == ("a", 2)

    def test_a_clash_is_the_error_that_the_session_raises_and_hides_the_values(self) -> None:
        with pytest.raises(IntegrityError) as refused, unit_of_work():
            ADD.run({"name": "secret-name", "value": 1})
            ADD.run({"name": "secret-name", "value": 2})
        assert "INSERT" in str(refused.value)
        assert "secret-name" not in str(refused.value).split("[SQL")[-1]
        assert ALL.row({}) is None

    def test_a_write_outside_a_unit_of_work_is_refused(self) -> None:
        with pytest.raises(RuntimeError, match="outside a unit of work"):
            ADD.run({"name": "a", "value": 1})
        ALL.rows({})

    def test_what_the_session_has_not_written_yet_comes_first(self) -> None:
        with unit_of_work():
            db.session.add(Counter(name="a", value=1))
            assert RAISE.run({"which": "a", "most": 9}) == 1
            assert ALL.rows({}) == [("a", 2)]

    def test_values_pass_through_the_types_of_their_columns(self) -> None:
        table: Any = Job.__table__
        found = Prepared(
            lambda _dialect: select(table.c.state, table.c.run_at, table.c.payload).where(
                table.c.run_at == bindparam("at")
            ),
            writes=False,
        )
        moment = datetime(2026, 3, 2, 1, 2, 3, tzinfo=UTC)
        from portal.core.jobs import enqueue

        with unit_of_work():
            enqueue("test.kind", {"text": "值"}, run_at=moment)
        assert found.rows({"at": moment}) == [(JobState.PENDING, moment, {"text": "值"})]


def test_a_forgotten_value_is_an_error() -> None:
    with pytest.raises(KeyError), unit_of_work():
        ADD.run({"name": "a"})


def test_a_joining_step_that_was_refused_ends_the_whole_unit() -> None:
    @joining
    def step() -> None:
        ADD.run({"name": "refused", "value": 1})
        raise LookupError

    with pytest.raises(RuntimeError, match="no savepoint"), unit_of_work():
        ADD.run({"name": "before", "value": 1})
        with pytest.raises(LookupError):
            step()
    with pytest.raises(LookupError):
        step()
    assert ALL.rows({}) == []
    assert db.session.scalar(text("SELECT COUNT(*) FROM test_counter")) == 0
