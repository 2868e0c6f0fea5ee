"""`flask audit verify`: whatever is done to the record around the application shows."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from portal.audit import chain, operations, tasks
from portal.core.actor import SYSTEM
from portal.core.db import db, is_sqlite
from portal.core.unit_of_work import unit_of_work

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def runner(app):
    return app.test_cli_runner()


def record(count: int) -> None:
    for number in range(count):
        with unit_of_work():
            operations.record(SYSTEM, "test.step", "test", None, {"n": number})


def tamper(*statements: str) -> None:
    """Do what someone with the database's password could do; the fixture restores the guards."""
    db.session.rollback()
    with db.engine.connect() as connection:
        if is_sqlite():
            triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for (name,) in connection.exec_driver_sql(triggers).all():
                connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        else:
            connection.exec_driver_sql("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(text(statement))
        if not is_sqlite():
            connection.exec_driver_sql("SET session_replication_role = DEFAULT")
        connection.commit()


def test_an_untouched_record_is_whole(runner):
    assert chain.verify() == chain.Verification(0, chain.Head(0, chain.GENESIS))
    record(7)
    done = runner.invoke(args=["audit", "verify", "--batch", "3"])
    assert done.exit_code == 0, done.output
    assert "已核对 3 条（42%）" in done.output
    assert "完好，共 7 条" in done.output
    assert str(chain.stored_head()) in done.output


@pytest.mark.parametrize(
    ("statement", "checked", "word"),
    [
        ("UPDATE audit_event SET action = 'x' WHERE sequence = 4", 3, "第 4 条的内容被改动过"),
        ("UPDATE audit_event SET at = '2020-01-01 00:00:00' WHERE sequence = 4", 3, "第 4 条"),
        ("UPDATE audit_event SET detail = '{}' WHERE sequence = 4", 3, "第 4 条"),
        ("UPDATE audit_event SET actor_kind = 'staff' WHERE sequence = 4", 3, "第 4 条"),
        ("UPDATE audit_event SET request_id = 'x' WHERE sequence = 4", 3, "第 4 条"),
        ("UPDATE audit_event SET reference = 'x' WHERE sequence = 4", 3, "第 4 条"),
        ("DELETE FROM audit_event WHERE sequence = 4", 3, "第 4 条缺失"),
        ("DELETE FROM audit_event WHERE sequence = 1", 0, "第 1 条缺失"),
        ("DELETE FROM audit_event WHERE sequence = 6", 5, "末尾被删改"),
        ("DELETE FROM audit_event", 0, "末尾被删改"),
        ("DELETE FROM audit_head", 6, "末尾标记不见了"),
        ("UPDATE audit_head SET sequence = 5", 6, "印记不符"),
        ("UPDATE audit_event SET hash = previous_hash WHERE sequence = 4", 3, "第 4 条的内容"),
        ("UPDATE audit_event SET previous_hash = hash WHERE sequence = 4", 3, "第 4 条与前一条"),
    ],
)
def test_every_change_is_found_and_named(runner, statement, checked, word):
    record(6)
    tamper(statement)
    done = runner.invoke(args=["audit", "verify", "--batch", "2"])
    assert done.exit_code == 1
    assert word in done.output
    assert f"完好的有 {checked} 条" in done.output


def test_a_tail_cut_off_together_with_its_head_needs_the_key(runner):
    record(5)
    row = db.session.execute(text("SELECT hash FROM audit_event WHERE sequence = 4")).one()
    tamper(
        "DELETE FROM audit_event WHERE sequence = 5",
        f"UPDATE audit_head SET sequence = 4, hash = '{row.hash}'",  # noqa: S608 - a hash
    )
    assert "印记不符" in str(chain.verify().problem)


def test_going_back_to_an_old_sealed_head_is_found_by_a_head_noted_elsewhere(runner):
    record(4)
    old = db.session.execute(text("SELECT sequence, hash, seal FROM audit_head")).one()
    record(1)
    noted = chain.stored_head()
    tamper(
        "DELETE FROM audit_event WHERE sequence = 5",
        f"UPDATE audit_head SET sequence = 4, hash = '{old.hash}', seal = '{old.seal}'",  # noqa: S608
    )
    assert chain.verify().ok
    for written in (str(noted), noted.for_log):
        done = runner.invoke(args=["audit", "verify", "--expect", written])
        assert (done.exit_code, "没有先前记下的第 5 条" in done.output) == (1, True)


def test_a_noted_head_stays_part_of_a_growing_record(runner):
    record(3)
    noted = chain.stored_head()
    record(3)
    assert chain.verify(expect=noted).ok
    refused = runner.invoke(args=["audit", "verify", "--expect", "x"])
    assert (refused.exit_code, "序号:校验值" in refused.output) == (2, True)


def test_after_a_cut_tail_nothing_more_can_be_recorded_on_top():
    record(3)
    row = db.session.execute(text("SELECT hash FROM audit_event WHERE sequence = 2")).one()
    tamper(f"UPDATE audit_head SET sequence = 2, hash = '{row.hash}'")  # noqa: S608 - a hash
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError):
        record(1)


def test_events_appended_during_the_walk_belong_to_it(monkeypatch):
    record(2)
    stored_head, calls = chain.stored_head, []

    def appended_meanwhile():
        if not calls:
            calls.append(1)
            record(1)
        return stored_head()

    monkeypatch.setattr(chain, "stored_head", appended_meanwhile)
    result = chain.verify()
    assert (result.ok, result.checked) == (True, 3)


def test_the_head_is_noted_daily_in_a_form_the_logs_filter_leaves_alone(caplog):
    from portal.observability.redaction import redact

    tasks.note_head(None)
    record(1)
    head = chain.stored_head()
    with caplog.at_level("INFO"):
        tasks.note_head(None)
    assert head.for_log in caplog.text
    digits = chain.Head(1, "13912345678" * 5 + "123456789")
    assert redact(digits.for_log) == digits.for_log
    assert chain.Head.parse(digits.for_log) == digits
