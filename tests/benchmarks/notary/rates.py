"""Claims per second, beside a bare Flask route that does the same guarded UPDATE and one INSERT.

Both run under the same gunicorn settings, on the same kind of database with the same durability, and are asked in turns, so
that whatever else the machine does falls on both; the ratio is the median over the turns. What the bare route leaves out is
what a portal needs: who asks, limits, parsing and checking, one hold per account, history, a log line, metrics.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from tests.benchmarks import load
from tests.benchmarks.notary import books
from tests.benchmarks.notary.clients import HOLDS
from tests.benchmarks.notary.town import Citizen, Town, open_office, open_town, say
from tests.benchmarks.stage import free_port, request, serving

CONNECTIONS = 16
WORKERS = 4
THREADS = 4
GOAL = 0.40
SEATS = 50

_BARE = """
import json, os, threading, uuid
from flask import Flask, request

app = Flask("bare")
url = os.environ["BARE_DATABASE"]
local = threading.local()
sqlite = url.startswith("sqlite:")
mark = "?" if sqlite else "%s"

def connect():
    if sqlite:
        import pysqlite3.dbapi2 as sqlite3
        found = sqlite3.connect(url.removeprefix("sqlite:"), isolation_level=None)
        for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            found.execute("PRAGMA " + pragma)
        return found
    import psycopg
    return psycopg.connect(url, autocommit=True)

TAKE = f"UPDATE slot SET claimed = claimed + 1 WHERE id = {mark} AND claimed < capacity"
CLAIM = f"INSERT INTO claim (id, slot_id, account) VALUES ({mark}, {mark}, {mark})"

@app.post("/claim")
def claim():
    body = request.get_json()
    if not hasattr(local, "connection"):
        local.connection = connect()
    cursor = local.connection.cursor()
    cursor.execute("BEGIN IMMEDIATE" if sqlite else "BEGIN")
    cursor.execute(TAKE, (body["slot"],))
    if not cursor.rowcount:
        cursor.execute("ROLLBACK")
        return {"code": "taken"}, 409
    key = str(uuid.uuid4())
    cursor.execute(CLAIM, (key, body["slot"], body["account"]))
    cursor.execute("COMMIT")
    return {"id": key}, 201

@app.get("/")
def here():
    return {}
