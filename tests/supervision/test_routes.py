"""The register over HTTP: who sees what, filters, order, pages, figures."""

from __future__ import annotations

import uuid

import pytest

from portal.core.db import db
from portal.supervision import operations, rules, sweep
from tests.factories.people import make_office, make_staff, resident_headers, staff_headers
from tests.supervision.conftest import ANSWER, CLAIM, KIND, REPLY, REVIEW, RULES

LIST = "/staff/supervision/deadlines"
SUMMARY = "/staff/supervision/summary"


def rules_of(answer) -> list[str]:
    assert answer.status_code == 200, answer.json
    return [item["rule"] for item in answer.json["items"]]


def test_a_deadline_is_shown_with_everything_a_supervisor_asks(api, matter, clock, chief):
    lawyer, office = make_staff(["lawyer"]), make_office()
    clock.set("2026-03-02 09:00")
    matter.open(
        ANSWER, responsible_staff_id=lawyer.id, office_id=office.id, reference="ZX-2026-00001-A"
    )
    clock.set("2026-03-03 09:00")
    matter.pause(ANSWER)
    answer = api.get(LIST, headers=chief)
    (item,) = answer.json["items"]
    assert item["id"] == str(matter.only.id)
    assert {key: item[key] for key in ("state", "state_label", "paused", "name", "evidence")} == {
        "state": "paused",
        "state_label": "已暂停",
        "paused": True,
        "name": "答复",
        "evidence": "D",
    }
    assert (item["responsible_label"], item["responsible_staff"]) == ("律师", "测试工作人员")
    assert (item["office_id"], item["reference"]) == (str(office.id), "ZX-2026-00001-A")
    assert item["pauses"] == [
        {
            "from_at": "2026-03-03T09:00:00+08:00",
            "to_at": None,
            "reason": "等待补充",
            "basis": "测试依据",
        }
    ]
    assert item["due_raw"] == item["due_on"] == "2026-03-09"
    assert item["steps"] == []


def test_the_list_is_in_order_of_time_left_and_pages_do_not_repeat(api, new_matter, clock, chief):
    for rule in (REVIEW, CLAIM, ANSWER, REPLY):
        for _ in range(3):
            new_matter().open(rule)
    seen, cursor = [], ""
    while True:
        answer = api.get(f"{LIST}?size=5{cursor}", headers=chief)
        seen += answer.json["items"]
        following = answer.json["page"]["next"]
        if following is None:
            break
        new_matter().open(CLAIM)
        cursor = f"&cursor={following}"
    ends = [item["due_at"] for item in seen]
    assert ends == sorted(ends)
    assert len({item["id"] for item in seen}) == len(seen) == 12
    assert seen[0]["rule"] == CLAIM.id
    assert seen[-1]["rule"] == REPLY.id


def test_filters_narrow_the_list(api, new_matter, clock, chief):
    office = make_office()
    running, paused, late, met, gone = (new_matter() for _ in range(5))
    late.open(CLAIM)
    clock.advance(days=3)
    running.open(REVIEW, office_id=office.id)
    paused.open(ANSWER)
    paused.pause(ANSWER)
    met.open(REPLY)
    met.meet(REPLY)
    gone.open(REPLY)
    operations.cancel(KIND, gone.id, REPLY.id, reason="撤回")
    cases = {
        "": {CLAIM.id, REVIEW.id, ANSWER.id},
        "?state=paused": {ANSWER.id},
        "?state=open": {CLAIM.id, REVIEW.id},
        "?state=met": {REPLY.id},
        "?state=cancelled": {REPLY.id},
        "?overdue=true": {CLAIM.id},
        "?overdue=false": {REVIEW.id, ANSWER.id},
        f"?rule={REVIEW.id}": {REVIEW.id},
        f"?office={office.id}": {REVIEW.id},
        f"?subject_kind={KIND}&rule={CLAIM.id}": {CLAIM.id},
        "?subject_kind=other": set(),
        "?state=met&overdue=true": set(),
    }
    for query, expected in cases.items():
        assert set(rules_of(api.get(LIST + query, headers=chief))) == expected, query


def test_the_filter_and_the_flag_agree(api, new_matter, clock, chief):
    late_met, late_paused, in_time = new_matter(), new_matter(), new_matter()
    for one in (late_met, late_paused, in_time):
        one.open(CLAIM)
    in_time.meet(CLAIM)
    clock.advance(days=3)
    make_staff(["lawyer"])
    sweep.sweep()
    late_met.meet(CLAIM)
    late_paused.pause(CLAIM)
    for state in ("met", "paused"):
        everything = api.get(f"{LIST}?state={state}", headers=chief).json["items"]
        late = api.get(f"{LIST}?state={state}&overdue=true", headers=chief).json["items"]
        assert late == [item for item in everything if item["overdue"]]
        assert len(late) == 1
        assert late[0]["overdue_at"]


@pytest.mark.parametrize(
    "query",
    [
        "?state=late",
        "?overdue=1",
        "?office=x",
        "?rule=",
        "?colour=1",
        "?size=0",
        "?state=met&state=met",
    ],
)
def test_a_wrong_filter_is_refused(api, chief, query):
    assert api.get(LIST + query, headers=chief).status_code == 422


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJ4IiwieCJd"])
def test_a_broken_cursor_is_refused(api, chief, cursor):
    assert api.get(f"{LIST}?cursor={cursor}", headers=chief).status_code == 422


