"""Who comes too soon reads on which day the office is first open for the matter, not just the next working day. HTTP."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from portal.config import settings
from portal.notary.operations import schedule
from portal.working_days import operations as working_days
from tests.conftest import JsonClient, SettableClock
from tests.factories.notary import make_counter, make_matter, make_notary_office
from tests.factories.people import make_resident, resident_headers
from tests.notary.conftest import Desk
from tests.notary.screen import Counter

FRIDAY, SATURDAY = "2026-02-27", "2026-02-28"
AT_TEN = f"{FRIDAY}T10:00:00+08:00"


@pytest.fixture
def person(database: None, client: FlaskClient, clock: SettableClock) -> Counter:
    """A Friday before a Saturday that is worked (调休), when the office is shut; who books has to be a day ahead."""
    clock.set(f"{FRIDAY} 09:00")
    working_days.load(settings().content_dir, years=[2026])
    office = make_notary_office(make_up_weekday=None, lead_workdays=1)
    found = Desk(office, make_counter(office), make_matter())
    schedule.refresh_all()
    resident = make_resident()
    return Counter(JsonClient(client), found, resident_headers(resident=resident), resident)


def of_today(person: Counter, matter_id: object = None) -> str:
    """What the month says of today."""
    query = f"matter_id={matter_id or person.desk.matter.id}&from={FRIDAY}&to={FRIDAY}"
    (office,) = person.got(f"/notary/availability?{query}")["items"]
    (day,) = office["days"]
    assert day["reason"] == "too_soon"
    told: str = day["reason_text"]
    return told


def test_it_is_not_a_working_day_on_which_the_office_is_shut(person: Counter) -> None:
    assert of_today(person) == "需要提前预约，最早可以约 2026年3月2日"
    refused = person.hold(AT_TEN, 409)
    assert (refused["code"], "最早可以约 2026年3月2日" in refused["detail"]) == ("too_soon", True)
    wish = {"matter_id": str(person.desk.matter.id), "from_day": FRIDAY, "until_day": FRIDAY}
    refused = person.sent("/notary/waiting-list", wish, 409)
    assert "最早可以约 2026年3月2日" in refused["detail"]


def test_nor_one_that_the_office_has_closed(person: Counter, clerk: dict[str, str]) -> None:
    close(person, clerk, "2026-03-02", "2026-03-03")
    assert of_today(person).endswith("最早可以约 2026年3月4日")
    assert "2026年3月4日" in person.hold(AT_TEN, 409)["detail"]


def test_nor_one_that_is_open_too_briefly_for_the_matter(
    person: Counter, clerk: dict[str, str]
) -> None:
    close(person, clerk, "2026-03-02", "2026-03-02", opens="09:00", closes="11:00")
    assert of_today(person).endswith("最早可以约 2026年3月2日")
    long = make_matter(minutes=90)
    assert of_today(person, long.id).endswith("最早可以约 2026年3月3日")
    refused = person.hold(AT_TEN, 409, matter_id=str(long.id))
    assert "最早可以约 2026年3月3日" in refused["detail"]


def test_where_no_day_is_open_none_is_named(person: Counter, clerk: dict[str, str]) -> None:
    close(person, clerk, "2026-02-28", "2026-04-30")
    assert of_today(person) == "需要提前预约，这一天不能再约"
    refused = person.hold(AT_TEN, 409)
    assert "2026年2月28日以前" in refused["detail"]


def close(person: Counter, clerk: dict[str, str], first: str, last: str, **hours: str) -> None:
    body = {"kind": "closed", "first_day": first, "last_day": last, "reason": "设备检修", **hours}
    path = f"/staff/notary/offices/{person.desk.office.id}/exceptions"
    answer = person.api.post(path, body, headers=clerk)
    assert answer.status_code == 201, answer.json
