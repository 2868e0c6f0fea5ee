"""Loads what the district edits under `content/notary/`: matters, and the first settings of offices.

A file with a mistake is left out whole and every mistake is named. What staff have edited stays as they left it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import time
from pathlib import Path
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate
from sqlalchemy import select

from portal.accounts.models import Office, OfficeKind
from portal.audit import operations as audit
from portal.config import settings
from portal.core import clock
from portal.core.actor import SYSTEM
from portal.core.content_files import BrokenFile, LoadReport, listed, loaded, parse, read
from portal.core.db import db, new_id
from portal.core.unit_of_work import unit_of_work
from portal.notary.models import (
    NotaryCounter,
    NotaryHours,
    NotaryMatter,
    NotaryOffice,
    Origin,
)
from portal.notary.operations import matters as matter_operations
from portal.notary.operations import schedule
from portal.notary.staff_schemas import office_phone
from portal.web.schemas import BoundedInteger, CleanString, Schema, StrictBoolean

FOLDER = "notary"


def _matter_code() -> CleanString:
    return CleanString(
        required=True,
        min_length=1,
        max_length=10,
        validate=validate.Regexp(r"[A-Z][0-9A-Za-z]*\Z", error="编号应当像 N03a。"),
    )


class MatterEntry(Schema):
    """An entry of matters.yaml."""

    code = _matter_code()
    name = CleanString(required=True, min_length=1, max_length=100)
    description = CleanString(load_default="", max_length=500, multiline=True)
    minutes = BoundedInteger(required=True, minimum=5, maximum=480)
    in_person = StrictBoolean(load_default=False)
    general_place_for_immovables = StrictBoolean(load_default=False)
    for_organisations = StrictBoolean(load_default=False)
    persons_only = StrictBoolean(load_default=False)
    checklist = fields.List(
        CleanString(min_length=1, max_length=200),
        required=True,
        validate=validate.Length(min=1, max=30, error="清单应当有 1 到 30 项。"),
    )
    checklist_confirmed = StrictBoolean(load_default=False)
    fee_note = CleanString(load_default="", max_length=500, multiline=True)

    @ma.validates_schema
    def _check(self, data: dict[str, Any], **_kwargs: object) -> None:
        if data.get("for_organisations") and data.get("persons_only"):
            raise ma.ValidationError("由单位申请的，不能只由个人办理。", "persons_only")


class OfficeEntry(Schema):
    """An entry of offices.yaml."""

    code = CleanString(required=True, min_length=1, max_length=40)
    address = CleanString(load_default="", max_length=200)
    phone = CleanString(load_default="", max_length=40, validate=office_phone)
    grid_from = fields.Time(required=True, format="%H:%M")
    slot_minutes = BoundedInteger(required=True, minimum=10, maximum=240)
    lead_workdays = BoundedInteger(required=True, maximum=60)
    horizon_workdays = BoundedInteger(required=True, minimum=1, maximum=120)
    open_on_holidays = StrictBoolean(load_default=False)
    make_up_weekday = BoundedInteger(load_default=None, minimum=1, maximum=7)
    hold_minutes = BoundedInteger(required=True, minimum=1, maximum=60)
    offer_minutes = BoundedInteger(required=True, minimum=5, maximum=2880)
    move_offer_minutes = BoundedInteger(required=True, minimum=5, maximum=20160)
    cool_off_least_minutes = BoundedInteger(required=True, maximum=1440)
    cool_off_most_minutes = BoundedInteger(required=True, maximum=1440)
    person_limit = BoundedInteger(required=True, minimum=1)
    no_show_limit = BoundedInteger(required=True, minimum=1)
    no_show_months = BoundedInteger(required=True, minimum=1, maximum=60)
    no_show_grace_minutes = BoundedInteger(load_default=15, maximum=240)
    seat_per_party = StrictBoolean(load_default=True)


class DemoHours(Schema):
    """Hours of demo.yaml."""

    weekdays = fields.List(BoundedInteger(minimum=1, maximum=7), required=True)
    opens = fields.Time(required=True, format="%H:%M")
    closes = fields.Time(required=True, format="%H:%M")


class DemoCounter(Schema):
    """A counter of demo.yaml."""

    name = CleanString(required=True, min_length=1, max_length=60)
    capacity = BoundedInteger(required=True, minimum=1, maximum=50)
    kept_priority = BoundedInteger(load_default=0, maximum=50)
    kept_walk_in = BoundedInteger(load_default=0, maximum=50)
    matters = fields.List(_matter_code(), load_default=list)


class DemoFile(Schema):
    """The whole of demo.yaml."""

    office = CleanString(required=True, min_length=1, max_length=40)
    hours = fields.List(fields.Nested(DemoHours), required=True)
    counters = fields.List(fields.Nested(DemoCounter), required=True)


def load_content() -> LoadReport:
    """Bring matters and new offices in line with the files, each file in one transaction. Safe to repeat."""
    folder = settings().content_dir / FOLDER
    report = LoadReport()
    steps: list[tuple[str, Callable[[Path, LoadReport], None]]] = [
        ("matters.yaml", _load_matters),
        ("offices.yaml", _load_offices),
    ]
    if settings().demo_accounts:
        steps.append(("demo.yaml", _load_demo))
    for name, load in steps:
        try:
            with unit_of_work():
                load(folder / name, report)
        except BrokenFile as error:
            report.problems += error.of(f"{FOLDER}/{name}").sentences
            db.session.expunge_all()
    if not report.problems:
        # So that there is something to book before the worker first comes by.
        schedule.refresh_all(only_when_due=True)
    return report


def _load_matters(path: Path, report: LoadReport) -> None:
    held = {matter.code: matter for matter in db.session.scalars(select(NotaryMatter))}
    entries = listed(path, "matters", MatterEntry(), "code")
    for position, entry in enumerate(entries):
        # What must be done in person cannot be done by an agent (公证法 26).
        values = {**entry, "agency_allowed": not entry["in_person"], "position": position}
        fingerprint = _fingerprint(values)
        matter = held.get(entry["code"])
        if matter is None:
            db.session.add(
                NotaryMatter(id=new_id(), origin=Origin.CONTENT, content_hash=fingerprint, **values)
            )
            report.added += 1
        elif matter.origin is Origin.STAFF:
            report.kept += 1
            if matter.content_hash != fingerprint:
                report.notes.append(
                    f"{FOLDER}/{path.name}：{matter.code} 已由工作人员修改，保留现有内容。"
                )
        elif matter.content_hash == fingerprint and matter.active:
            report.unchanged += 1
        else:
            for name, value in values.items():
                setattr(matter, name, value)
            matter.content_hash, matter.active = fingerprint, True
            report.changed += 1
    codes = {entry["code"] for entry in entries}
    for code, matter in held.items():
        if code not in codes and matter.origin is Origin.CONTENT and matter.active:
            # Bookings point to it, so it stays and can no longer be booked.
            matter.active = False
            report.withdrawn += 1
    if report.changed or report.withdrawn:
        # Whoever has an appointment for a matter that is no longer done is told, and whoever may come again after all.
        matter_operations.refresh_offices()


def _load_offices(path: Path, report: LoadReport) -> None:
    offices = {
        office.code: office
        for office in db.session.scalars(
            select(Office).where(Office.kind == OfficeKind.NOTARY_OFFICE)
        )
    }
    for entry in listed(path, "offices", OfficeEntry(), "code"):
        office = offices.get(entry.pop("code"))
        if office is None:
            report.notes.append(f"{FOLDER}/{path.name}：offices.yaml 里没有相应的公证机构，略过。")
            continue
        if db.session.get(NotaryOffice, office.id) is not None:
            report.unchanged += 1
            continue
        if entry["lead_workdays"] >= entry["horizon_workdays"] or (
            entry["cool_off_least_minutes"] > entry["cool_off_most_minutes"]
        ):
            raise BrokenFile([f"{office.code}：提前天数应当小于可约天数，冷却时间应当从短到长。"])
        weekday = entry.pop("make_up_weekday")
        db.session.add(
            NotaryOffice(
                id=office.id, make_up_weekday=None if weekday is None else weekday - 1, **entry
            )
        )
        audit.record(SYSTEM, "notary_office.added", "notary_office", office.id)
        report.added += 1


def _load_demo(path: Path, report: LoadReport) -> None:
    content = loaded(parse(read(path)), DemoFile())
    office = db.session.scalar(
        select(NotaryOffice).join(NotaryOffice.office).where(Office.code == content["office"])
    )
    if office is None:
        return
    has_counter = select(NotaryCounter.id).where(NotaryCounter.office_id == office.id).limit(1)
    if db.session.scalar(has_counter) is not None:
        report.unchanged += 1
        return
    today = clock.today()
    for entry in content["counters"]:
        codes = entry.pop("matters")
        db.session.add(
            NotaryCounter(
                id=new_id(),
                office_id=office.id,
                matter_codes=codes,
                active_from=today,
                **entry,
            )
        )
    for entry in content["hours"]:
        _add_hours(office, entry["weekdays"], entry["opens"], entry["closes"])
    report.added += 1


def _add_hours(office: NotaryOffice, weekdays: list[int], opens: time, closes: time) -> None:
    db.session.add_all(
        NotaryHours(
            office_id=office.id,
            weekday=weekday - 1,
            opens=opens,
            closes=closes,
            valid_from=clock.today(),
        )
        for weekday in weekdays
    )


def _fingerprint(value: dict[str, Any]) -> str:
    return hashlib.sha256(
        json.dumps(value, ensure_ascii=False, sort_keys=True).encode()
    ).hexdigest()
