"""Texts that end others: 《…》同时废止, at once, on a day to come, and not their own next edition."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from portal.core.db import db
from portal.core.jobs import Job
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import operations, tasks, validity
from portal.knowledge.models import Validity
from tests.knowledge.conftest import A_RUN
from tests.knowledge.test_import import NEW, OLD, versions, write


def repealing(clause: str, start: str = "2024年7月1日") -> str:
    """Another text, in force from `start`, with a clause that ends an older one."""
    text = NEW.replace("# 测试养犬条例", "# 测试动物条例")
    return text.replace("2024年7月1日起施行。", f"{start}起施行。{clause}")


def test_a_text_that_repeals_another_ends_it(settings, tmp_path):
    folder = tmp_path / "laws"
    write(folder, "a(2011-03-25).md", OLD)
    write(folder, "b(2024-03-25).md", repealing("《测试养犬条例》同时废止。"))
    report = operations.import_law([folder])
    assert report.repealed == ["《测试养犬条例》由《测试动物条例》废止"]
    (old,) = versions("测试养犬条例")
    assert (old.status, old.effective_to) == (Validity.REPEALED, date(2024, 7, 1))
    again = operations.import_law([folder])
    assert (again.repealed, again.changed) == ([], False)


def test_a_dry_run_tells_what_would_be_repealed(settings, tmp_path):
    """Whether the text that ends is held already, or comes in the same run."""
    folder = tmp_path / "laws"
    old = write(folder, "a(2011-03-25).md", OLD)
    new = write(folder, "b(2024-03-25).md", repealing("《测试养犬条例》同时废止。"))
    told = ["《测试养犬条例》由《测试动物条例》废止"]
    assert operations.import_law([folder], dry_run=True).repealed == told
    operations.import_law([old])
    assert operations.import_law([new], dry_run=True).repealed == told
    assert operations.import_law([new]).repealed == told
    assert operations.import_law([folder], dry_run=True).repealed == []


def test_a_repeal_to_come_takes_effect_by_itself(settings, tmp_path, clock):
    clock.set("2024-04-01 09:00")
    write(tmp_path / "laws", "a(2011-03-25).md", OLD)
    write(tmp_path / "laws", "b(2024-03-25).md", repealing("《测试养犬条例》同时废止。"))
    report = operations.import_law([tmp_path / "laws"])
    assert report.repealed == ["《测试养犬条例》自 2024-07-01 起由《测试动物条例》废止"]
    (old,) = versions("测试养犬条例")
    assert (old.status, old.effective_to) == (Validity.IN_FORCE, date(2024, 7, 1))
    assert not operations.import_law([tmp_path / "laws"]).changed
    for start, day in (("2024年9月1日", date(2024, 9, 1)), ("2024年7月1日", date(2024, 7, 1))):
        # Put off, and back again.
        write(tmp_path / "laws", "b(2024-03-25).md", repealing("《测试养犬条例》同时废止。", start))
        assert operations.import_law([tmp_path / "laws"]).changed
        (old,) = versions("测试养犬条例")
        assert (old.status, old.effective_to) == (Validity.IN_FORCE, day)
    clock.set("2024-07-01 00:10")
    tasks.follow_calendar(None)
    assert tasks.DAILY_JOB in set(db.session.scalars(select(Job.kind)))
    tasks.daily(A_RUN)
    (old,) = versions("测试养犬条例")
    assert old.status is Validity.REPEALED
    assert not validity.is_due(date(2024, 7, 1))


def test_a_new_edition_under_its_own_name_does_not_repeal_itself(settings, tmp_path):
    name = "测试高级法院关于适用《测试法》的解释"
    text = repealing("《测试高级法院关于适用〈测试法〉的解释》（测释〔2011〕3号）同时废止。")
    write(tmp_path / "laws", "a(2011-03-25).md", OLD.replace("测试养犬条例", name))
    write(tmp_path / "laws", "b(2024-03-25).md", text.replace("测试动物条例", name))
    assert operations.import_law([tmp_path / "laws"]).repealed == []
    assert [v.status for v in versions(name)] == [Validity.HISTORICAL, Validity.IN_FORCE]


def test_a_law_made_anew_after_its_repeal_leaves_the_years_between_without_one(settings, tmp_path):
    folder = tmp_path / "laws"
    told = "2015年5月1日 测试市人民代表大会常务委员会决定废止\n\n<!-- INFO END -->"
    write(folder, "a(2011-03-25).md", OLD.replace("<!-- INFO END -->", told))
    write(folder, "b(2024-03-25).md", NEW)
    operations.import_law([folder])
    old, new = versions("测试养犬条例")
    assert (old.status, old.effective_to) == (Validity.REPEALED, date(2015, 5, 1))
    assert (new.status, new.effective_from) == (Validity.IN_FORCE, date(2024, 7, 1))
    assert not operations.import_law([folder]).changed


def test_an_end_that_followed_from_the_next_version_moves_with_it(settings, tmp_path):
    """Of a repealed text whose last day no source tells; else a repeal in between would be made up."""
    folder = tmp_path / "laws"
    write(folder, "a(2011-03-25).md", OLD)
    write(folder, "b(2024-03-25).md", NEW)
    operations.import_law([folder])
    old, _ = versions("测试养犬条例")
    assert old.effective_to == date(2024, 7, 1)
    with unit_of_work():
        old.declared = Validity.REPEALED
    write(folder, "b(2024-03-25).md", NEW.replace("2024年7月1日", "2024年9月1日"))
    operations.import_law([folder])
    old, new = versions("测试养犬条例")
    assert (old.effective_to, new.effective_from) == (date(2024, 9, 1), date(2024, 9, 1))
