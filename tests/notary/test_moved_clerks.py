"""A clerk is moved to another office in the middle of the day: what they began is the office's, which is told of it. HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from portal.notary.models import NotaryOffice
from portal.supervision import messages, sweep
from tests.conftest import SettableClock
from tests.factories.notary import make_notary_office
from tests.factories.people import staff_headers
from tests.notary.hall import STAFF, Hall
from tests.notary.test_undoing import told

DEADLINES = "/staff/supervision/deadlines"


def move(hall: Hall, who: str, office: NotaryOffice | None, role: str = "notary_clerk") -> None:
    """The administrator takes the role at the office from somebody and gives it, or another one, elsewhere."""
    admin = staff_headers(roles=["admin"])
    path = f"/staff/accounts/{hall.people[who]}"

    def seen() -> Any:
        answer = hall.api.get(path, headers=admin)
        assert answer.status_code == 200, answer.json
        return answer.json, {**admin, "If-Match": answer.headers["ETag"]}

    account, headers = seen()
    (grant,) = account["grants"]
    given = {"role": role, "office_id": str(office.id) if office else None}
    assert hall.api.post(f"{path}/grants", given, headers=headers).status_code == 201
    _, headers = seen()
    taken = hall.api.delete(f"{path}/grants/{grant['id']}", headers=headers)
    assert taken.status_code == 200, taken.json


def recipients(run_jobs: Any, template: str) -> set[uuid.UUID]:
    return {message.recipient_id for message in told(run_jobs, template)}


def listed(hall: Hall, who: str) -> list[str]:
    items = hall.api.get(DEADLINES, headers=hall.headers[who]).json["items"]
    return [item["reference"] for item in items]


def test_the_office_is_warned_of_a_case_whose_clerk_works_elsewhere_now(
    hall: Hall, clock: SettableClock, run_jobs: Any
) -> None:
    _, path = hall.accepted()
    move(hall, "clerk", make_notary_office(name="新公证处"))
    assert hall.api.get(path, headers=hall.headers["clerk"]).status_code == 404
    clock.set("2026-03-24 08:00")
    sweep.sweep()
    there = {hall.people["colleague"], hall.people["approver"]}
    assert recipients(run_jobs, messages.OVERDUE) == there


def test_the_office_is_warned_too_of_one_whose_clerk_has_another_role_now(
    hall: Hall, clock: SettableClock, run_jobs: Any
) -> None:
    hall.accepted()
    # Held in no office, so that it names none in which they work no more.
    move(hall, "clerk", None, "lawyer")
    clock.set("2026-03-24 08:00")
    sweep.sweep()
    there = {hall.people["colleague"], hall.people["approver"]}
    assert recipients(run_jobs, messages.OVERDUE) == there
    # Nor are they named to who supervises it.
    (escalated,) = told(run_jobs, messages.ESCALATED)
    assert escalated.params["responsible"] == "公证机构工作人员"


def test_while_they_work_there_only_they_are_warned(
    hall: Hall, clock: SettableClock, run_jobs: Any
) -> None:
    hall.accepted()
    clock.set("2026-03-24 08:00")
    sweep.sweep()
    assert recipients(run_jobs, messages.OVERDUE) == {hall.people["clerk"]}


def test_who_works_elsewhere_sees_no_deadline_of_the_office_any_more(hall: Hall) -> None:
    _, path = hall.accepted()
    reference = hall.case(path)["reference"]
    assert listed(hall, "clerk") == [reference]
    move(hall, "clerk", make_notary_office(name="新公证处"))
    assert listed(hall, "clerk") == []
    assert listed(hall, "colleague") == [reference]


def test_whom_they_called_a_colleague_serves_on(hall: Hall) -> None:
    hall.drawn()
    number = hall.next().json
    move(hall, "clerk", make_notary_office(name="新公证处"))
    path = f"{STAFF}/tickets/{number['id']}"
    assert hall.done(path, "start", who="colleague")["state"] == "serving"
    assert hall.api.get(path, headers=hall.headers["clerk"]).status_code == 404
