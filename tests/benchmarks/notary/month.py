"""A month over twenty offices and two hundred counters, through HTTP, while somebody books now and then."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from sqlalchemy import event, update

from portal.core import clock
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import NotarySlot
from portal.notary.operations import schedule
from tests.benchmarks import load
from tests.benchmarks.notary.clients import HOLDS
from tests.benchmarks.notary.town import Town, open_office, open_town, say
from tests.benchmarks.stage import serving
from tests.factories.notary import make_counter, make_notary_office

WORKERS = 4
GOAL_MS = 50
WORKDAYS = 22


def month(offices: int, counters: int, asked: int, database: str) -> dict[str, Any]:
    """Ask `asked` times for a month of all offices, one request after the other."""
    say(f"一个月的空闲时段：{offices} 个机构，{counters} 个窗口，{asked} 次查询")
    people = max(20, asked // 10)
    with open_town(people, database) as town:
        each = max(1, counters // offices)
        open_office(town, days=WORKDAYS, times=16, counters=each, capacity=3)
        with town.inside():
            for _ in range(offices - 1):
                office = make_notary_office(lead_workdays=1, horizon_workdays=WORKDAYS + 1)
                for _ in range(each):
                    make_counter(office, capacity=3)
            schedule.refresh_all()
            # Slots are made once a night; for half a minute after that every answer reads them anew.
            with unit_of_work():
                long_ago = clock.now() - timedelta(hours=1)
                db.session.execute(
                    update(NotarySlot)
                    .values(changed_at=long_ago)
                    .execution_options(synchronize_session=False)
                )
        path = _path(town)
        waits, busy_waits = load.Load(), load.Load()
        with serving(town.stage, WORKERS):
            port = town.stage.port
            # Each process folds the slots once.
            load.converse(port, iter([_look(path, town, 20, load.Load())]), 1)
            result = load.converse(port, iter([_look(path, town, asked, waits, booking=True)]), 1)
            four = (_look(path, town, asked // 4, busy_waits) for _ in range(4))
            busy = load.converse(port, four, 4)
        statements = _statements(town, path)
    broken = []
    for name, found in (("one at a time", result), ("four at a time", busy)):
        if set(found.statuses) - {200, 201} or found.broken:
            broken.append(f"{name}: {dict(found.statuses)}, {found.broken} broken")
    if statements["one_office"] != statements["all_offices"]:
        broken.append(f"the number of statements grows with the offices: {statements}")
    figures = {
        "offices": offices,
        "counters": each * offices,
        "asked": asked,
        **waits.percentiles(),
        "goal_p95_ms": GOAL_MS,
        "four_at_a_time": busy_waits.percentiles(),
        "statements": statements,
        "broken": broken,
    }
    say(
        f"  p50 {figures['p50_ms']} ms，p95 {figures['p95_ms']} ms（目标 {GOAL_MS}），"
        f"四路并发 p95 {figures['four_at_a_time']['p95_ms']} ms，语句 {statements}"
    )
    return figures


def _path(town: Town, office: bool = False) -> str:
    first = town.times[0].date()
    last = first + timedelta(days=30)
    path = f"/api/v1/notary/availability?matter_id={town.matter_id}&from={first}&to={last}"
    return f"{path}&office_id={town.office_id}" if office else path


def _look(
    path: str, town: Town, times: int, waits: load.Load, *, booking: bool = False
) -> load.Conversation:
    """Ask again and again; with `booking`, hold a seat before every tenth question, so that answers change."""
    for number in range(times):
        if booking and number % 10 == 0:
            person = town.people[number // 10]
            when = town.times[number % len(town.times)]
            yield load.send("POST", HOLDS, town.wish(when), person.headers)
        started = time.perf_counter()
        yield load.get(path, {"X-Forwarded-For": f"10.9.{number // 250}.{number % 250}"})
        waits.seconds.append(time.perf_counter() - started)


def _statements(town: Town, path: str) -> dict[str, int]:
    """Count the statements of an answer, for one office and for all."""
    counted = {}
    with town.inside():
        seen: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if not statement.startswith("BEGIN"):
                seen.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            client = town.stage.app.test_client()
            for name, asked in (("one_office", _path(town, office=True)), ("all_offices", path)):
                for _ in range(2):
                    seen.clear()
                    answer = client.get(asked, headers={"X-Forwarded-For": "10.8.0.1"})
                    if answer.status_code != 200:
                        raise RuntimeError(f"{answer.status_code} for {asked}")
                counted[name] = len(seen)
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
    return counted