"""
_TABLES = (
    "CREATE TABLE slot (id INTEGER PRIMARY KEY, capacity INTEGER NOT NULL, claimed INTEGER NOT NULL "
    "CHECK (claimed <= capacity))",
    "CREATE TABLE claim (id VARCHAR(36) PRIMARY KEY, slot_id INTEGER NOT NULL REFERENCES slot, "
    "account VARCHAR(36) NOT NULL)",
)


def rates(claims: int, rounds: int, database: str) -> dict[str, Any]:
    """Measure `rounds` turns of `claims` claims each."""
    say(f"占号速度：每轮 {claims} 次，{rounds} 轮，与只做同样两条语句的 Flask 路由交替")
    slots = max(40, claims // 25)
    days = -(-slots // (16 * 10))
    with (
        open_town(claims, database) as town,
        tempfile.TemporaryDirectory(prefix="portal-bare-") as folder,
    ):
        open_office(town, days=days, times=16, counters=10, capacity=SEATS)
        with serving(town.stage, WORKERS), _bare_route(town, Path(folder), slots) as bare:
            figures = _in_turns(town, bare, slots, rounds)
        figures["broken"] += books.faults(town)
    say(
        f"  占号 {figures['portal_per_second']}/秒，对照 {figures['bare_per_second']}/秒，"
        f"比值 {figures['ratio']}（目标 {GOAL}）；带幂等键 {figures['ratio_with_key']}"
    )
    return figures


def _in_turns(town: Town, bare: tuple[int, int], slots: int, rounds: int) -> dict[str, Any]:
    broken: list[str] = []
    ratios: dict[bool, list[float]] = {False: [], True: []}
    portal_rates, bare_rates, costs, bare_costs = [], [], [], []
    waits = load.Load()
    bare_port, bare_pid = bare
    server = town.stage.server
    assert server is not None
    for turn, keyed in itertools.product(range(rounds + 1), (False, True)):
        before = _processor_seconds(server.pid)
        ours = load.converse(town.stage.port, _holds(town, keyed), CONNECTIONS)
        cost = (_processor_seconds(server.pid) - before) / len(town.people) * 1000
        before = _processor_seconds(bare_pid)
        plain = load.converse(bare_port, _bare_claims(town.people, slots), CONNECTIONS)
        bare_cost = (_processor_seconds(bare_pid) - before) / len(town.people) * 1000
        for name, found in (("portal", ours), ("bare", plain)):
            if set(found.statuses) != {201} or found.broken:
                broken.append(f"{name}: {dict(found.statuses)}, {found.broken} broken")
        _clear(town)
        if turn == 0:
            # The first turn warms both up.
            continue
        ratios[keyed].append(ours.per_second / plain.per_second)
        if not keyed:
            portal_rates.append(ours.per_second)
            bare_rates.append(plain.per_second)
            costs.append(cost)
            bare_costs.append(bare_cost)
            waits.seconds += ours.seconds
            say(
                f"  第 {turn} 轮：占号 {ours.per_second:.0f}/秒（每次 {cost:.1f} ms 处理器），"
                f"对照 {plain.per_second:.0f}/秒（{bare_cost:.1f} ms），{ratios[False][-1]:.0%}"
            )
    return {
        "claims_in_a_turn": len(town.people),
        "turns": rounds,
        "portal_per_second": round(statistics.median(portal_rates)),
        "bare_per_second": round(statistics.median(bare_rates)),
        "ratio": round(statistics.median(ratios[False]), 3),
        "ratio_with_key": round(statistics.median(ratios[True]), 3),
        "goal": GOAL,
        "processor_ms": round(statistics.median(costs), 2),
        "bare_processor_ms": round(statistics.median(bare_costs), 2),
        **waits.percentiles(),
        "broken": broken,
    }


def _holds(town: Town, keyed: bool) -> Iterator[load.Conversation]:
    """Everybody claims a seat; there are enough, and people spread over the times."""
    for number, person in enumerate(town.people):
        headers = person.headers
        if keyed:
            headers["Idempotency-Key"] = f"{number}-{time.monotonic_ns()}"
        wish = town.wish(town.times[number % len(town.times)])
        yield _once(load.send("POST", HOLDS, wish, headers))


def _bare_claims(people: list[Citizen], slots: int) -> Iterator[load.Conversation]:
    for number, person in enumerate(people):
        body = {"slot": number % slots + 1, "account": str(person.account_id)}
        yield _once(load.send("POST", "/claim", body))


def _once(question: bytes) -> load.Conversation:
    yield question


def _clear(town: Town) -> None:
    """Give all seats back for the next turn."""
    with town.inside(), unit_of_work():
        for table in ("notary_claim", "notary_history", "notary_booking", "idempotency_record"):
            db.session.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        db.session.execute(text("UPDATE notary_slot SET claimed = 0"))


@contextmanager
def _bare_route(town: Town, folder: Path, slots: int) -> Iterator[tuple[int, int]]:
    """Serve the bare route; yields its port and its master's process id."""
    (folder / "bare.py").write_text(_BARE, encoding="utf-8")
    if town.is_sqlite:
        import pysqlite3.dbapi2 as sqlite3

        url = f"sqlite:{folder / 'bare.db'}"
        plain: Any = sqlite3.connect(str(folder / "bare.db"), isolation_level=None)
        plain.execute("PRAGMA journal_mode=WAL")
    else:
        import psycopg

        url = town.stage.environment["DATABASE_URL"]
        plain = psycopg.connect(url, autocommit=True)
    for statement in _TABLES:
        plain.execute(statement)
    capacity = 10**8
    for number in range(slots):
        plain.execute(f"INSERT INTO slot VALUES ({number + 1}, {capacity}, 0)")  # noqa: S608
    plain.close()
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", os.devnull, "-b", f"127.0.0.1:{port}"]
    command += ["-k", "gthread", "-w", str(WORKERS), "--threads", str(THREADS), "--preload"]
    server = subprocess.Popen(
        [*command, "--keep-alive", "5", "bare:app"],
        cwd=folder,
        env={**os.environ, "BARE_DATABASE": url},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                request(port, "GET", "/")
                break
            except OSError:
                time.sleep(0.1)
        yield port, server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)


def _processor_seconds(master: int) -> float:
    """How long the processor has worked for a server's workers; says more than a clock on a busy machine."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    ticks = 0
    for pid in children:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    print(json.dumps(rates(int(sys.argv[1]), int(sys.argv[2]), "".join(sys.argv[3:4]))))
