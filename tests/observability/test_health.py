"""`/healthz` and `/readyz`."""

import shutil
import uuid
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from portal.core import clock, schema_version
from portal.core.db import db, is_sqlite
from portal.core.jobs import WorkerHeartbeat
from portal.core.unit_of_work import unit_of_work
from portal.observability import health
from portal.observability.health import MEBIBYTE, Readiness, Report, readiness
from portal.web import rate_limits


def beat(ago: timedelta = timedelta(0)) -> None:
    with unit_of_work():
        now = clock.now() - ago
        db.session.add(WorkerHeartbeat(owner="host:1", started_at=now, beat_at=now))


@pytest.fixture
def only_ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only the checks of this package, with the migrations taken as applied."""
    monkeypatch.setattr(
        readiness,
        "_checks",
        {
            "database": (health.check_database, True),
            "worker": (health.check_worker, True),
            "disk": (health.check_disk, True),
        },
    )
    return


def test_healthz_asks_nothing(client: FlaskClient) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "ok"}


def test_ready_when_every_required_check_passes(client: FlaskClient, only_ours: None) -> None:
    beat()
    readiness.register("extra", lambda: Report(ok=False, detail="没有启用。"), required=False)
    answer = client.get("/readyz")
    assert answer.status_code == 200, answer.get_json()
    body = answer.get_json()
    assert body["status"] == "ready"
    assert body["checks"]["extra"] == {"ok": False, "required": False, "detail": "没有启用。"}


def test_not_ready_tells_which_part(client: FlaskClient, only_ours: None) -> None:
    beat()
    readiness.register("part", lambda: Report(ok=False, detail="这一部分没有准备好。"))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    body = answer.get_json()
    assert body["status"] == "not_ready"
    assert body["checks"]["part"]["detail"] == "这一部分没有准备好。"
    assert body["checks"]["database"]["ok"] is True


def test_a_check_that_raises_has_failed_and_harms_no_other(app: Flask, database: None) -> None:
    def broken() -> Report:
        db.session.execute(health.text("SELECT no_such_column FROM nowhere"))
        raise AssertionError

    registry = Readiness()
    registry.register("broken", broken)
    registry.register("database", health.check_database)
    ready, results = registry.run()
    assert ready is False
    assert results["broken"]["ok"] is False
    assert results["database"]["ok"] is True


def test_the_log_tells_a_change_once(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    registry = Readiness()
    registry.register("a", lambda: Report(ok=False, detail="一"))
    with caplog.at_level("INFO"):
        registry.run()
        registry.run()
        registry.register("a", lambda: Report(ok=True, detail="二"))
        registry.run()
        registry.run()
    changes = [record.msg for record in caplog.records if "readiness_changed" in str(record.msg)]
    assert [change["failing"] for change in changes] == [["a"], []]


def test_registering_again_replaces_and_can_be_taken_back() -> None:
    registry = Readiness()
    registry.register("a", lambda: Report(ok=False, detail="一"))
    registry.register("a", lambda: Report(ok=True, detail="二"))
    assert registry.run() == (True, {"a": {"ok": True, "required": True, "detail": "二"}})
    registry.unregister("a")
    registry.unregister("a")
    assert registry.run() == (True, {})


@pytest.mark.parametrize(
    ("ago", "ok"), [(timedelta(seconds=5), True), (timedelta(minutes=2), False)]
)
def test_worker_check_follows_the_heartbeat(database: None, ago: timedelta, ok: bool) -> None:
    beat(ago)
    report = health.check_worker()
    assert report.ok is ok
    assert str(int(ago.total_seconds())) in report.detail


def test_no_worker_is_told(database: None) -> None:
    report = health.check_worker()
    assert not report.ok
    assert "没有运行" in report.detail


@pytest.mark.parametrize(("mebibytes", "ok"), [(499, False), (501, True)])
def test_disk_check(app: Flask, monkeypatch: pytest.MonkeyPatch, mebibytes: int, ok: bool) -> None:
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _path: SimpleNamespace(free=mebibytes * MEBIBYTE)
    )
    with app.app_context():
        assert health.check_disk().ok is ok


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "请运行 flask --app wsgi setup"),
        ("0001", "请运行 flask --app wsgi setup"),
        ("9999", "版本 9999 比程序新"),
    ],
)
def test_tables_of_another_version_are_told_with_what_to_do(
    database: None, monkeypatch: pytest.MonkeyPatch, found: str | None, said: str
) -> None:
    assert health.check_migrations().ok
    monkeypatch.setattr(schema_version, "present", lambda _connection: found)
    report = health.check_migrations()
    assert not report.ok
    assert said in report.detail


def test_uncounted_requests_are_told_and_let_the_portal_serve(
    client: FlaskClient, only_ours: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat()
    readiness.register("rate_limits", health.check_rate_limits, required=False)
    assert "限流" in client.get("/readyz").get_json()["checks"]["rate_limits"]["detail"]
    monkeypatch.setattr(rate_limits, "why_not_counting", lambda: "磁盘已满。")
    monkeypatch.setitem(client.application.config, "RATE_LIMITS", True)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    told = answer.get_json()["checks"]["rate_limits"]
    assert told["ok"] is False
    assert told["detail"] == "限流暂时不起作用，请求不受限制地放行。磁盘已满。"


@pytest.fixture
def of_a_server(database: None) -> None:
    """Skip where the database is a file, which knows no users."""
    if is_sqlite():
        pytest.skip("a file knows no users")


def test_a_database_that_only_reads_is_told_with_what_to_do(of_a_server: None) -> None:
    assert health.check_database().ok
    db.session.rollback()
    db.engine.dispose()
    db.session.execute(text("SELECT set_config('default_transaction_read_only', 'on', false)"))
    db.session.commit()
    report = health.check_database()
    assert not report.ok
    assert "请让 DATABASE_URL 指向主库" in report.detail
    # A connection that was begun after it was mended tells so, though nobody has written.
    assert health.check_database().ok


def test_tables_that_the_user_may_not_use_are_told_with_what_to_do(of_a_server: None) -> None:
    other = f"portal_restored_{uuid.uuid4().hex[:8]}"
    with db.engine.connect() as connection:
        connection.execute(text(f"CREATE ROLE {other}"))
        connection.execute(text(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {other}"))
        connection.execute(text(f"REVOKE INSERT ON job FROM {other}"))
        connection.execute(text(f"SET ROLE {other}"))
        told = schema_version.closed(connection)
        connection.rollback()
        assert schema_version.closed(connection) is None
    assert told is not None
    assert "1 个表用不了（如 job）" in told
    assert "OWNER TO" in told


def test_a_check_that_the_database_fails_says_what_to_do(database: None) -> None:
    def broken() -> Report:
        raise OperationalError("SELECT 1", {}, Exception("database is locked"))

    registry = Readiness()
    registry.register("database", broken)
    assert "正被别的程序占用" in str(registry.run()[1]["database"]["detail"])
