"""Three years of ended deadlines must not make the pages of what runs slow."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.core.db import db
from portal.supervision import queries
from tests.supervision.conftest import ANSWER, CLAIM, KIND, REPLY, REVIEW
from tests.support import postgres_server

# PostgreSQL chooses by what it has counted in the tables, and a test has no tables worth counting.
sqlite_only = pytest.mark.skipif(bool(postgres_server()), reason="SQLite's choice of index")


def plan_of(statement: str) -> str:
    """Return how SQLite carries the statement out."""
    with db.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement}", (None,) * statement.count("?")
        )
        return "; ".join(row[3] for row in rows)


def test_the_end_of_a_subject_is_that_of_the_offices_first_running_clock(new_matter, clock):
    clock.set("2026-03-02 09:00")
    several, paused, waiting, ended = (new_matter() for _ in range(4))
    several.open(REVIEW)
    first = several.open(CLAIM).due_at
    stopped = paused.open(ANSWER).due_at
    paused.pause(ANSWER)
    waiting.open(REPLY)
    ended.open(CLAIM)
    clock.advance(hours=1)
    ended.meet(CLAIM)
    ends = queries.office_ends(KIND)
    found = {row.subject_id: row.due_at for row in db.session.execute(select(ends))}
    assert found == {several.id: first, paused.id: stopped}
    assert first < stopped


@sqlite_only
def test_what_runs_is_looked_for_among_what_runs(matter, statements):
    matter.open(CLAIM)
    db.session.remove()
    with statements() as seen:
        db.session.execute(select(queries.office_ends(KIND))).all()
    assert "uq_deadline_running" in plan_of(seen[-1])


@sqlite_only
def test_the_figures_do_not_read_the_table_in_the_order_of_the_rules(
    api, matter, chief, statements
):
    matter.open(CLAIM)
    db.session.remove()
    with statements() as seen:
        assert api.get("/staff/supervision/summary", headers=chief).status_code == 200
    (figures,) = (each for each in seen if "FROM deadline" in each)
    assert "ix_deadline_rule_met" not in plan_of(figures)
