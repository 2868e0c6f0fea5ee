"""Notary appointments as residents live them: browse, hold, confirm, move, wait in line; then the day at the office."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any

from portal.core import clock
from tests.tour import notary_day
from tests.tour.guide import Answer, Person, Tour, TourFailed
from tests.tour.hall import ABROAD, Hall, at, identity

MONTH = timedelta(days=31)
ENTRUSTMENT = "N03a"
SATURDAY = 5


def complaints(answer: Answer) -> list[str]:
    """Return what a refusal says about single fields."""
    return [text for texts in answer.body["errors"].values() for text in texts]


def play(tour: Tour) -> None:
    """Play the part."""
    hall, free = browse(tour)
    tour.title("要预约了：两位居民登录")
    first, second = tour.resident("居民甲"), tour.resident("居民乙")
    appointment = book(hall, first, free)
    papers(hall, first, appointment)
    appointment = move(hall, first, appointment)
    tour.title("公证员在休息日加开一个窗口，只有一个号")
    clerk = tour.staff("notary_clerk", "公证员")
    day = open_one_seat(hall, clerk, free, uuid.uuid4().hex[:6])
    wait_in_line(hall, first, second, day)
    notary_day.play(hall, clerk, first, appointment)


def browse(tour: Tour) -> tuple[Hall, list[dict[str, Any]]]:
    """Look at offices, matters, and a month; returns the office and its free days."""
    tour.title("公证预约：先看机构、事项和一个月的空闲时段，不用登录")
    offices = tour.call("GET", "/notary/offices").body["items"]
    matters = {each["code"]: each for each in tour.call("GET", "/notary/matters").body["items"]}
    today = clock.today()
    query = f"matter_id={matters[ABROAD]['id']}&from={today}&to={today + MONTH}"
    found = tour.call("GET", f"/notary/availability?{query}").body["items"]
    chosen = next((each for each in found if each["next_free_day"]), None)
    if chosen is None:
        raise TourFailed("没有一个公证机构有空闲时段：演示窗口由 make setup 在开发模式下装入。")
    tour.tell(f"{len(offices)} 个机构，{len(matters)} 个事项；{chosen['office_name']}一个月里：")
    free = [day for day in chosen["days"] if day["free"]]
    shut = [day for day in chosen["days"] if not day["free"]]
    tour.tell(f"· {len(free)} 天有空，最早 {chosen['next_free_day']}")
    for day in shut[:3]:
        tour.tell(f"· {day['date']} 没有：{day['reason_text']}")
    return Hall(tour, chosen["office_id"], chosen["office_name"], matters), free


def book(hall: Hall, who: Person, free: list[dict[str, Any]]) -> Answer:
    """Keep a time, be told what is missing, confirm."""
    tour, matter = hall.tour, hall.matters[ABROAD]
    tour.title("居民甲保留一个时段，几分钟内有效")
    day = date.fromisoformat(free[0]["date"])
    held = hall.hold(who, ABROAD, hall.days(ABROAD, day, day)[0]["times"][0]).body
    tour.tell(f"{at(held['starts_at'])} 为您保留到 {at(held['kept_until'])}，过时自动放开")

    tour.title("确认预约：未成年人要有监护人，缺什么当场说明，保留的时段不丢")
    child = {"name": "王小宝", **identity(8, 15)}
    parent = {"name": "王建国", "phone": "13812345678", "relation": "父亲", **identity(35, 50)}
    body = {
        "hold_id": held["id"],
        "connection_basis": "domicile",
        "parties": [child],
        "checklist_read": True,
        "foreign_use": True,
    }
    refused = tour.call("POST", "/notary/appointments", body, who=who, expect=422)
    for text in complaints(refused):
        tour.tell(f"· {text}")
    body |= {"parties": [{**child, "guardian": parent}], "foreign_country": "加拿大"}
    key = str(uuid.uuid4())
    made = tour.call("POST", "/notary/appointments", body, who=who, key=key, expect=201)
    again = tour.call("POST", "/notary/appointments", body, who=who, key=key, expect=201)
    if again.body["id"] != made.body["id"]:
        raise TourFailed("同一个幂等键预约了两次")
    tour.tell(f"预约 {made.body['reference']}：{at(made.body['starts_at'])}，{matter['name'][:2]}")
    tour.tell(f"监护人：{made.body['parties'][0]['guardian']['document_number']}（号码已隐去）")
    for text in made.body["hints"]:
        tour.tell(f"· {text}")
    tour.tell(f"收到通知：{tour.told(who, '预约成功')}")
    return made


def papers(hall: Hall, who: Person, appointment: Answer) -> None:
    """What to bring, and when, for the person's own calendar."""
    tour = hall.tour
    tour.title("要带的材料、日历文件和订阅地址")
    seen = tour.call("GET", f"/notary/appointments/{appointment.body['id']}", who=who).body
    for item in seen["papers"]:
        tour.tell(f"· {item}")
    tour.tell("前一个工作日后台任务会把这张清单作为提醒发给本人")
    path = f"/notary/appointments/{seen['id']}/calendar"
    lines = tour.call("GET", path, who=who).body.splitlines()
    tour.tell(next(line for line in lines if line.startswith("DTSTART")) + "，不写事项和姓名")
    url = tour.call("POST", "/notary/calendar-feed", who=who, expect=201).body["url"]
    feed = tour.call("GET", url.removeprefix("/api/v1"), quiet=True).body
    tour.tell(f"凭只显示一次的地址订阅，不用登录：{feed.count('BEGIN:VEVENT')} 个预约")
    tour.call("DELETE", "/notary/calendar-feed", who=who, expect=204)


