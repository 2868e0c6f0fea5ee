"""The first page of a working day shows each person what waits for them, and nothing of others'."""

from __future__ import annotations

from tests.consultations.conftest import district  # noqa: F401 - a fixture
from tests.factories.people import make_staff, staff_headers


def counters(api, headers):
    page = api.get("/staff/worklist", headers=headers)
    assert page.status_code == 200, page.json
    return {item["code"]: item["count"] for item in page.json["counters"]}, page.json


def test_each_role_sees_its_own_lists(district):  # noqa: F811
    district.ask()
    district.accepted()
    district.in_review()
    moderator, page = counters(district.api, district.moderator)
    assert moderator["consultations.moderation"] == 1
    assert moderator["consultations.queue"] == 1
    assert [d["rule"] for d in page["urgent"]] == ["CO-D1"]
    lawyer, _ = counters(district.api, district.lawyer)
    assert lawyer == {"consultations.queue": 1, "consultations.mine": 1}
    other, _ = counters(district.api, district.other_lawyer)
    assert other["consultations.mine"] == 0
    reviewer, _ = counters(district.api, district.reviewer)
    assert reviewer == {"consultations.review": 1}


def test_an_editor_sees_misses_and_reviews(district):  # noqa: F811
    editor = staff_headers(staff=make_staff(roles=["content_editor"]))
    found, page = counters(district.api, editor)
    assert found == {"search.misses": 0, "knowledge.reviews": 0}
    assert page["message"] == "目前没有待办，辛苦了。"
    assert page["urgent"] == []
