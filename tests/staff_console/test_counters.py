"""Each count of the worklist leads to a list of exactly what was counted, in every room and for every role."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from sqlalchemy import select

from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import misses
from portal.knowledge.models import Article, ReviewItem, ReviewReason
from portal.notary.operations import schedule
from tests.conftest import JsonClient, SettableClock
from tests.consultations.conftest import District, Headers, district  # noqa: F401 - a fixture
from tests.factories.people import make_staff, staff_headers
from tests.notary.caller import body
from tests.notary.conftest import desk, hall  # noqa: F401 - fixtures
from tests.notary.hall import STAFF, Hall
from tests.notary.test_appeals import TEXT
from tests.notary.test_schedule import close

WEDNESDAY = "2026-03-18 09:00"


@pytest.fixture
def busy(hall: Hall, district: District, clock: SettableClock) -> Hall:  # noqa: F811
    """A Wednesday on which something waits in every list, and beside it what does not belong there."""
    at_the_offices(hall, clock)
    clock.set(WEDNESDAY)
    schedule.refresh_all()
    fresh_at_the_office(hall)
    district.sign_in_again()
    district.ask()
    for step in (district.accepted, district.claimed, district.in_review, district.answered):
        step()
    of_editors()
    return hall


def at_the_offices(place: Hall, clock: SettableClock) -> None:
    """What is left of Monday a fortnight ago."""
    place.accepted(when="2026-03-02 09:30")
    place.issued()
    _, path = place.accepted(when="2026-03-02 10:00")
    place.done(path, "certificate", place.certificate("（2026）渝足证字第2号"))
    place.checked_in("2026-03-02 10:30")
    missed = [place.booked("2026-03-02 11:00") for _ in range(2)]
    place.booked("2026-03-02 11:30")
    clock.set("2026-03-02 11:45")
    for booking in missed:
        place.done(place.at(booking), "no-show")
    disputed = f"/notary/appointments/{missed[0].id}/no-show-appeal"
    assert place.api.post(disputed, TEXT, headers=place.as_resident(missed[0])).status_code == 200


def fresh_at_the_office(place: Hall) -> None:
    """What happens today: fresh cases, one whose handler leaves, and a closed day of somebody without a phone."""
    place.accepted(when="2026-03-18 09:30")
    gone = make_staff(["notary_clerk"], place.office_id)
    booking = place.checked_in("2026-03-18 10:00")
    place.done(place.at(booking), "acceptance", {"notary_id": str(gone.id)})
    admin, path = staff_headers(roles=["admin"]), f"/staff/accounts/{gone.id}"
    headers = {**admin, "If-Match": place.api.get(path, headers=admin).headers["ETag"]}
    assert place.api.post(f"{path}/deactivation", headers=headers).status_code == 200
    rung = body(place, starts_at="2026-03-19T09:00:00+08:00")
    answer = place.api.post(f"{place.office}/appointments", rung, headers=place.headers["clerk"])
    assert answer.status_code == 201, answer.json
    close(place.desk, date(2026, 3, 18), date(2026, 4, 30))


def of_editors() -> None:
    """Two wordings of one question that search could not answer, and a text whose law has changed."""
    misses.record("无人机偷拍怎么办？", None)
    misses.record("被无人机偷拍了怎么办", None)
    misses.record("二房东跑了", None)
    with unit_of_work():
        item = ReviewItem(
            subject_kind="faq",
            subject_id=db.session.scalars(select(Article.id)).first(),
            article_id=db.session.scalars(select(Article.id)).first(),
            title="公司拖欠工资怎么办",
            reason=ReviewReason.TEXT_CHANGED,
            basis="text_changed:1",
        )
        db.session.add(item)


def entries(api: JsonClient, path: str, headers: Headers) -> int:
    """How many entries a list has, over all of its pages."""
    joined, found, cursor = "&" if "?" in path else "?", 0, ""
    while True:
        answer = api.get(f"{path.removeprefix('/api/v1')}{joined}size=1{cursor}", headers=headers)
        assert answer.status_code == 200, answer.json
        found += len(answer.json["items"])
        if answer.json["page"]["next"] is None:
            return found
        cursor = f"&cursor={answer.json['page']['next']}"


def everybody(place: Hall, room: District) -> dict[str, Headers]:
    editor = make_staff(roles=["content_editor"])
    at_one_office = make_staff(["supervisor"], place.office_id)
    return {
        "clerk": place.headers["clerk"],
        "stranger": place.headers["stranger"],
        "supervisor": place.headers["supervisor"],
        "supervisor of one office": staff_headers(staff=at_one_office),
        "editor": staff_headers(staff=editor),
        "moderator": room.moderator,
        "lawyer": room.lawyer,
        "other lawyer": room.other_lawyer,
        "reviewer": room.reviewer,
    }


def test_every_count_is_the_number_of_entries_of_the_list_it_leads_to(
    busy: Hall,
    district: District,  # noqa: F811
) -> None:
    counted: Counter[str] = Counter()
    for who, headers in everybody(busy, district).items():
        page = busy.api.get("/staff/worklist", headers=headers)
        assert page.status_code == 200, page.json
        told = {each["code"]: each["count"] for each in page.json["counters"]}
        listed = {
            each["code"]: entries(busy.api, each["path"], headers) for each in page.json["counters"]
        }
        assert told == listed, who
        counted.update(told)
    assert all(counted.values()), "nothing was compared with an empty list alone"


def test_cases_near_their_end_are_a_list_of_their_own(busy: Hall) -> None:
    headers = busy.headers["clerk"]
    everything = busy.api.get(f"{STAFF}/cases", headers=headers).json["items"]
    near = busy.api.get(f"{STAFF}/cases?near_end=true", headers=headers).json["items"]
    assert [case["accepted_on"] for case in everything] == [
        "2026-03-02",
        "2026-03-18",
        "2026-03-18",
    ]
    assert [case["accepted_on"] for case in near] == ["2026-03-02"]


def test_the_count_of_questions_without_an_answer_follows_each_of_them(busy: Hall) -> None:
    headers = staff_headers(roles=["content_editor"])
    path = "/staff/search/misses"

    def count() -> int:
        counters = busy.api.get("/staff/worklist", headers=headers).json["counters"]
        (told,) = (each["count"] for each in counters if each["code"] == "search.misses")
        assert told == entries(busy.api, path, headers)
        return told

    def step(item: dict[str, str], name: str) -> None:
        answer = busy.api.post(f"{path}/{item['id']}/{name}", headers=headers)
        assert answer.status_code == 200, answer.json

    assert count() == 2
    misses.record("二房东跑了找谁", None)
    assert count() == 2, "a wording of one that is there"
    misses.record("野猪啃了庄稼", None)
    assert count() == 3
    item = busy.api.get(path, headers=headers).json["items"][0]
    step(item, "dismissal")
    assert count() == 2
    step(item, "reopening")
    assert count() == 3
