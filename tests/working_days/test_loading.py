"""What comes with the portal: the seed package, the files, and what is never overwritten."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from portal.audit.models import AuditEvent
from portal.core import events
from portal.core.content_files import BrokenFile
from portal.core.db import db, new_id
from portal.core.unit_of_work import unit_of_work
from portal.working_days import cache, counting, notice, operations, readiness
from portal.working_days.calendar import DayKind, YearState
from portal.working_days.events import CalendarYearPublished
from portal.working_days.models import CalendarDay, CalendarYear
from portal.working_days.notice import YearTable
from tests.working_days.conftest import CONTENT, SUPERVISOR

D = date.fromisoformat


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The years announced by events, in order."""
    years: list[int] = []
    monkeypatch.setitem(
        events._subscribers, CalendarYearPublished, [lambda event: years.append(event.year)]
    )
    return years


def test_the_file_and_the_package_agree_on_2026():
    file, package = notice.read_file(CONTENT / "calendar" / "2026.yaml"), notice.from_seed(2026)
    assert {day: kind for day, (kind, _) in file.days.items()} == {
        day: kind for day, (kind, _) in package.days.items()
    }


@pytest.mark.parametrize("year", range(notice.FIRST_YEAR, notice.LAST_SEEDED_YEAR + 1))
def test_every_seeded_year_is_whole_and_consistent(year):
    table = notice.from_seed(year)
    assert notice.check(table) == {}
    assert len(list(table.rows())) == (date(year + 1, 1, 1) - date(year, 1, 1)).days
    assert all(name for _, name in table.days.values())


def test_every_file_of_the_content_folder_can_be_loaded():
    paths = sorted((CONTENT / "calendar").glob("*.yaml"))
    assert paths
    for path in paths:
        assert notice.read_file(path).year == int(path.stem)


def test_loading_fills_every_year_once(database, clock, announced):
    lines: list[str] = []
    loaded = operations.load(CONTENT, progress=lines.append)
    assert loaded == list(range(2004, 2027)) == announced
    assert len(lines) == len(loaded)
    assert count(CalendarDay) == (date(2027, 1, 1) - date(2004, 1, 1)).days
    assert db.session.get(CalendarYear, 2026).source.startswith("国务院办公厅关于2026年")
    assert count(AuditEvent) == len(loaded)
    assert operations.load(CONTENT) == []
    assert count(AuditEvent) == len(loaded)


def test_a_corrected_file_is_loaded_again_but_never_over_what_staff_entered(
    database, clock, tmp_path
):
    operations.load(CONTENT, [2025, 2026])
    folder = tmp_path / "calendar"
    folder.mkdir()
    text = (CONTENT / "calendar" / "2026.yaml").read_text()
    corrected = text.replace("to: 2026-10-07", "to: 2026-10-08").replace(
        "2026-10-07]", "2026-10-07, 2026-10-08]"
    )
    (folder / "2026.yaml").write_text(corrected)
    assert operations.load(tmp_path, [2025, 2026]) == [2026]
    assert not counting.is_workday(D("2026-10-08")).is_workday
    operations.publish(SUPERVISOR, notice.read_file(CONTENT / "calendar" / "2026.yaml"))
    assert operations.load(tmp_path, [2026]) == []
    assert counting.is_workday(D("2026-10-08")).is_workday


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("year: 2026", "year: none"), "year：应当是整数"),
        (("evidence: P", "evidence: U"), "依据等级"),
        (("source:", "sauce:"), "sauce：没有这个字段"),
        (("to: 2026-10-07}", "to: 2026-10-02}"), "moved_rest 里的 2026-10-06 不在"),
        (("from: 2026-01-01", "from: 2026-01-01 10:00:00"), "日期应当写成"),
        (("date: 2026-10-10", "date: 2026-10-07"), "moved_work 里的 2026-10-07 又在 rest 里"),
        (("date: 2026-10-10", "date: 2026-10-12"), "本来就是工作日"),
        (("year: 2026", "year: 2025"), "文件名与其中的年份 2025 不一致"),
        (("from: 2026-01-01", "from: 2026-01-04"), "第一天和最后一天"),
        (("from: 2026-01-01", "from: 2024-01-01"), "第一天和最后一天"),
        (("rest:", "rest: ]"), "第 7 行"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path, change, said):
    path = tmp_path / "2026.yaml"
    path.write_text((CONTENT / "calendar" / "2026.yaml").read_text().replace(*change))
    with pytest.raises(BrokenFile, match=said) as refusal:
        notice.read_file(path)
    assert "2026.yaml" in str(refusal.value)


