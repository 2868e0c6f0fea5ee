"""Ten thousand people want a hundred seats: alone, and with everything else that people do mixed in at random."""

from __future__ import annotations

import os
import random
import signal
import time
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from portal.core import clock
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.notary.operations import freeing
from tests.benchmarks import load
from tests.benchmarks.notary import books, clients
from tests.benchmarks.notary.clients import APPOINTMENTS, HOLDS, Tally
from tests.benchmarks.notary.town import Citizen, Town, open_office, open_town, say
from tests.benchmarks.stage import fork_worker, serving

CONNECTIONS = 64
WORKERS = 4
# The seats of the rush: two counters of ten, at five times of one day.
SHAPE = {"days": 1, "times": 5, "counters": 2, "capacity": 10}
# What the 99th of a hundred answers has to stay within.
GOAL_MS = 2000
# This client has other things to do than to wait for the database.
AT_A_TIME = 5
WAITING = "/api/v1/notary/waiting-list"


def rush(people: int, database: str) -> dict[str, Any]:
    """Everybody wants a seat once."""
    say(f"抢号：{people} 人，100 个号")
    with open_town(people, database) as town:
        open_office(town, **SHAPE)
        tally = Tally()
        talks = (clients.book(town, tally, person) for person in town.people)
        with serving(town.stage, WORKERS):
            result = load.converse(town.stage.port, talks, CONNECTIONS)
        figures = report(town, tally, result)
        broken = figures["broken"]
        taken = min(town.seats, people)
        if len(tally.confirmed) != taken or figures["states"].get("confirmed") != taken:
            broken.append(f"{len(tally.confirmed)} confirmed of {taken} seats")
        if set(figures["outcomes"]) - {"confirmed", "slot_taken"}:
            broken.append("somebody was told something else than that the seat is taken")
    say_report(figures)
    return figures


def report(town: Town, tally: Tally, result: load.Load) -> dict[str, Any]:
    """The figures of a run, with every broken invariant by name."""
    broken = books.faults(town)
    errors = {str(k): v for k, v in result.statuses.items() if k >= 500}
    if errors:
        broken.append(f"server errors: {errors}")
    if tally.unclear:
        broken.append(f"unclear refusals: {dict(tally.unclear)}")
    if "database is locked" in town.log:
        broken.append("a database lock reached the log")
    lost = lost_confirmations(town, tally)
    if lost:
        broken.append(f"{lost} confirmations that the database does not know")
    return {
        "people": len(town.people),
        "seats": town.seats,
        "outcomes": dict(tally.outcomes.most_common()),
        "states": books.states(town),
        "claimed": books.claimed(town),
        "answers": len(result.seconds),
        "statuses": {str(k): v for k, v in sorted(result.statuses.items())},
        "broken_connections": result.broken,
        "repeated": tally.repeated,
        "seconds": round(result.duration, 1),
        "answers_per_second": round(result.per_second),
        **result.percentiles(),
        "goal_p99_ms": GOAL_MS,
        "broken": broken,
    }


def lost_confirmations(town: Town, tally: Tally) -> int:
    """How many references that somebody was given are not in the database."""
    with town.inside():
        known = set(db.session.execute(text("SELECT reference FROM notary_booking")).scalars())
    return len(set(tally.confirmed.values()) - known)


def say_report(figures: dict[str, Any]) -> None:
    """What a person wants to see of it."""
    say(
        f"  {figures['outcomes']}，{figures['answers']} 次应答，{figures['answers_per_second']}/秒，"
        f"p50 {figures['p50_ms']:.0f} ms，p95 {figures['p95_ms']:.0f} ms，p99 {figures['p99_ms']:.0f} ms"
    )
    for name in figures["broken"]:
        say(f"  不变量被破坏：{name}")