def test_each_sees_what_concerns_them(api, new_matter, clock):
    here, there = make_office(), make_office()
    at_here, at_there, anywhere, review, named = (new_matter() for _ in range(5))
    at_here.open(CLAIM, office_id=here.id)
    at_there.open(CLAIM, office_id=there.id)
    anywhere.open(CLAIM)
    review.open(REVIEW, office_id=here.id)
    moderator = make_staff(["moderator"])
    named.open(REPLY, responsible_role="reviewer", responsible_staff_id=moderator.id)

    def subjects(headers) -> set[uuid.UUID]:
        items = api.get(LIST, headers=headers).json["items"]
        return {uuid.UUID(item["subject_id"]) for item in items}

    every = {one.id for one in (at_here, at_there, anywhere, review, named)}
    assert subjects(staff_headers(roles=["supervisor"])) == every
    assert subjects(staff_headers(roles=["admin"])) == every
    assert subjects(staff_headers(roles=["supervisor"], office=here)) == {at_here.id, review.id}
    assert subjects(staff_headers(roles=["lawyer"])) == {at_here.id, at_there.id, anywhere.id}
    assert subjects(staff_headers(roles=["lawyer"], office=here)) == {at_here.id, anywhere.id}
    assert subjects(staff_headers(roles=["lawyer", "legal_aid_officer"], office=here)) == {
        at_here.id,
        anywhere.id,
        review.id,
    }
    assert subjects(staff_headers(staff=moderator)) == {named.id}
    assert subjects(staff_headers(roles=["content_editor"])) == set()


def test_the_register_is_for_staff_only(api, database):
    for path in (LIST, SUMMARY):
        assert api.get(path).status_code == 401
        assert api.get(path, headers=resident_headers()).status_code == 403


def test_the_list_takes_a_fixed_number_of_statements(api, new_matter, chief, statements):
    lawyer = make_staff(["lawyer"])

    def cost() -> int:
        db.session.remove()
        with statements() as seen:
            assert api.get(f"{LIST}?size=100", headers=chief).status_code == 200
        return len(seen)

    for _ in range(2):
        new_matter().open(ANSWER, responsible_staff_id=lawyer.id)
    few = cost()
    for _ in range(20):
        one = new_matter()
        one.open(ANSWER, responsible_staff_id=make_staff(["lawyer"]).id if _ < 3 else lawyer.id)
        one.pause(ANSWER)
    assert cost() == few


def test_the_figures_of_each_rule(api, new_matter, clock, chief, statements):
    clock.set("2026-03-02 09:00")
    matters = [new_matter() for _ in range(6)]
    matters[0].open(CLAIM)
    matters[1].open(CLAIM)
    clock.advance(hours=60)
    matters[1].meet(CLAIM)
    matters[2].open(CLAIM)
    matters[3].open(CLAIM)
    matters[3].meet(CLAIM)
    matters[4].open(ANSWER)
    matters[5].open(REVIEW)
    matters[5].pause(REVIEW)
    db.session.remove()
    with statements() as seen:
        answer = api.get(SUMMARY, headers=chief)
    assert answer.status_code == 200, answer.json
    assert sum("FROM deadline" in statement for statement in seen) == 1
    assert (answer.json["from"], answer.json["to"]) == ("2026-01-01", "2026-03-04")
    figures = {item["rule"]: item for item in answer.json["items"]}
    assert figures[CLAIM.id] == {
        "rule": CLAIM.id,
        "name": "推进办理",
        "basis": "本平台服务承诺",
        "period": "48 小时",
        "running": 2,
        "paused": 0,
        "due_soon": 1,
        "overdue": 1,
        "met_in_time": 1,
        "met_late": 1,
    }
    assert (figures[REVIEW.id]["running"], figures[REVIEW.id]["paused"]) == (1, 1)
    # Five working days from Wednesday: Wednesday next, not within three.
    assert (figures[ANSWER.id]["running"], figures[ANSWER.id]["due_soon"]) == (1, 0)
    assert {rule.id for rule in RULES} <= set(figures)
    assert answer.json["totals"] == {
        "running": 4,
        "paused": 1,
        "due_soon": 1,
        "overdue": 1,
        "met_in_time": 1,
        "met_late": 1,
    }
    clock.set("2026-03-06 09:00")
    later = api.get(SUMMARY, headers=chief).json
    assert next(one for one in later["items"] if one["rule"] == ANSWER.id)["due_soon"] == 1


def test_the_figures_count_what_was_met_in_the_time_asked_for(api, matter, clock, chief):
    clock.set("2026-03-02 09:00")
    matter.open(CLAIM)
    matter.meet(CLAIM)
    clock.set("2026-04-01 09:00")
    for query, expected in (
        ("", 1),
        ("?from=2026-03-02&to=2026-03-02", 1),
        ("?from=2026-03-03", 0),
        ("?to=2026-03-01", 0),
    ):
        answer = api.get(SUMMARY + query, headers=chief)
        assert answer.json["totals"]["met_in_time"] == expected, query
    assert api.get(f"{SUMMARY}?from=2026-03-03&to=2026-03-02", headers=chief).status_code == 422
    for query in ("?from=3", "?from=0001-01-01", "?to=9999-12-31", "?x=1"):
        assert api.get(SUMMARY + query, headers=chief).status_code == 422, query


def test_a_lawyers_figures_are_the_lawyers(api, new_matter):
    new_matter().open(CLAIM)
    new_matter().open(REVIEW)
    totals = api.get(SUMMARY, headers=staff_headers(roles=["lawyer"])).json["totals"]
    assert totals["running"] == 1


def test_a_rule_whose_room_is_gone_still_counts(api, matter, chief, monkeypatch):
    matter.open(REVIEW)
    monkeypatch.setattr(rules, "_rules", {})
    (item,) = api.get(SUMMARY, headers=chief).json["items"]
    assert (item["rule"], item["name"], item["running"]) == (REVIEW.id, REVIEW.id, 1)
    (shown,) = api.get(LIST, headers=chief).json["items"]
    assert (shown["name"], shown["evidence"]) == (REVIEW.id, None)
