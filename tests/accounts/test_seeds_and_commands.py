"""Offices from data, demonstration accounts, commands, and the hourly clean-up."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from portal.accounts import privacy_notice, seeds, tasks
from portal.accounts.models import (
    AccountSession,
    ConsentRecord,
    Office,
    Role,
    SignInThrottle,
    SmsCode,
    SmsPurpose,
    StaffMember,
)
from portal.accounts.operations import sms_codes, staff_sign_in
from portal.config import Mode
from portal.core.content_files import BrokenFile
from portal.core.db import db
from portal.core.unit_of_work import unit_of_work
from tests.factories.people import make_office, make_resident, phone, resident_headers, totp_code

pytestmark = pytest.mark.usefixtures("database", "clock")


@pytest.fixture
def runner(app):
    return app.test_cli_runner()


@pytest.fixture
def demo(app, monkeypatch):
    """Allow demonstration accounts, as development does."""
    allowed = replace(app.extensions["portal_settings"], demo_accounts=True)
    monkeypatch.setitem(app.extensions, "portal_settings", allowed)


def test_the_districts_offices_are_loaded_once_and_then_only_changed():
    added = seeds.seed_offices()
    assert added == len(db.session.scalars(select(Office)).all()) > 3
    assert seeds.seed_offices() == 0
    with unit_of_work():
        db.session.scalars(select(Office)).first().name = "改错了"
    assert seeds.seed_offices() == 1
    assert "改错了" not in db.session.scalars(select(Office.name)).all()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{code: a, name: b, kind: castle, valid_from: 2020-01-01}", "只能是：justice_bureau"),
        ("{code: a, name: b, kind: law_firm}", "valid_from：这一项必须填写"),
        ("{code: a, name: b, kind: law_firm, valid_from: soon}", "日期应当写成"),
        (
            "{code: a, name: b, kind: law_firm, valid_from: 2020-01-01, phone: 1}",
            "phone：没有这个字段",
        ),
        (
            "{code: a, name: b, kind: law_firm, valid_from: 2020-01-01}, "
            "{code: a, name: c, kind: law_firm, valid_from: 2020-01-01}",
            "编号“a”在本文件中重复",
        ),
    ],
)
def test_a_mistake_in_the_offices_changes_nothing(tmp_path, text, word):
    path = tmp_path / "offices.yaml"
    path.write_text(f"offices: [{text}]", "utf-8")
    with pytest.raises(BrokenFile, match=word):
        seeds.seed_offices(path)
    assert db.session.scalars(select(Office)).all() == []


@pytest.mark.usefixtures("demo")
def test_each_demonstration_account_signs_in_as_the_banner_says():
    assert seeds.seed_demo_accounts() == len(Role)
    assert seeds.seed_demo_accounts() == 0
    shown = seeds.demo_credentials()
    assert {item.role for item in shown} == {role.label for role in Role}
    for item in shown:
        result = staff_sign_in.sign_in(item.user_name, item.password, totp_code(item.totp_secret))
        assert result.token is not None
        assert [grant.role.label for grant in result.staff.grants] == [item.role]


def test_where_they_are_not_allowed_there_are_none(app, monkeypatch, runner):
    with pytest.raises(RuntimeError):
        seeds.seed_demo_accounts()
    assert seeds.demo_credentials() == []
    refused = runner.invoke(args=["accounts", "seed-demo"])
    assert refused.exit_code == 1
    odd = replace(app.extensions["portal_settings"], demo_accounts=True, mode=Mode.PRODUCTION)
    monkeypatch.setitem(app.extensions, "portal_settings", odd)
    with pytest.raises(RuntimeError):
        seeds.seed_demo_accounts()
    assert db.session.scalars(select(StaffMember)).all() == []


@pytest.mark.usefixtures("demo")
def test_seeding_by_command(runner):
    assert f"{len(Role)} 个" in runner.invoke(args=["accounts", "seed-demo"]).output
    assert "0 个" not in runner.invoke(args=["accounts", "seed-offices"]).output
    assert "0 个" in runner.invoke(args=["accounts", "seed-offices"]).output


def create(runner, *more: str):
    return runner.invoke(
        args=["accounts", "create-staff", "--user-name", "zhao", "--name", "赵磊", *more]
    )


def test_an_account_is_opened_by_command(runner):
    make_office("sfj")
    done = create(runner, "--role", "admin", "--role", "lawyer", "--office", "sfj")
    assert done.exit_code == 0, done.output
    password = done.output.split("：")[1].split("\n")[0]
    assert staff_sign_in.sign_in("zhao", password, None).setup is not None
    staff = db.session.scalars(select(StaffMember)).one()
    assert {(g.role, g.office.code if g.office else None) for g in staff.grants} == {
        (Role.ADMIN, None),
        (Role.LAWYER, "sfj"),
    }
    again = create(runner, "--role", "admin")
    assert (again.exit_code, "已经有人用了" in again.output) == (1, True)


def test_the_command_says_what_is_wrong(runner):
    missing = create(runner, "--role", "admin", "--office", "nowhere")
    assert (missing.exit_code, "还没有机构" in missing.output) == (1, True)
    make_office("sfj")
    assert "现有：sfj" in create(runner, "--role", "admin", "--office", "nowhere").output
    bad = runner.invoke(
        args=["accounts", "create-staff", "--user-name", "赵", "--name", "x", "--role", "admin"]
    )
    assert (bad.exit_code, "小写字母" in bad.output) == (1, True)


@pytest.mark.parametrize("name", ["", "  ", "长" * 61])
def test_nobody_gets_an_account_without_a_name_that_can_be_shown(runner, name):
    bad = runner.invoke(
        args=["accounts", "create-staff", "--user-name", "zhao", "--name", name, "--role", "admin"]
    )
    assert (bad.exit_code, "姓名用 1 到 60 个字" in bad.output) == (1, True)
    assert db.session.scalars(select(StaffMember)).all() == []


def test_what_is_no_longer_needed_goes_away(clock, run_jobs):
    resident, other = make_resident(), make_resident()
    resident_headers(None, resident)
    with unit_of_work():
        sms_codes.send(phone(), SmsPurpose.SIGN_IN)
        db.session.add(SignInThrottle(name_index="old", failures=3))
        db.session.execute(
            ConsentRecord.__table__.update()
            .where(ConsentRecord.resident_id == resident.id)
            .values(keep_until=date(2026, 3, 3))
        )

    def counts() -> list[int]:
        kinds = (SmsCode, AccountSession, SignInThrottle, ConsentRecord)
        return [len(db.session.scalars(select(kind)).all()) for kind in kinds]

    def sweep() -> list[int]:
        with unit_of_work():
            tasks.sweep()
        return counts()

    assert sweep() == [1, 1, 1, 2]
    clock.advance(hours=25)
    assert sweep() == [0, 1, 0, 2]
    clock.advance(hours=24)
    assert sweep() == [0, 1, 0, 1]
    assert db.session.scalars(select(ConsentRecord.resident_id)).one() == other.id
    clock.advance(days=271)
    assert sweep() == [0, 0, 0, 1]


@pytest.fixture
def notice_file(app, monkeypatch, tmp_path):
    other = replace(app.extensions["portal_settings"], content_dir=tmp_path)
    monkeypatch.setitem(app.extensions, "portal_settings", other)
    monkeypatch.setattr(privacy_notice, "_read", None)
    return tmp_path / "privacy_notice.yaml"


def test_a_notice_that_lacks_a_part_is_refused(notice_file):
    notice_file.write_text("version: x\ntitle: y\n", "utf-8")
    with pytest.raises(BrokenFile, match=r"privacy_notice\.yaml：缺少 summary、sections"):
        privacy_notice.notice()


def test_a_slip_in_the_notice_leaves_the_one_that_was_read_in_force(notice_file):
    good = (
        "version: '1'\ntitle: t\nsummary: s\nsections: [{heading: h}]\neffective_from: 2026-01-01\n"
    )
    notice_file.write_text(good, "utf-8")
    assert privacy_notice.current_version() == "1"

    def write(text: str, at: int) -> None:
        notice_file.write_text(text, "utf-8")
        os.utime(notice_file, ns=(at, at))

    for number, slip in enumerate(["version: [", "", "version: '2'\n"]):
        write(slip, number)
        assert privacy_notice.current_version() == "1"
    write(good.replace("'1'", "'2'"), 9)
    assert privacy_notice.current_version() == "2"
    notice_file.unlink()
    assert privacy_notice.current_version() == "2"
