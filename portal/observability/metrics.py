"""Prometheus metrics of all processes together: requests, jobs, database connections, the queue.

Each process writes its figures into files under PROMETHEUS_MULTIPROC_DIR; whoever answers
`/metrics` adds them up. Without that variable (a shell, a test) the figures are those of this
process. Labels hold route templates and kinds, never a path or a value from a request, so that
their number is bounded and nothing personal gets in.
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import structlog
from flask import Flask, Response, abort, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine, event, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from portal.core import clock
from portal.core.db import db
from portal.core.jobs import Job, JobState, WorkerHeartbeat
from portal.core.jobs import worker as job_worker
from portal.observability import figures
from portal.observability.routes import open_to
from portal.web.blueprint import PUBLIC

figures.install()

REQUESTS = Counter(
    "portal_requests", "Requests by route template and status.", ("method", "route", "status")
)
LATENCY = Histogram(
    "portal_request_seconds",
    "Time to answer by route template, in seconds.",
    ("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
JOBS = Counter(
    "portal_jobs",
    "Jobs carried out by kind and outcome (done, failed, dead, lease_lost, stopped).",
    ("kind", "outcome"),
)
JOB_SECONDS = Histogram(
    "portal_job_seconds",
    "Time a job took by kind, in seconds.",
    ("kind",),
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120),
)
CONNECTIONS = Gauge(
    "portal_db_connections", "Open database connections.", multiprocess_mode="livesum"
)
CONNECTIONS_IN_USE = Gauge(
    "portal_db_connections_in_use", "Database connections in use.", multiprocess_mode="livesum"
)

_log = structlog.get_logger(__name__)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STARTED = "_portal_metrics_started"


def init_app(app: Flask) -> None:
    """Count requests and jobs, watch the connection pool, and answer `/metrics` to clients of this
    host.
    """
    app.before_request(_start)
    app.after_request(_count)
    app.add_url_rule("/metrics", "metrics", _metrics, methods=["GET"])
    job_worker.observer.finished = job_finished
    with app.app_context():
        watch_pool(db.engine)


def watch_pool(engine: Engine) -> None:
    """Follow the engine's connections; called once per engine, after it is made."""
    # On the engine and not on its pool, because a fork throws the pool away.
    event.listen(engine, "connect", lambda *_: CONNECTIONS.inc())
    event.listen(engine, "close", lambda *_: CONNECTIONS.dec())
    event.listen(engine, "checkout", lambda *_: CONNECTIONS_IN_USE.inc())
    event.listen(engine, "checkin", lambda *_: CONNECTIONS_IN_USE.dec())


def job_finished(kind: str, outcome: str, seconds: float) -> None:
    """Count a job that the worker has carried out; `seconds` is how long it took."""
    JOBS.labels(kind, outcome).inc()
    JOB_SECONDS.labels(kind).observe(seconds)


def _start() -> None:
    setattr(g, _STARTED, time.perf_counter())


def _count(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule is not None else "none"
    method = request.method if request.method in _METHODS else "other"
    REQUESTS.labels(method, route, str(response.status_code)).inc()
    started = getattr(g, _STARTED, None)
    if started is not None:
        LATENCY.labels(method, route).observe(time.perf_counter() - started)
    return response


class QueueCollector(Collector):
    """The job table at this moment: it is the truth, whichever process asks."""

    def collect(self) -> Iterable[Metric]:
        """Yield waiting and given-up jobs, the age of the oldest due one, and the worker's last
        sign.
        """
        now = clock.now()
        waiting, dead, oldest = db.session.execute(
            select(
                func.count().filter(Job.state == JobState.PENDING),
                func.count().filter(Job.state == JobState.DEAD),
                func.min(Job.run_at).filter(
                    Job.state == JobState.PENDING,
                    or_(Job.leased_until.is_(None), Job.leased_until < now),
                ),
            )
        ).one()
        jobs = GaugeMetricFamily(
            "portal_jobs_in_table", "Jobs in the table by state.", labels=("state",)
        )
        jobs.add_metric((JobState.PENDING.value,), waiting)
        jobs.add_metric((JobState.DEAD.value,), dead)
        yield jobs
        yield GaugeMetricFamily(
            "portal_job_oldest_due_seconds",
            "How long the oldest due job has been waiting for a worker.",
            value=_age(oldest, now),
        )
        beat = db.session.scalar(select(func.max(WorkerHeartbeat.beat_at)))
        if beat is not None:
            yield GaugeMetricFamily(
                "portal_worker_beat_age_seconds",
                "Time since a worker's last sign.",
                value=_age(beat, now),
            )


def _age(instant: datetime | None, now: datetime) -> float:
    return 0.0 if instant is None else max(0.0, (now - instant).total_seconds())


def registry() -> CollectorRegistry | Any:
    """Return what `/metrics` shows: the sum over all processes, or this process's own figures."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        combined = CollectorRegistry()
        multiprocess.MultiProcessCollector(combined)
        return combined
    return REGISTRY


@open_to(PUBLIC)
def _metrics() -> Response:
    if not is_loopback_client():
        # Not to be known of from outside, so no 403.
        abort(404)
    queue = CollectorRegistry(auto_describe=False)
    queue.register(QueueCollector())
    body = generate_latest(registry())
    try:
        body += generate_latest(queue)
    except SQLAlchemyError as error:
        # The rest is worth most when the database is away; the missing figures say so themselves.
        _log.warning("queue_metrics_missing", error=type(error).__name__)
        db.session.rollback()
    return Response(body, content_type=CONTENT_TYPE_LATEST)


def is_loopback_client() -> bool:
    """True when the request comes from this host itself and was not passed on by a proxy."""
    if any(
        name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
    ):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
