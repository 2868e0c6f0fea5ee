"""The day at the notary office: the appointment is moved to today, checked in, called, accepted, and its clock runs.

The tour is played at any hour, so the office opens today for it. What the hour still allows is played: an appointment of
today; late in the evening a number at the desk; in the last minutes of the day nothing, because a number ends with its day.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from portal.core import clock
from tests.tour.guide import Answer, Person, Tour, TourFailed
from tests.tour.hall import ABROAD, Hall, identity

ISSUE = "NO-D1"
# An appointment must not begin while it is being booked.
MARGIN = timedelta(minutes=2)
LAST_HOUR_OF_NUMBERS = "23:55"
END_OF_DAY = "23:59"
EXTRA_SLOTS = 4
DAY_MINUTES = 24 * 60


def play(hall: Hall, clerk: Person, who: Person, appointment: Answer) -> None:
    """Play the part in the form that the present hour allows."""
    tour = hall.tour
    tour.title("办理当天：公证处把提前预约的天数临时改为零，今天的时段也可以约")
    with no_lead_time(hall, clerk):
        moment = time_of_today(hall, clerk)
        if moment is not None:
            path = f"/notary/appointments/{appointment.body['id']}/reschedule"
            today = tour.call("POST", path, {"starts_at": moment}, who=who).body
            tour.tell(f"居民甲改到今天 {moment[11:16]}，提前到场")
    if moment is not None:
        with_appointment(hall, clerk, who, today)
        return
    now = f"{clock.local(clock.now()):%H:%M}"
    tour.tell(f"现在 {now}，今天已经没有可以约的时段；改走现场取号")
    if now < LAST_HOUR_OF_NUMBERS:
        at_the_desk(hall, clerk)
    else:
        tour.tell("号码只在当天有效，离零点太近，现场取号和受理这次不演示；换个时间再运行即可")


@contextmanager
def no_lead_time(hall: Hall, clerk: Person) -> Iterator[None]:
    """Let the office be booked for today; its own setting comes back afterwards, whatever happens."""
    own = settings_of(hall, clerk).body["lead_workdays"]
    set_lead_time(hall, clerk, 0)
    try:
        yield
    finally:
        set_lead_time(hall, clerk, own)


def settings_of(hall: Hall, clerk: Person) -> Answer:
    """Return the office's settings with their version."""
    return hall.tour.call("GET", f"/staff/notary/offices/{hall.office}", who=clerk, quiet=True)


def set_lead_time(hall: Hall, clerk: Person, days: int) -> None:
    """Change after how many working days one may come."""
    seen = settings_of(hall, clerk)
    path, body = f"/staff/notary/offices/{hall.office}", {"lead_workdays": days}
    hall.tour.call("PATCH", path, body, who=clerk, match=seen.etag)
    hall.tour.tell(f"提前 {seen.body['lead_workdays']} 个工作日 → {days} 个工作日")


def time_of_today(hall: Hall, clerk: Person) -> str | None:
    """Return a free time of today; the office opens for some slots more when there is none."""
    found = free_today(hall)
    if found is None and (span := next_slots(settings_of(hall, clerk).body)) is not None:
        open_today(hall, clerk, *span)
        found = free_today(hall)
    return found


def free_today(hall: Hall) -> str | None:
    """Return the first time of today that is still far enough away."""
    today = clock.today()
    times = hall.days(ABROAD, today, today)[0]["times"]
    return next((t for t in times if datetime.fromisoformat(t) > clock.now() + MARGIN), None)


