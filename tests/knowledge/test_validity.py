"""What a version is worth on a day, and the daily round that follows the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest
from sqlalchemy import select

from portal.core.db import db
from portal.core.jobs import Job
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import index, tasks, validity
from portal.knowledge.models import Law, LawVersion, ReviewItem, ReviewReason, Validity
from tests.knowledge.conftest import A_RUN, TRADEMARK


@dataclass
class Version:
    declared: Validity
    effective_from: date
    effective_to: date | None = None
    version_date: date = date(2020, 1, 1)


V = Validity
START, END = date(2021, 1, 1), date(2026, 1, 1)


@pytest.mark.parametrize(
    ("declared", "end", "day", "status"),
    [
        (V.IN_FORCE, None, date(2020, 12, 31), V.NOT_YET),
        (V.IN_FORCE, None, START, V.IN_FORCE),
        (V.IN_FORCE, END, date(2025, 12, 31), V.IN_FORCE),
        (V.IN_FORCE, END, END, V.HISTORICAL),
        (V.HISTORICAL, END, date(2025, 12, 31), V.IN_FORCE),
        (V.HISTORICAL, END, END, V.HISTORICAL),
        (V.HISTORICAL, None, END, V.HISTORICAL),
        (V.AMENDED, None, END, V.AMENDED),
        (V.REPEALED, None, END, V.REPEALED),
        # Announced, and not yet: until the day it still holds.
        (V.REPEALED, END, date(2025, 12, 31), V.IN_FORCE),
        (V.REPEALED, END, END, V.REPEALED),
    ],
)
def test_status_follows_from_the_dates(declared, end, day, status):
    assert validity.status_on(Version(declared, START, end), day) is status


def test_a_first_version_has_its_own_day_and_an_amendment_at_least_its_date():
    assert validity.starts(date(2021, 1, 1), date(2020, 5, 28)) == (date(2021, 1, 1), True)
    assert validity.starts(date(2008, 1, 1), date(2012, 12, 28)) == (date(2012, 12, 28), False)


def statuses() -> dict[date, tuple[Validity, bool]]:
    rows = db.session.scalars(select(LawVersion).join(LawVersion.law).where(Law.name == TRADEMARK))
    return {row.version_date: (row.status, row.is_current) for row in rows}


def test_a_new_law_takes_effect_on_its_first_day(law, clock):
    clock.set("2026-12-31 23:59")
    tasks.daily(A_RUN)
    assert statuses()[date(2019, 4, 23)] == (V.IN_FORCE, True)
    clock.set("2027-01-01 00:01")
    tasks.daily(A_RUN)
    assert statuses() == {
        date(2019, 4, 23): (V.HISTORICAL, False),
        date(2026, 2, 26): (V.IN_FORCE, True),
    }
    kinds = set(db.session.scalars(select(Job.kind)))
    assert index.REBUILD_JOB in kinds


def test_the_daily_round_changes_nothing_on_an_ordinary_day(law, clock):
    with unit_of_work():
        before = index.state().revision
    clock.advance(days=1)
    tasks.daily(A_RUN)
    with unit_of_work():
        assert index.state().revision == before
    assert db.session.scalars(select(ReviewItem)).all() == []


def test_what_cites_the_old_text_comes_up_for_review(law, clock, settings):
    path = settings.content_dir / "faq" / "labour.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace(
            "中华人民共和国劳动合同法, article: 第三十八条", f"{TRADEMARK}, article: 第四条"
        ),
        encoding="utf-8",
    )
    from portal.knowledge import operations

    assert operations.load_content().changed == 1
    clock.set("2027-01-01 06:00")
    tasks.daily(A_RUN)
    (item,) = db.session.scalars(select(ReviewItem)).all()
    assert item.reason is ReviewReason.TEXT_CHANGED
    assert item.title == "公司拖欠工资怎么办？"
    assert "新法" in item.article.text
