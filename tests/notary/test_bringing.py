"""What one appointment needs is told whole, and the same when it is made, later, and in the reminder. Over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from portal.core.jobs import worker
from portal.core.unit_of_work import unit_of_work
from portal.notary import tasks
from tests.conftest import SettableClock
from tests.factories.notary import make_matter
from tests.notary.screen import Counter
from tests.notary.test_acting_for_others import child, representative

ABROAD = {"foreign_use": True, "foreign_country": "加拿大", "fee_relief": True}


@pytest.fixture
def matter(person: Counter) -> dict[str, Any]:
    """A matter whose list has an item for agents."""
    items = ["公证申请表", "身份证件", "由代理人办的，带授权委托书和代理人身份证件"]
    return {"matter_id": str(make_matter(checklist=items).id)}


def told(person: Counter, title: str) -> str:
    """The newest message with this title."""
    worker.drain()
    items = person.got("/me/notifications")["items"]
    return str(next(each["body"] for each in items if each["title"] == title))


def test_a_child_is_told_of_the_guardian_and_not_of_an_agent(
    person: Counter, matter: dict[str, Any], clock: SettableClock
) -> None:
    made = person.confirm(person.hold(**matter), party=child(), **ABROAD)
    later = person.got(f"/notary/appointments/{made['id']}")
    assert later["papers"] == made["papers"]
    confirmed = told(person, "预约成功")
    with unit_of_work():
        assert tasks.remind() == 1
    reminded = told(person, "预约提醒")
    for text in ("".join(made["papers"]), confirmed, reminded):
        for word in (
            "公证申请表",
            "监护人的身份证件",
            "监护关系证明",
            "加拿大",
            "翻译",
            "法律援助",
        ):
            assert word in text
        assert "代理人" not in text


def test_who_has_an_agent_is_told_of_the_agents_papers_once(
    person: Counter, matter: dict[str, Any]
) -> None:
    made = person.confirm(person.hold(**matter), party={"by_agent": True}, agent=representative())
    assert made["papers"] == ["公证申请表", "身份证件", "授权委托书和代理人身份证件"]


def test_who_has_a_seat_kept_for_disabled_people_brings_the_proof(person: Counter) -> None:
    made = person.confirm(person.hold(priority="disabled"))
    assert "残疾人证" in made["papers"]


def test_what_was_hinted_at_when_it_was_made_can_be_read_again(person: Counter) -> None:
    made = person.confirm(person.hold(), **ABROAD)
    again = person.got(f"/notary/appointments/{made['id']}")
    assert again["hints"] == made["hints"]
    assert len(made["hints"]) == 3
    for word in ("清单供参考", "翻译和认证", "法律援助"):
        assert word in "".join(again["hints"])


def test_nobody_brings_anything_to_what_was_cancelled(person: Counter) -> None:
    made = person.confirm(person.hold(), **ABROAD)
    gone = person.sent(f"/notary/appointments/{made['id']}/cancellation")
    assert (gone["papers"], gone["hints"]) == ([], [])


def test_who_has_an_agent_is_told_how_a_power_of_attorney_is_made_abroad(
    person: Counter, matter: dict[str, Any], clerk: dict[str, str]
) -> None:
    made = person.confirm(person.hold(**matter), party={"by_agent": True}, agent=representative())
    shown = person.api.get(f"/staff/notary/appointments/{made['id']}", headers=clerk).json
    for hints in (made["hints"], shown["hints"]):
        (rule,) = [each for each in hints if "公证程序规则第十二条" in each]
        assert "国外或者港澳台" in rule


def test_a_number_of_an_unusual_form_is_taken_and_pointed_out(person: Counter) -> None:
    passport = {"document_type": "chinese_passport", "birth_date": "1990-03-07"}
    usual = person.confirm(
        person.hold(), party={**passport, "document_number": "E12345678", "name": "李护照"}
    )
    assert not [hint for hint in usual["hints"] if "李护照" in hint]
    person.sent(f"/notary/appointments/{usual['id']}/cancellation")
    odd = person.confirm(
        person.hold(), party={**passport, "document_number": "12345", "name": "李护照"}
    )
    assert [hint for hint in odd["hints"] if "李护照" in hint] == [
        "李护照：这个号码与常见的中国护照号码格式不同，请再核对一遍。"
    ]
