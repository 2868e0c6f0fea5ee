"""What the district's files bring in, and what staff have changed since."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from sqlalchemy import func, select

from portal.accounts.models import OfficeKind
from portal.config import settings
from portal.core.db import db
from portal.core.jobs import Job
from portal.core.unit_of_work import unit_of_work
from portal.notary import content
from portal.notary.models import NotaryCounter, NotaryMatter, NotaryOffice, NotarySlot, Origin
from portal.working_days import operations as working_days
from tests.conftest import SettableClock
from tests.factories.people import make_office

IN_PERSON = {"N03a", "N03b", "N03c", "N03d", "N06b", "N07b", "N11a"}
GENERAL_PLACE = {"N03a", "N03b", "N03c", "N03d"}


@pytest.fixture
def folder(
    app: Flask, database: None, clock: SettableClock, tmp_path: Path, monkeypatch: Any
) -> Path:
    """The district's own files, copied so that a test may change them, and its notary office."""
    shutil.copytree(settings().content_dir / "notary", tmp_path / "notary")
    monkeypatch.setitem(
        app.extensions, "portal_settings", replace(settings(), content_dir=tmp_path)
    )
    make_office(code="gzc", name="测试公证处", kind=OfficeKind.NOTARY_OFFICE)
    return tmp_path / "notary"


def matters() -> dict[str, NotaryMatter]:
    db.session.rollback()
    found = db.session.scalars(select(NotaryMatter).execution_options(populate_existing=True))
    return {matter.code: matter for matter in found}


def edit(path: Path, change: Any) -> None:
    data = yaml.safe_load(path.read_text("utf-8"))
    change(data)
    path.write_text(yaml.safe_dump(data, allow_unicode=True), "utf-8")


def test_the_matters_are_those_of_the_law_with_who_must_come(folder: Path) -> None:
    report = content.load_content()
    assert report.problems == []
    found = matters()
    assert {code[:3] for code in found} == {f"N{number:02d}" for number in range(1, 12)}
    assert {code for code, matter in found.items() if matter.in_person} == IN_PERSON
    for matter in found.values():
        assert matter.agency_allowed is not matter.in_person
        assert matter.checklist
        assert not matter.checklist_confirmed, "to be confirmed by the office (rules 2.8, U)"
    assert {c for c, m in found.items() if m.general_place_for_immovables} == GENERAL_PLACE
    assert {c for c, m in found.items() if m.persons_only} == {"N03d", "N06a", "N07b"}


def test_a_second_load_changes_nothing(folder: Path) -> None:
    content.load_content()
    report = content.load_content()
    assert (report.added, report.changed, report.withdrawn) == (0, 0, 0)


def test_a_changed_entry_goes_in_but_not_over_what_staff_wrote(folder: Path) -> None:
    content.load_content()
    with unit_of_work():
        edited = matters()["N01"]
        edited.name, edited.origin = "合同（改）", Origin.STAFF

    def rename(data: Any) -> None:
        for entry in data["matters"]:
            entry["name"] += "。"

    edit(folder / "matters.yaml", rename)
    report = content.load_content()
    assert matters()["N01"].name == "合同（改）"
    assert matters()["N02"].name == "继承。"
    assert report.kept == 1
    assert any("N01" in note for note in report.notes)


def test_what_is_no_longer_listed_can_no_longer_be_booked(folder: Path) -> None:
    content.load_content()
    edit(folder / "matters.yaml", lambda data: data["matters"].pop())
    assert content.load_content().withdrawn == 1
    assert not matters()["N11a"].active
    # Whoever has an appointment for it is told.
    assert db.session.scalar(select(Job.kind).where(Job.kind == "notary.refresh"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data["matters"][0].update(minutes=0), "N01"),
        (lambda data: data["matters"][0].update(colour="red"), "colour"),
        (lambda data: data["matters"].append(data["matters"][0]), "重复"),
        (lambda data: data.clear(), "matters"),
    ],
)
def test_a_broken_file_is_left_out_whole_and_named(folder: Path, damage: Any, said: str) -> None:
    edit(folder / "matters.yaml", damage)
    report = content.load_content()
    assert any("notary/matters.yaml" in text and said in text for text in report.problems)
    assert matters() == {}


def test_unreadable_files_are_named(folder: Path) -> None:
    (folder / "matters.yaml").write_text("matters: [", "utf-8")
    (folder / "offices.yaml").unlink()
    problems = content.load_content().problems
    assert any("YAML" in text for text in problems)
    assert any("没有这个文件" in text for text in problems)


def test_an_office_is_set_up_once_and_left_to_its_staff(folder: Path) -> None:
    content.load_content()
    office = db.session.scalars(select(NotaryOffice)).one()
    with unit_of_work():
        office.hold_minutes = 7
    content.load_content()
    assert db.session.get_one(NotaryOffice, office.id, populate_existing=True).hold_minutes == 7
    assert db.session.scalar(select(func.count()).select_from(NotaryCounter)) == 0


def test_demonstration_counters_come_only_where_demonstration_is_allowed(
    app: Flask, folder: Path, monkeypatch: Any
) -> None:
    monkeypatch.setitem(app.extensions, "portal_settings", replace(settings(), demo_accounts=True))
    working_days.load(Path(__file__).parents[2] / "content", years=[2026])
    content.load_content()
    assert db.session.scalar(select(func.count()).select_from(NotaryCounter)) == 2
    assert db.session.scalar(select(func.count()).select_from(NotarySlot))
    content.load_content()
    assert db.session.scalar(select(func.count()).select_from(NotaryCounter)) == 2


def test_the_command_says_what_it_did(app: Flask, folder: Path) -> None:
    result = app.test_cli_runner().invoke(args=["notary", "load"])
    assert result.exit_code == 0
    assert "新增" in result.output
    (folder / "matters.yaml").write_text("matters: []", "utf-8")
    edit(folder / "matters.yaml", lambda data: data.update(matters=[{"code": "x"}]))
    result = app.test_cli_runner().invoke(args=["notary", "load"])
    assert result.exit_code == 1
    assert "没有载入" in result.output