def test_a_file_under_another_years_name_is_refused(database, tmp_path):
    (tmp_path / "calendar").mkdir()
    (tmp_path / "calendar" / "2025.yaml").write_text(
        (CONTENT / "calendar" / "2026.yaml").read_text()
    )
    with pytest.raises(BrokenFile, match="不一致"):
        operations.load(tmp_path)
    assert count(CalendarYear) == 0


def test_the_seed_package_ends_somewhere():
    with pytest.raises(LookupError):
        notice.from_seed(notice.LAST_SEEDED_YEAR + 1)


def test_a_notice_may_move_days_of_the_december_before_and_take_them_back(calendar_2026, clock):
    fixed = {
        D(f"2027-{day}"): (DayKind.HOLIDAY, "节日")
        for day in ("01-01", "05-01", "05-02", "10-01", "10-02", "10-03")
    }
    moved = {
        D("2026-12-26"): (DayKind.MOVED_WORK, "元旦"),
        D("2026-12-31"): (DayKind.MOVED_REST, "元旦"),
    }
    draft = YearTable(2027, "预先录入", {**fixed, **moved}, YearState.PROVISIONAL)
    operations.publish(SUPERVISOR, draft)
    assert counting.is_workday(D("2026-12-26")).is_workday
    assert not counting.is_workday(D("2026-12-31")).is_workday
    assert counting.is_workday(D("2027-01-04")).provisional
    # The table of 2026 itself can be loaded again without undoing what the later notice says.
    operations.publish(SUPERVISOR, notice.from_seed(2026))
    assert not counting.is_workday(D("2026-12-31")).is_workday
    operations.publish(SUPERVISOR, YearTable(2027, "预先录入", fixed, YearState.PROVISIONAL))
    assert counting.is_workday(D("2026-12-31")).is_workday
    assert not counting.is_workday(D("2026-12-26")).is_workday


def test_counting_asks_the_database_once_in_two_seconds_and_not_per_day_or_request(
    calendar_2026, statements, monkeypatch
):
    seconds = [1000.0]
    monkeypatch.setattr(cache.time, "monotonic", lambda: seconds[0])
    cache.forget()
    counting.is_workday(D("2026-03-02"))
    db.session.remove()
    with statements() as seen:
        for n in range(60):
            counting.add_workdays(D("2026-03-02"), n)
    assert seen == []
    seconds[0] += cache.RECHECK_SECONDS
    with statements() as seen:
        for n in range(60):
            counting.add_workdays(D("2026-03-02"), n)
    assert len(seen) == 1


def test_a_unit_of_work_asks_for_itself_and_keeps_what_it_sees_to_itself(calendar_2026):
    assert not counting.is_workday(D("2026-03-03")).provisional
    with pytest.raises(LookupError), unit_of_work():
        db.session.execute(delete(CalendarYear).where(CalendarYear.year == 2026))
        assert counting.is_workday(D("2026-03-03")).provisional
        raise LookupError
    assert not counting.is_workday(D("2026-03-03")).provisional


def test_another_process_is_seen_within_seconds(calendar_2026, monkeypatch):
    seconds = [1000.0]
    monkeypatch.setattr(cache.time, "monotonic", lambda: seconds[0])
    assert counting.is_workday(D("2026-03-03")).is_workday
    with db.engine.begin() as other_process:
        other_process.exec_driver_sql(
            "UPDATE calendar_day SET kind = 'holiday', is_workday = (1 = 0)"
            " WHERE date = '2026-03-03'"
        )
        other_process.execute(update(CalendarYear).values(revision=new_id()))
    assert counting.is_workday(D("2026-03-03")).is_workday
    db.session.rollback()
    assert counting.is_workday(D("2026-03-03")).is_workday
    seconds[0] += cache.RECHECK_SECONDS + 0.1
    assert not counting.is_workday(D("2026-03-03")).is_workday