def move(hall: Hall, who: Person, appointment: Answer) -> Answer:
    """Take another time; the old one is kept until the new one is won."""
    tour = hall.tour
    tour.title("改期：先占到新时段才放掉原时段")
    today = clock.today()
    times = [
        moment
        for day in hall.days(ABROAD, today, today + MONTH)
        for moment in day["times"]
        if moment > appointment.body["starts_at"]
    ]
    if not times:
        raise TourFailed("没有别的空闲时段可以改。")
    path = f"/notary/appointments/{appointment.body['id']}/reschedule"
    moved = tour.call("POST", path, {"starts_at": times[-1]}, who=who)
    tour.tell(f"{at(appointment.body['starts_at'])} 改到 {at(moved.body['starts_at'])}")
    return moved


def wait_in_line(hall: Hall, first: Person, second: Person, day: date) -> None:
    """A single seat, two who want it: the second waits in line and gets it when the first gives it back."""
    tour = hall.tour
    tour.title("居民甲约到这个号；委托须本人到场，不能由代理人办")
    (only,) = hall.days(ENTRUSTMENT, day, day)[0]["times"]
    held = hall.hold(first, ENTRUSTMENT, only).body
    agent = {"name": "李大勇", "phone": "13812345678", **identity(20, 60)}
    party = {"name": "王建国", **identity(20, 60)}
    body = {
        "hold_id": held["id"],
        "connection_basis": "habitual",
        "parties": [{**party, "by_agent": True}],
        "agent": agent,
        "checklist_read": True,
    }
    refused = tour.call("POST", "/notary/appointments", body, who=first, expect=422)
    for text in complaints(refused):
        tour.tell(f"· {text}")
    body |= {"parties": [party], "agent": None, "in_person_understood": True}
    booked = tour.call("POST", "/notary/appointments", body, who=first, expect=201).body

    tour.title("居民乙来晚了：约满，附最近的空闲时段；他只能这一天来，于是排队")
    full = hall.hold(second, ENTRUSTMENT, only, expect=409)
    tour.tell(f"{full.body['detail']}{full.body['next_step'][:40]}……")
    wish = {
        "matter_id": hall.matters[ENTRUSTMENT]["id"],
        "office_id": hall.office,
        "from_day": str(day),
        "until_day": str(day),
    }
    place = tour.call("POST", "/notary/waiting-list", wish, who=second, expect=201).body
    tour.tell(f"{place['state_label']}，前面还有 {place['ahead']} 人")

    tour.title("居民甲凭链接取消，不用登录；号源当场留给排队的居民乙，别人抢不到")
    link = {"appointment_id": booked["id"], "token": booked["cancellation_token"]}
    tour.call("POST", "/notary/cancellations", link)
    hall.hold(first, ENTRUSTMENT, only, expect=409)
    (offered,) = tour.call("GET", "/notary/holds", who=second).body["items"]
    tour.tell(f"收到通知：{tour.told(second, '排队有号了')}")
    body |= {"hold_id": offered["id"], "parties": [{"name": "赵大海", **identity(20, 60)}]}
    taken = tour.call("POST", "/notary/appointments", body, who=second, expect=201).body
    (place,) = tour.call("GET", "/notary/waiting-list", who=second).body["items"]
    if place["state"] != "taken":
        raise TourFailed(f"接受以后，排队的状态是“{place['state_label']}”")
    tour.tell(f"居民乙的预约 {taken['reference']}，排队：{place['state_label']}")


def open_one_seat(hall: Hall, clerk: Person, free: list[dict[str, Any]], mark: str) -> date:
    """Have the office open a counter with one seat on a day on which it is closed; returns the day."""
    tour, office = hall.tour, f"/staff/notary/offices/{hall.office}"
    first, last = (date.fromisoformat(free[place]["date"]) for place in (0, -1))
    days = hall.days(ENTRUSTMENT, first, last, quiet=True)
    closed = [day["date"] for day in days if day["reason"] == "closed"]
    # Once every rest day has had its tour, those that are full serve again.
    closed += [
        day["date"]
        for day in days
        if day["reason"] == "full" and date.fromisoformat(day["date"]).weekday() >= SATURDAY
    ]
    for chosen in closed:
        extra = {
            "kind": "extra",
            "first_day": chosen,
            "last_day": chosen,
            "opens": "09:00",
            "closes": "09:30",
            "reason": "演示加开",
        }
        looked = tour.call(
            "POST", f"{office}/exceptions", {**extra, "preview": True}, who=clerk, expect=200
        ).body
        if not looked["added"]:
            # The office is shut on purpose; extra hours would not count.
            continue
        tour.tell(f"先预览：全部窗口加开会多出 {looked['added']} 个时段；只开一个窗口")
        counter = {
            "name": f"演示窗口 {mark}",
            "capacity": 1,
            "matter_codes": [ENTRUSTMENT],
            "active_from": chosen,
            "active_until": chosen,
        }
        tour.call("POST", f"{office}/counters", counter, who=clerk, expect=201)
        found = tour.call("GET", f"{office}/counters", who=clerk, quiet=True).body["items"]
        own = next(each["id"] for each in found if each["name"] == counter["name"])
        tour.call(
            "POST", f"{office}/exceptions", {**extra, "counter_id": own}, who=clerk, expect=201
        )
        tour.tell(f"{chosen} 09:00，一个号")
        return date.fromisoformat(chosen)
    raise TourFailed("一个月里没有可以加开的休息日。")
