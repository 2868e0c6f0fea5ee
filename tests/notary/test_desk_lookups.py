"""What the desk looks up over HTTP: an appointment or a case by its reference, who works at the office, what waits."""

from __future__ import annotations

import pytest

from tests.notary.hall import STAFF, Hall


def typed(reference: str) -> list[str]:
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in reference)
    return [reference, reference.lower(), f" {reference.replace('-', ' ')} ", wide]


def items(hall: Hall, path: str, who: str = "clerk") -> list[dict]:
    answer = hall.api.get(f"{STAFF}/{path}", headers=hall.headers[who])
    assert answer.status_code == 200, answer.json
    return answer.json["items"]


def test_an_appointment_is_found_by_its_reference_however_it_is_typed(hall: Hall) -> None:
    hall.booked()
    booking = hall.booked("2026-03-05 10:00")
    for text in typed(booking.reference):
        (found,) = items(hall, f"appointments?reference={text}")
        assert (found["id"], found["state"]) == (str(booking.id), "confirmed")
        assert found["starts_at"] == "2026-03-05T10:00:00+08:00"
        assert "parties" not in found
    assert items(hall, "appointments?reference=GZ-2026-00001-A") == []
    assert items(hall, "appointments?reference=赵测试") == []


def test_an_appointment_is_found_by_who_may_look_at_its_office(hall: Hall) -> None:
    booking = hall.booked()
    path = f"appointments?reference={booking.reference}"
    assert items(hall, path, "stranger") == []
    assert len(items(hall, path, "supervisor")) == 1


def test_the_whole_list_of_appointments_is_not_asked_for_here(hall: Hall) -> None:
    answer = hall.api.get(f"{STAFF}/appointments", headers=hall.headers["clerk"])
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["reference"])


def test_a_case_is_found_by_its_reference_whatever_its_state(hall: Hall) -> None:
    _, path = hall.issued()
    reference = hall.case(path)["reference"]
    assert items(hall, "cases") == []
    for text in typed(reference):
        (found,) = items(hall, f"cases?reference={text}")
        assert found["reference"] == reference
    assert items(hall, f"cases?reference={reference}&state=accepted") == []
    assert items(hall, f"cases?reference={reference}", "stranger") == []
    assert items(hall, "cases?reference=GS-1") == []


def test_certificates_that_nobody_has_received_are_counted_and_listed(hall: Hall) -> None:
    _, path = hall.accepted()
    hall.done(path, "certificate", hall.certificate())
    hall.issued("（2026）渝足证字第2号")

    def waiting() -> tuple[int, list[dict]]:
        page = hall.api.get("/staff/worklist", headers=hall.headers["clerk"]).json
        (count,) = [each for each in page["counters"] if each["code"] == "notary.to_hand_over"]
        assert count["path"] == "/api/v1/staff/notary/cases?to_hand_over=true"
        return count["count"], items(hall, "cases?to_hand_over=true")

    count, listed = waiting()
    assert (count, [each["reference"] for each in listed]) == (1, [hall.case(path)["reference"]])
    hall.done(path, "receipt", {"received_on": "2026-03-02"})
    assert waiting() == (0, [])


@pytest.mark.parametrize("who", ["clerk", "supervisor"])
def test_who_may_act_at_the_office_is_listed_by_name(hall: Hall, who: str) -> None:
    staff = items(hall, f"offices/{hall.office_id}/staff", who)
    assert [each["name"] for each in staff] == ["甲公证员", "乙公证员", "丙公证员"]
    assert {each["role"] for each in staff} == {"notary_clerk"}
    assert staff[0]["role_label"] == "公证机构工作人员"
    _, path = hall.accepted()
    body = {**hall.certificate(), "approver_id": staff[2]["id"]}
    assert hall.done(path, "certificate", body)["approver"] == "丙公证员"


def test_another_office_keeps_its_staff_to_itself(hall: Hall) -> None:
    answer = hall.api.get(f"{hall.office}/staff", headers=hall.headers["stranger"])
    assert answer.status_code == 404
