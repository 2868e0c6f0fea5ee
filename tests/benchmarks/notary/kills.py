"""Workers of the web server and the job worker, killed with -9 in the middle of a rush."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import Any

from tests.benchmarks import load
from tests.benchmarks.notary import clients
from tests.benchmarks.notary.clients import Tally
from tests.benchmarks.notary.rush import (
    CONNECTIONS,
    SHAPE,
    JobWorker,
    Lapses,
    left_over,
    report,
    say_report,
    settle,
)
from tests.benchmarks.notary.town import Town, open_office, open_town, say
from tests.benchmarks.stage import serving

WORKERS = 4


def kills(people: int, wanted: int, database: str) -> dict[str, Any]:
    """Kill `wanted` processes while everybody books; half of them do not come back for what they hold."""
    say(f"杀进程：{people} 人抢 100 个号，kill -9 网站进程和后台进程共 {wanted} 次")
    with open_town(people, database) as town:
        open_office(town, **SHAPE, cool_off_least_minutes=0, cool_off_most_minutes=1)
        tally = Tally()
        worker = JobWorker(town)
        killer = Killer(town, worker, wanted)
        lapses = Lapses(town)
        # Until all kills are done, people keep coming.
        talks = (_come(town, tally, number) for number in _comers(people, killer))

        def meanwhile() -> None:
            lapses.now_and_then()
            killer.now_and_then()

        with serving(town.stage, WORKERS):
            worker.start()
            try:
                result = load.converse(town.stage.port, talks, CONNECTIONS, between=meanwhile)
            finally:
                worker.stop()
        lapses.everything()
        settle(town)
        figures = report(town, tally, result)
        figures["broken"] += left_over(town)
        figures["kills"] = {"web": killer.web, "jobs": killer.jobs}
        if killer.web + killer.jobs < wanted:
            figures["broken"].append("too few kills")
        if not tally.confirmed:
            figures["broken"].append("nothing was confirmed")
    say_report(figures)
    return figures


def _comers(people: int, killer: Killer) -> Any:
    number = 0
    while number < people or (not killer.done and number < people * 20):
        yield number % people
        number += 1


def _come(town: Town, tally: Tally, number: int) -> load.Conversation:
    """Book; one in three holds a seat and is never seen again."""
    person = town.people[number]
    if number % 3:
        yield from clients.book(town, tally, person, also=("hold_exists",))
        return
    wish = town.wish(random.choice(town.times))
    answer = yield from clients.ask(tally, person, "POST", clients.HOLDS, wish)
    if answer.status == 201:
        tally.outcomes["abandoned"] += 1
    else:
        code = tally.refused(answer, "slot_taken", "hold_exists")
        tally.outcomes[code or f"status {answer.status}"] += 1


class Killer:
    """Kills a process of this benchmark's own every moment, by its id: web workers, and each third time the job worker."""

    def __init__(self, town: Town, worker: JobWorker, wanted: int) -> None:
        self.town, self.worker, self.wanted = town, worker, wanted
        self.web = self.jobs = 0
        self.due = time.monotonic() + 1.0

    @property
    def done(self) -> bool:
        """True when enough were killed."""
        return self.web + self.jobs >= self.wanted

    def now_and_then(self) -> None:
        """Kill one when it is time, unless the server has not replaced the last one yet."""
        if self.done or time.monotonic() < self.due:
            return
        self.due = time.monotonic() + random.uniform(0.3, 0.9)
        if (self.web + self.jobs) % 3 == 2:
            self.worker.kill()
            self.worker.start()
            self.jobs += 1
            return
        found = self.town.stage.worker_pids()
        if len(found) < 2:
            return
        try:
            os.kill(random.choice(found), signal.SIGKILL)
        except ProcessLookupError:
            return
        self.web += 1
