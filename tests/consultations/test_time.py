"""The clocks of a consultation, and what the portal does by itself when one runs out."""

from __future__ import annotations

from portal.supervision import sweep as supervision
from tests.consultations.conftest import QUESTION


def clock_of(seen, rule):
    return next(
        d
        for d in seen["deadlines"]
        if d["rule"] == rule and d.get("state", "open") in ("open", "paused")
    )


def sweep(run_jobs):
    supervision.sweep()
    run_jobs()


def test_moderation_is_promised_for_the_next_working_day(district):
    found = district.ask()
    assert clock_of(found, "CO-D1")["due_on"] == "2026-03-03"


def test_the_moderation_clock_stops_while_facts_are_missing(district, clock):
    consultation_id = district.ask()["id"]
    body = {"decision": "return", "note": "请写明拖欠了几个月工资。"}
    district.done(district.moderator, consultation_id, "moderation", body)
    assert clock_of(district.mine(consultation_id), "CO-D1")["paused"] is True
    clock.set("2026-03-05 10:00")
    path = f"/consultations/{consultation_id}/messages"
    seen = district.api.post(path, {"text": "三个月"}, headers=district.resident).json
    running = clock_of(seen, "CO-D1")
    assert running["paused"] is False
    assert running["due_on"] > "2026-03-05"


def test_a_claim_without_progress_goes_back_to_the_queue(district, clock, run_jobs):
    consultation_id = district.claimed()
    clock.advance(hours=49)
    sweep(run_jobs)
    seen = district.mine(consultation_id)
    assert seen["state"] == "queued"
    assert seen["timeline"][-1]["by"] == "system"
    district.sign_in_again()
    taken = district.staff_step(district.other_lawyer, consultation_id, "claim")
    assert taken.status_code == 200


def test_saving_a_draft_counts_as_progress(district, clock, run_jobs):
    consultation_id = district.claimed()
    clock.advance(hours=30)
    district.sign_in_again()
    district.done(
        district.lawyer,
        consultation_id,
        "answer-draft",
        {"text": "先写一半，稍后再补充。", "citations": []},
        method="PUT",
    )
    clock.advance(hours=30)
    sweep(run_jobs)
    assert district.mine(consultation_id)["state"] == "claimed"


def test_an_unanswered_request_lapses_and_can_still_be_revived(district, clock, run_jobs):
    consultation_id = district.ask()["id"]
    body = {"decision": "return", "note": "请写明拖欠了几个月工资。"}
    district.done(district.moderator, consultation_id, "moderation", body)
    clock.advance(days=17)
    sweep(run_jobs)
    assert district.mine(consultation_id)["state"] == "lapsed"
    path = f"/consultations/{consultation_id}/messages"
    revived = district.api.post(path, {"text": "三个月"}, headers=district.resident)
    assert revived.json["state"] == "submitted"
    assert clock_of(revived.json, "CO-D1")["paused"] is False


def test_an_answer_without_follow_up_is_closed_after_a_while(district, clock, run_jobs):
    consultation_id = district.answered()
    clock.advance(days=17)
    sweep(run_jobs)
    assert district.mine(consultation_id)["state"] == "closed"


def test_running_out_twice_has_one_effect(district, clock, run_jobs):
    consultation_id = district.claimed()
    clock.advance(hours=49)
    sweep(run_jobs)
    sweep(run_jobs)
    actions = [step["action"] for step in district.mine(consultation_id)["timeline"]]
    assert actions.count("release") == 1


def test_the_list_with_the_least_time_left_comes_first(district, clock):
    first = district.ask()["id"]
    clock.set("2026-03-04 09:00")
    district.sign_in_again()
    second = district.ask(text=QUESTION + "（第二条）")["id"]
    page = district.api.get(
        "/staff/consultations?list=moderation&size=1", headers=district.moderator
    ).json
    assert [item["id"] for item in page["items"]] == [first]
    following = district.api.get(
        f"/staff/consultations?list=moderation&size=1&cursor={page['page']['next']}",
        headers=district.moderator,
    ).json
    assert [item["id"] for item in following["items"]] == [second]
    assert following["page"]["next"] is None
