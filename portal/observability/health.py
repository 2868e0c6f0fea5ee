"""`/healthz`: the process answers. `/readyz`: everything that a request may need is there.

Rooms add their checks: `readiness.register("search_index", check)`, where `check` runs in an
application context and returns a `Report`. An optional check is told but does not make the portal
unready.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from flask import Flask, Response, current_app, jsonify
from sqlalchemy import text

from portal.config import settings
from portal.core import failures, schema_version
from portal.core.db import db, is_sqlite
from portal.core.jobs import worker
from portal.observability.routes import open_to
from portal.web import rate_limits
from portal.web.blueprint import PUBLIC

MEBIBYTE = 1024 * 1024
# Below this an upload or a new index generation may no longer fit.
LEAST_FREE_MEBIBYTES = 500

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Report:
    """Result of a check; `detail` is a Chinese sentence for the operator, without personal data."""

    ok: bool
    detail: str


Check = Callable[[], Report]


class Readiness:
    """The checks behind `/readyz`, by name, in order of registration."""

    def __init__(self) -> None:
        self._checks: dict[str, tuple[Check, bool]] = {}
        self._last_failing: frozenset[str] = frozenset()

    def register(self, name: str, check: Check, *, required: bool = True) -> None:
        """Add a check, or replace the one of this name. Optional ones never make the portal
        unready.
        """
        self._checks[name] = (check, required)

    def unregister(self, name: str) -> None:
        """Take a check away; unknown names are ignored."""
        self._checks.pop(name, None)

    def run(self) -> tuple[bool, dict[str, dict[str, object]]]:
        """Run every check; returns whether all required ones passed, and each result.

        A check that raises has failed; its error goes to the log.
        """
        results: dict[str, dict[str, object]] = {}
        for name, (check, required) in tuple(self._checks.items()):
            try:
                report = check()
            except Exception as error:  # noqa: BLE001 - whatever breaks, the operator must be told which part
                if name not in self._last_failing:
                    _log.warning("readiness_check_raised", check=name, error=type(error).__name__)
                # On PostgreSQL a failed statement would make every later check fail too.
                db.session.rollback()
                told = failures.sentence(error) or "检查没有完成，原因见日志。"
                report = Report(ok=False, detail=told)
            results[name] = {"ok": report.ok, "required": required, "detail": report.detail}
        failing = frozenset(name for name, result in results.items() if not result["ok"])
        if failing != self._last_failing:
            _log.info("readiness_changed", failing=sorted(failing))
        self._last_failing = failing
        ready = not any(results[name]["required"] for name in failing)
        return ready, results


readiness = Readiness()


def init_app(app: Flask) -> None:
    """Add `/healthz` and `/readyz` and the checks that need no room."""
    readiness.register("database", check_database)
    readiness.register("migrations", check_migrations)
    readiness.register("worker", check_worker)
    readiness.register("disk", check_disk)
    readiness.register("rate_limits", check_rate_limits, required=False)
    app.add_url_rule("/healthz", "healthz", _healthz, methods=["GET"])
    app.add_url_rule("/readyz", "readyz", _readyz, methods=["GET"])


@open_to(PUBLIC)
def _healthz() -> Response:
    return jsonify(status="ok")


@open_to(PUBLIC)
def _readyz() -> Response:
    ready, checks = readiness.run()
    answer = jsonify(status="ready" if ready else "not_ready", checks=checks)
    answer.status_code = 200 if ready else 503
    if not ready:
        answer.headers["Retry-After"] = "5"
    return answer


def check_database() -> Report:
    """The database answers, and takes in what is written, as far as it says so itself."""
    if is_sqlite():
        db.session.execute(text("SELECT 1"))
    elif db.session.scalar(text("SELECT current_setting('transaction_read_only')")) == "on":
        # A connection keeps what it was told at its beginning: the next look is to be by a new one, also where nobody
        # sends what would be written, because this one says that the portal is not ready.
        db.session.remove()
        db.engine.dispose()
        return Report(ok=False, detail=failures.READS_ONLY)
    elif (closed := schema_version.closed(db.session.connection())) is not None:
        return Report(ok=False, detail=closed)
    return Report(ok=True, detail=f"数据库（{db.engine.dialect.name}）可以使用。")


def check_migrations() -> Report:
    """The database has exactly the tables that this version of the portal expects."""
    told = schema_version.difference(db.session.connection())
    return Report(ok=told is None, detail=told or "数据库结构是最新的。")


def check_worker() -> Report:
    """A background worker has given a sign lately."""
    age = worker.last_beat_age()
    if age is None:
        return Report(ok=False, detail="后台任务进程没有运行，短信、提醒和索引更新会等待。")
    seconds = int(age.total_seconds())
    if age > worker.STALE_AFTER:
        return Report(
            ok=False, detail=f"后台任务进程已有 {seconds} 秒没有动静，请检查它是否还在运行。"
        )
    return Report(ok=True, detail=f"后台任务进程 {seconds} 秒前报告正常。")


def check_rate_limits() -> Report:
    """Requests are counted. Optional: without it everybody is let through."""
    if not current_app.config["RATE_LIMITS"]:
        return Report(ok=True, detail="限流没有开启（PORTAL_RATE_LIMITS=0）。")
    why = rate_limits.why_not_counting()
    if why is None:
        return Report(ok=True, detail="限流正常。")
    return Report(ok=False, detail=f"限流暂时不起作用，请求不受限制地放行。{why}")


def check_disk() -> Report:
    """There is room for uploads, the database and the next index generation."""
    free = shutil.disk_usage(settings().instance_dir).free // MEBIBYTE
    if free < LEAST_FREE_MEBIBYTES:
        return Report(
            ok=False, detail=f"磁盘只剩 {free} MiB，低于 {LEAST_FREE_MEBIBYTES} MiB，请清理或扩容。"
        )
    return Report(ok=True, detail=f"磁盘剩余 {free} MiB。")
