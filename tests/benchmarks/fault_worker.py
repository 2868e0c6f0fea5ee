"""Jobs of the fault benchmark whose effect can be counted.

Importing this adds a table to the models; only a process of the benchmark's own does.
"""

from __future__ import annotations

import time
from typing import Any

from flask import Flask
from sqlalchemy import String, func, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.core import jobs
from portal.core.db import Model, PublicId, db
from portal.core.jobs import Job, JobRun, JobState
from portal.core.unit_of_work import unit_of_work

KIND = "benchmark.effect"
SLOW_KIND = "benchmark.slow_effect"


class Effect(PublicId, Model):
    """What a job did. Nothing here forbids a second row, so that doing a job twice would show."""

    __tablename__ = "benchmark_effect"

    job_key: Mapped[str] = mapped_column(String(40))


def _leave_effect(run: JobRun) -> None:
    db.session.add(Effect(job_key=run.payload["key"]))
    db.session.flush()


@jobs.job_handler(KIND)
def act(run: JobRun) -> None:
    """An effect in the commit that completes the job."""
    _leave_effect(run)


@jobs.job_handler(SLOW_KIND, transactional=False)
def act_slowly(run: JobRun) -> None:
    """Work outside the database first, as with an SMS gateway, then effect and completion in one commit."""
    time.sleep(0.02)
    with unit_of_work():
        _leave_effect(run)
        run.complete()


def enqueue_all(app: Flask, count: int) -> None:
    """Put `count` jobs into the outbox, half of each kind."""
    with app.app_context():
        Effect.__table__.create(db.engine, checkfirst=True)  # type: ignore[attr-defined]
        with unit_of_work():
            for number in range(count):
                jobs.enqueue(KIND if number % 2 else SLOW_KIND, {"key": str(number)})
        db.session.remove()
        db.engine.dispose()


def waiting(app: Flask) -> int:
    """How many of the jobs are not done."""
    with app.app_context():
        left = db.session.scalar(
            select(func.count())
            .select_from(Job)
            .where(Job.kind.in_((KIND, SLOW_KIND)), Job.state == JobState.PENDING)
        )
        db.session.remove()
        db.engine.dispose()
    return left or 0


def verdict(app: Flask, count: int) -> dict[str, Any]:
    """Count what became of the jobs."""
    with app.app_context():
        effects = dict(
            db.session.execute(select(Effect.job_key, func.count()).group_by(Effect.job_key)).all()  # type: ignore[arg-type]
        )
        done = db.session.scalar(
            select(func.count())
            .select_from(Job)
            .where(Job.kind.in_((KIND, SLOW_KIND)), Job.state == JobState.DONE)
        )
        db.session.remove()
    return {
        "jobs": count,
        "done": done,
        "lost": count - len(effects),
        "twice": sum(1 for times in effects.values() if times > 1),
    }