def mixed(people: int, database: str) -> dict[str, Any]:
    """The same rush, with holds that lapse, seats given up, moved and cancelled, and a waiting list."""
    say(f"混合：{people} 人，100 个号，保留到期、改期、取消、排队随机混入")
    with open_town(people, database) as town:
        open_office(town, **SHAPE, cool_off_least_minutes=0, cool_off_most_minutes=1)
        tally = Tally()
        talks = (anybody(town, tally, person) for person in town.people)
        worker = JobWorker(town)
        lapses = Lapses(town)
        with serving(town.stage, WORKERS):
            worker.start()
            try:
                result = load.converse(
                    town.stage.port, talks, CONNECTIONS, between=lapses.now_and_then
                )
            finally:
                worker.stop()
        lapses.everything()
        settle(town)
        figures = report(town, tally, result)
        figures["lapses"] = lapses.count
        figures["broken"] += left_over(town)
        steps = {"confirmed", "cancelled", "moved", "released", "waiting", "abandoned"}
        missing = steps - set(figures["outcomes"])
        if missing and people >= 2000:
            figures["broken"].append(f"nobody came to: {sorted(missing)}")
    say_report(figures)
    return figures


def anybody(town: Town, tally: Tally, person: Citizen) -> load.Conversation:
    """Somebody who books, and then does what people do."""
    when: Any = random.choice(town.times)
    answer = yield from clients.ask(tally, person, "POST", HOLDS, town.wish(when))
    if answer.status != 201:
        code = tally.refused(answer, "slot_taken")
        if code == "slot_taken" and random.random() < 0.2:
            yield from wait_in_line(town, tally, person)
        else:
            tally.outcomes[code or f"status {answer.status}"] += 1
        return
    hold_id = answer.json["id"]
    chance = random.random()
    if chance < 0.2:
        # Its time will come, and with it somebody else's.
        tally.outcomes["abandoned"] += 1
        return
    if chance < 0.3:
        answer = yield from clients.ask(tally, person, "DELETE", f"{HOLDS}/{hold_id}")
        done = answer.status == 204 or tally.refused(answer, "hold_expired", "wrong_state")
        tally.outcomes["released" if done is True else str(done)] += 1
        return
    yield from clients.confirm(tally, person, hold_id)
    if hold_id in tally.confirmed:
        yield from afterwards(town, tally, person, hold_id)


def afterwards(town: Town, tally: Tally, person: Citizen, booking_id: str) -> load.Conversation:
    """Move to another time, or cancel, or leave it as it is."""
    own = f"{APPOINTMENTS}/{booking_id}"
    chance = random.random()
    if chance < 0.3:
        body = {"starts_at": random.choice(town.times).isoformat()}
        answer = yield from clients.ask(tally, person, "POST", f"{own}/reschedule", body)
        if answer.status == 200:
            tally.outcomes["moved"] += 1
        else:
            code = tally.refused(answer, "slot_taken", "same_time")
            tally.outcomes[f"not moved: {code}"] += 1
    if chance < 0.5:
        answer = yield from clients.ask(tally, person, "POST", f"{own}/cancellation")
        if answer.status == 200:
            tally.outcomes["cancelled"] += 1
        else:
            tally.outcomes[f"not cancelled: {tally.refused(answer, 'wrong_state')}"] += 1


def wait_in_line(town: Town, tally: Tally, person: Citizen) -> load.Conversation:
    """Join the waiting list, look in a few times, and take or decline what is offered."""
    day = town.times[0].date().isoformat()
    body = {"matter_id": str(town.matter_id), "office_id": str(town.office_id)}
    body |= {"from_day": day, "until_day": day}
    answer = yield from clients.ask(tally, person, "POST", WAITING, body)
    if answer.status != 201:
        code = tally.refused(answer, "seats_free")
        tally.outcomes[f"not waiting: {code}"] += 1
        return
    tally.outcomes["waiting"] += 1
    for _ in range(5):
        yield random.uniform(0.05, 0.5)
        answer = yield from clients.ask(tally, person, "GET", HOLDS)
        offers = [each for each in answer.json["items"] if each["state"] == "offered"]
        if not offers:
            continue
        tally.outcomes["offered"] += 1
        if random.random() < 0.3:
            answer = yield from clients.ask(tally, person, "DELETE", f"{HOLDS}/{offers[0]['id']}")
            tally.outcomes["declined" if answer.status == 204 else "not declined"] += 1
        else:
            yield from clients.confirm(tally, person, offers[0]["id"])
        return


