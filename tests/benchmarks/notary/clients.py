"""How people behave in the benchmarks, as conversations with the portal; and what they were told."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.load import Answer, Conversation, Question, send
from tests.benchmarks.notary.town import Citizen, Town

HOLDS = "/api/v1/notary/holds"
APPOINTMENTS = "/api/v1/notary/appointments"
# How often somebody follows the portal's suggestion of another time.
TRIES = 3
# How often a request is repeated, under the same key, when the connection breaks.
REPEATS = 20


@dataclass
class Tally:
    """What became of the people."""

    outcomes: Counter[str] = field(default_factory=Counter)
    confirmed: dict[str, str] = field(default_factory=dict)  # id of the booking -> reference
    unclear: Counter[str] = field(default_factory=Counter)
    repeated: int = 0

    def refused(self, answer: Answer, *codes: str) -> str:
        """Note a refusal; it has to be one of `codes`, in words, with what to do next. Returns its code."""
        problem = answer.json if answer.body else {}
        code = str(problem.get("code", ""))
        clear = code in codes and problem.get("detail") and problem.get("next_step")
        if not clear:
            self.unclear[f"{answer.status} {code}, not among {codes}"] += 1
        return code


def confirmation(person: Citizen, hold_id: str) -> dict[str, Any]:
    """What somebody confirms a hold with."""
    return {
        "hold_id": hold_id,
        "connection_basis": "domicile",
        "parties": [
            {
                "name": "赵测试",
                "document_type": "resident_id",
                "document_number": person.document,
            }
        ],
        "checklist_read": True,
    }


def ask(
    tally: Tally, person: Citizen, method: str, path: str, body: Any = None
) -> Generator[Question, Answer, Answer]:
    """Send one request under a key of its own, again when the connection breaks; returns the answer."""
    headers = person.headers
    if method == "POST":
        headers["Idempotency-Key"] = str(uuid.uuid4())
    question = send(method, path, body, headers)
    answer = Answer(0)
    for _ in range(REPEATS):
        answer = yield question
        # The first request may still be under way when it is repeated.
        if answer.status and b'"idempotency_key_in_flight"' not in answer.body:
            break
        tally.repeated += 1
        yield 0.1
    return answer


def book(town: Town, tally: Tally, person: Citizen, also: tuple[str, ...] = ()) -> Conversation:
    """Hold a time chosen at random and confirm it; when it is taken, follow the suggestions a few times.

    `also` names refusals that may happen where the same person comes again.
    """
    when: Any = random.choice(town.times)
    for _ in range(TRIES):
        answer = yield from ask(tally, person, "POST", HOLDS, town.wish(when))
        if answer.status == 201:
            yield from confirm(tally, person, answer.json["id"])
            return
        code = tally.refused(answer, "slot_taken", *also)
        if code != "slot_taken":
            tally.outcomes[code or f"status {answer.status}"] += 1
            return
        suggested = answer.json["errors"].get("next_free")
        if not suggested:
            break
        when = random.choice(suggested)
    tally.outcomes["slot_taken"] += 1


def confirm(tally: Tally, person: Citizen, hold_id: str) -> Conversation:
    """Make an appointment of a hold."""
    answer = yield from ask(tally, person, "POST", APPOINTMENTS, confirmation(person, hold_id))
    if answer.status == 201:
        tally.confirmed[answer.json["id"]] = answer.json["reference"]
        tally.outcomes["confirmed"] += 1
        return
    code = tally.refused(
        answer,
        "hold_expired",
        "wrong_state",
        "already_booked",
        "person_limit",
        "party_unavailable",
    )
    tally.outcomes[code or f"status {answer.status}"] += 1
