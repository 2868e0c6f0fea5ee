"""What all notary offices share is changed by who serves all of them; who serves none finds nothing here. Over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories.people import make_office, make_staff, staff_headers
from tests.notary.screen import Counter, Headers


@pytest.mark.parametrize(
    "change",
    [
        {"description": "改了"},
        {"checklist": ["什么都不用带"]},
        {"minutes": 10},
        {"active": False},
        {"active": False, "preview": True},
    ],
)
def test_an_office_does_not_change_what_all_offices_share(
    person: Counter, clerk: Headers, change: dict[str, Any]
) -> None:
    (matter,) = person.api.get("/staff/notary/matters", headers=clerk).json["items"]
    headers = {**clerk, "If-Match": matter["version"]}
    answer = person.api.patch(f"/staff/notary/matters/{matter['id']}", change, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (403, "matter_is_shared")
    assert "窗口" in answer.json["next_step"]
    (shown,) = person.api.get("/staff/notary/matters", headers=clerk).json["items"]
    assert shown == matter


@pytest.mark.parametrize("role", ["notary_clerk", "supervisor"])
def test_the_role_in_an_office_of_another_kind_opens_nothing(person: Counter, role: str) -> None:
    headers = staff_headers(staff=make_staff([role], make_office()))
    for path in ("offices", "matters", "cases", "no-show-appeals"):
        answer = person.api.get(f"/staff/notary/{path}", headers=headers)
        assert answer.status_code == 403, path
    matter = person.desk.matter.id
    answer = person.api.patch(
        f"/staff/notary/matters/{matter}",
        {"active": False},
        headers={**headers, "If-Match": '"1"'},
    )
    assert answer.status_code == 403
    office = person.desk.office.id
    for path in ("", "/affected", "/counters", "/hours", "/exceptions", "/sheet", "/queue"):
        answer = person.api.get(f"/staff/notary/offices/{office}{path}", headers=headers)
        assert answer.status_code == 404, path