class Lapses:
    """Time that passes for some: what is kept until a moment is set back in the database, as if it had come."""

    def __init__(self, town: Town, every: float = 0.5) -> None:
        self.town, self.every = town, every
        self.due = time.monotonic() + every
        self.count = 0

    def now_and_then(self) -> None:
        """Let a few of what is kept lapse, twice a second."""
        if time.monotonic() >= self.due:
            self._lapse(0.3, most=AT_A_TIME)
            self.due = time.monotonic() + self.every

    def everything(self) -> None:
        """Let all of it lapse."""
        self._lapse(1.0)

    def _lapse(self, part: float, most: int | None = None) -> None:
        past = clock.now() - timedelta(seconds=1)
        moment = past.replace(tzinfo=None) if self.town.is_sqlite else past
        with self.town.inside():
            found = db.session.execute(
                text(
                    "SELECT DISTINCT booking_id FROM notary_claim WHERE released_at IS NULL "
                    "AND occupies_until IS NOT NULL"
                )
            ).scalars()
            chosen = [each for each in found if random.random() < part]
            db.session.rollback()
            random.shuffle(chosen)
            for booking_id in chosen[:most]:
                # One at a time, the claim's lock first: as the portal itself would.
                with unit_of_work():
                    values = {"id": booking_id, "past": _stored(moment)}
                    db.session.execute(
                        text(
                            "UPDATE notary_booking SET kept_until = :past "
                            "WHERE id = :id AND kept_until IS NOT NULL"
                        ),
                        values,
                    )
                    db.session.execute(
                        text(
                            "UPDATE notary_claim SET occupies_until = :past WHERE booking_id = :id "
                            "AND released_at IS NULL AND occupies_until IS NOT NULL"
                        ),
                        values,
                    )
                self.count += 1


def _stored(moment: Any) -> Any:
    """SQLite keeps an instant as text in a form of SQLAlchemy's own."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f") if moment.tzinfo is None else moment


def settle(town: Town) -> None:
    """Free what has lapsed, as the periodic job does, until nothing more follows from it."""
    with town.inside():
        while freeing.sweep():
            pass


def left_over(town: Town) -> list[str]:
    """After everything has lapsed and was swept, only confirmed bookings, and what was offered since, have seats."""
    with town.inside():
        lapsed = books.number(
            "SELECT COUNT(*) FROM notary_booking WHERE state IN ('held', 'offered') "
            "AND kept_until <= :now",
            now=_stored(clock.now().replace(tzinfo=None)) if town.is_sqlite else clock.now(),
        )
        free = books.number("SELECT SUM(capacity - claimed) FROM notary_slot WHERE is_open")
        waiting = books.number("SELECT COUNT(*) FROM notary_waiting WHERE state = 'waiting'")
    found = []
    if lapsed:
        found.append(f"{lapsed} holds or offers that lapsed and were not freed")
    if free and waiting:
        found.append(f"{free} seats free although {waiting} wait")
    return found


class JobWorker:
    """The background worker, in a process of its own that is forked from this one."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.pid = 0

    def start(self) -> None:
        """Fork a worker."""
        self.pid = fork_worker(self.town.stage.app)

    def kill(self) -> None:
        """Kill it with -9."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pid = 0

    def stop(self) -> None:
        """Let it end its work."""
        if self.pid:
            os.kill(self.pid, signal.SIGTERM)
            os.waitpid(self.pid, 0)
            self.pid = 0