def test_this_process_sees_a_publication_at_its_commit_and_not_before(
    app, calendar_2026, clock, monkeypatch
):
    monkeypatch.setattr(cache.time, "monotonic", lambda: 1000.0)
    table = notice.from_seed(2026)
    days = {**table.days, D("2026-03-03"): (DayKind.MOVED_REST, "")}
    seen: list[bool] = []
    written, looked, committed = (threading.Event() for _ in range(3))

    def other_session() -> None:
        with app.app_context():
            written.wait(30)
            seen.append(counting.is_workday(D("2026-03-03")).is_workday)
            db.session.rollback()
            looked.set()
            committed.wait(30)
            seen.append(counting.is_workday(D("2026-03-03")).is_workday)
            db.session.remove()

    thread = threading.Thread(target=other_session)
    thread.start()
    assert counting.is_workday(D("2026-03-03")).is_workday
    with unit_of_work():
        operations.publish(SUPERVISOR, YearTable(2026, "改正通知", days))
        # The publisher counts by what it has written.
        assert not counting.is_workday(D("2026-03-03")).is_workday
        written.set()
        assert looked.wait(30)
    committed.set()
    thread.join(30)
    assert seen == [True, False]
    assert not counting.is_workday(D("2026-03-03")).is_workday


def test_a_publication_that_is_rolled_back_leaves_the_old_calendar(calendar_2026, clock):
    table = notice.from_seed(2026)
    days = {**table.days, D("2026-03-03"): (DayKind.MOVED_REST, "")}

    def publish_and_fail() -> None:
        with unit_of_work():
            operations.publish(SUPERVISOR, YearTable(2026, "改正通知", days))
            assert not counting.is_workday(D("2026-03-03")).is_workday
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        publish_and_fail()
    db.session.remove()
    assert counting.is_workday(D("2026-03-03")).is_workday


def test_the_database_refuses_a_day_whose_flag_and_kind_disagree(calendar_2026):
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE calendar_day SET is_workday = (1 = 0) WHERE date = '2026-03-03'"
        )


def test_the_command_loads_and_then_has_nothing_to_do(app, database, monkeypatch):
    runner = app.test_cli_runner()
    first = runner.invoke(args=["working-days", "load"])
    assert (first.exit_code, "装入 23 个年份" in first.output) == (0, True), first.output
    assert "已是最新" in runner.invoke(args=["working-days", "load"]).output

    def broken(*_args: object, **_kwargs: object) -> None:
        raise BrokenFile(["没有这个文件。"], "2027.yaml")

    monkeypatch.setattr(operations, "load", broken)
    refused = runner.invoke(args=["working-days", "load"])
    assert (refused.exit_code, "2027.yaml" in refused.output) == (1, True)


def test_readiness_says_which_year_is_missing(calendar_2026, clock):
    assert readiness.check().ok
    clock.set("2026-11-23 09:00")
    report = readiness.check()
    assert not report.ok
    assert "2027 年" in report.detail
    assert "2026" not in report.detail


def test_a_year_published_between_the_two_reads_waits_for_the_next_look(calendar_2026, monkeypatch):
    operations.load(CONTENT, [2025])
    whole = cache._stamp()
    early = frozenset(entry for entry in whole if entry[0] == 2025)
    monkeypatch.setattr(cache, "_stamp", lambda: early)
    cache.forget()
    assert counting.is_workday(D("2026-10-05")).provisional
    monkeypatch.setattr(cache, "_stamp", lambda: whole)
    cache.forget()
    assert counting.is_workday(D("2026-10-05")).kind is DayKind.HOLIDAY
