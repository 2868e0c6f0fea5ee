"""Notary offices, matters and counters, with hours on every weekday."""

from __future__ import annotations

import itertools
from datetime import date, time
from typing import Any

from portal.accounts.models import OfficeKind
from portal.core.db import db, new_id
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import NotaryCounter, NotaryHours, NotaryMatter, NotaryOffice
from tests.factories.people import make_office

_numbers = itertools.count(1)
MORNING = (time(9), time(12))


def make_notary_office(
    name: str = "测试公证处",
    hours: tuple[tuple[time, time], ...] = (MORNING,),
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4),
    **settings: Any,
) -> NotaryOffice:
    """Add an office that is open on `weekdays` (Monday is 0) during `hours`; `settings` replace its own."""
    office = make_office(name=name, kind=OfficeKind.NOTARY_OFFICE)
    values: dict[str, Any] = {
        "address": "测试路 1 号",
        "grid_from": time(8),
        "slot_minutes": 30,
        "lead_workdays": 0,
        "horizon_workdays": 10,
        "make_up_weekday": 4,
        "hold_minutes": 10,
        "offer_minutes": 60,
        "move_offer_minutes": 1440,
        "cool_off_least_minutes": 5,
        "cool_off_most_minutes": 30,
        "person_limit": 2,
        "no_show_limit": 2,
        "no_show_months": 3,
        "no_show_grace_minutes": 0,
        **settings,
    }
    with unit_of_work():
        notary = NotaryOffice(id=office.id, **values)
        db.session.add(notary)
        db.session.flush()
        db.session.add_all(
            NotaryHours(
                office_id=office.id,
                weekday=weekday,
                opens=opens,
                closes=closes,
                valid_from=date(2020, 1, 1),
            )
            for weekday in weekdays
            for opens, closes in hours
        )
    return notary


def make_matter(code: str | None = None, name: str = "测试事项", **fields: Any) -> NotaryMatter:
    """Add a matter of half an hour that leaves agency open."""
    values: dict[str, Any] = {
        "minutes": 30,
        "in_person": False,
        "agency_allowed": True,
        "general_place_for_immovables": False,
        "checklist": ["身份证件"],
        **fields,
    }
    with unit_of_work():
        matter = NotaryMatter(id=new_id(), code=code or f"T{next(_numbers)}", name=name, **values)
        db.session.add(matter)
    return matter


def make_counter(office: NotaryOffice, capacity: int = 1, **fields: Any) -> NotaryCounter:
    """Add a counter where every matter is done."""
    values: dict[str, Any] = {
        "name": f"{next(_numbers)} 号窗口",
        "active_from": date(2020, 1, 1),
        **fields,
    }
    with unit_of_work():
        counter = NotaryCounter(id=new_id(), office_id=office.id, capacity=capacity, **values)
        db.session.add(counter)
    return counter