def next_slots(office: dict[str, Any]) -> tuple[str, str] | None:
    """Return from when until when the office could still open for whole slots today, None when no slot is left."""
    local = clock.local(clock.now() + MARGIN)
    if local.date() != clock.today():
        return None
    length, grid = office["slot_minutes"], minutes(office["grid_from"])
    begun = max(0, local.hour * 60 + local.minute + 1 - grid)
    opens = grid + -(-begun // length) * length
    closes = min(opens + EXTRA_SLOTS * length, minutes(END_OF_DAY))
    return (wall(opens), wall(closes)) if closes - opens >= length else None


def minutes(time: str) -> int:
    """Return the minute of the day of `HH:MM`."""
    return int(time[:2]) * 60 + int(time[3:5])


def wall(minute: int) -> str:
    """Return `HH:MM` of a minute of the day."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def open_today(hall: Hall, clerk: Person, opens: str, closes: str) -> None:
    """Enter extra hours for today."""
    today = str(clock.today())
    body = {
        "kind": "extra",
        "first_day": today,
        "last_day": today,
        "opens": opens,
        "closes": closes,
        "reason": "演示加开",
    }
    path = f"/staff/notary/offices/{hall.office}/exceptions"
    hall.tour.call("POST", path, body, who=clerk, expect=201)
    hall.tour.tell(f"今天加开 {opens} 至 {closes}")


def with_appointment(hall: Hall, clerk: Person, who: Person, appointment: dict[str, Any]) -> None:
    """Check in, call, accept; the deadline shows at the person's appointment."""
    tour, office = hall.tour, f"/staff/notary/offices/{hall.office}"
    tour.title("凭签到码签到，取得叫号；当日预约表里只有隐去一部分的姓名和号码")
    code = {"code": appointment["check_in_code"]}
    arrived = tour.call("POST", f"{office}/check-ins", code, who=clerk)
    ticket = arrived.body["ticket"]
    tour.tell(f"{ticket['number']} 号，{ticket['wait_text']}")
    for hint in arrived.body["hints"]:
        tour.tell(f"· 核对：{hint}")
    sheet = tour.call("GET", f"{office}/sheet", who=clerk).body
    row = next(row for row in sheet["appointments"] if row["id"] == appointment["id"])
    party = row["parties"][0]
    tour.tell(
        f"· {at_time(row['starts_at'])} {row['reference']} {party['name']} {party['document_number']}"
        f" {row['state_label']}，{row['ticket_number']} 号"
    )
    if any(party["name"] in person["name"] for person in appointment["parties"]):
        raise TourFailed("当日预约表里的姓名没有隐去")

    tour.title("叫号，开始办理，受理：办证期限从受理起算，不从预约起算")
    serving = serve(hall, clerk, ticket)
    visit = tour.call("GET", f"/notary/appointments/{appointment['id']}/visit", who=who).body
    tour.tell(f"居民甲看到：{visit['ticket']['state_label']}，{visit['ticket']['counter']}")
    path = f"/staff/notary/appointments/{appointment['id']}"
    seen = tour.call("GET", path, who=clerk, quiet=True)
    case = tour.call("POST", f"{path}/acceptance", {}, who=clerk, match=seen.etag, expect=201).body
    finish(hall, clerk, serving)
    tour.tell(f"受理 {case['reference']}")

    tour.title("居民甲在自己的预约里看到期限和全程")
    seen = tour.call("GET", f"/notary/appointments/{appointment['id']}", who=who)
    tell_deadline(tour, seen.body["deadlines"])
    for step in seen.body["timeline"]:
        tour.tell(f"· {at_time(step['at'], seconds=True)} {step['label']}")
    tour.tell(f"收到通知：{tour.told(who, '公证机构已受理')}")


def at_the_desk(hall: Hall, clerk: Person) -> None:
    """Somebody comes without an appointment: number, call, acceptance."""
    tour, office = hall.tour, f"/staff/notary/offices/{hall.office}"
    tour.title("没有预约的人现场取号，叫号，受理")
    matter = hall.matters[ABROAD]["id"]
    body = {"matter_id": matter}
    drawn = tour.call("POST", f"{office}/tickets", body, who=clerk, expect=(201, 409))
    if drawn.status == 409:
        tour.tell(drawn.body["detail"])
        local = clock.local(clock.now())
        open_today(hall, clerk, wall(local.hour * 60 + local.minute), END_OF_DAY)
        drawn = tour.call("POST", f"{office}/tickets", body, who=clerk, expect=(201, 409))
    if drawn.status == 409:
        tour.tell(f"{drawn.body['detail']}机构今天停办，受理这次不演示")
        return
    tour.tell(f"{drawn.body['number']} 号，{drawn.body['wait_text']}")
    serving = serve(hall, clerk, drawn.body)
    given = {"matter_id": matter, "parties": [{"name": "王建国", **identity(20, 60)}]}
    path = f"/staff/notary/tickets/{serving.body['id']}/acceptance"
    case = tour.call("POST", path, given, who=clerk, match=serving.etag, expect=201).body
    tour.tell(f"受理 {case['reference']}")
    tell_deadline(tour, case["deadlines"])
    finish(hall, clerk, serving)


def serve(hall: Hall, clerk: Person, ticket: dict[str, Any]) -> Answer:
    """Call a number to a counter and begin."""
    tour = hall.tour
    counters = tour.call(
        "GET", f"/staff/notary/offices/{hall.office}/counters", who=clerk, quiet=True
    ).body["items"]
    counter = next(each for each in counters if not each["matter_codes"])
    path = f"/staff/notary/tickets/{ticket['id']}"
    body = {"counter_id": counter["id"]}
    called = tour.call("POST", f"{path}/call", body, who=clerk, match=ticket["version"])
    tour.tell(f"请 {called.body['number']} 号到{called.body['counter']}")
    return tour.call("POST", f"{path}/start", who=clerk, match=called.etag)


def finish(hall: Hall, clerk: Person, ticket: Answer) -> None:
    """The counter is free again."""
    path = f"/staff/notary/tickets/{ticket.body['id']}"
    seen = hall.tour.call("GET", path, who=clerk, quiet=True)
    hall.tour.call("POST", f"{path}/completion", who=clerk, match=seen.etag)


def tell_deadline(tour: Tour, deadlines: list[dict[str, Any]]) -> None:
    """Say when the certificate is due; raises TourFailed when no clock runs."""
    due = next((each for each in deadlines if each["rule"] == ISSUE), None)
    if due is None:
        raise TourFailed("受理以后没有办证期限")
    tour.tell(
        f"{due['name']}（{due['basis']}）：{due['due_on']} 前，还有 {due['working_days_left']} 个工作日"
    )


def at_time(moment: str, *, seconds: bool = False) -> str:
    """Return the time of day of a moment of an answer."""
    return moment[11:19] if seconds else moment[11:16]
