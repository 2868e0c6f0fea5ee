"""Faults, tried: workers killed with -9 under load, limits across processes, many writers on one SQLite file.

    python -m tests.benchmarks.faults [--web-kills 50] [--job-kills 100] [--database URL] [--redis URL]

Prints what it does, and on the last line one JSON object with every figure. Exits 1 when an invariant is broken: an
acknowledged consultation that is missing or stands twice, a job lost or done twice in effect, a limit exceeded, a
"database is locked" that reached a client. Never for a speed. All traffic goes to the loopback address, all loops end by
themselves, and only processes started here are killed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import func, select

from tests.benchmarks.stage import CATEGORY, Stage, fork_worker, prepare, request, serving

CLIENTS = 32
LONGEST_RUN = 600.0
REDIS = "redis://127.0.0.1:6379/13"


def say(message: str) -> None:
    """Report progress to whoever waits."""
    print(f"[{time.strftime('%H:%M:%S')}] {message}", flush=True)


@dataclass
class Tally:
    """What the clients saw."""

    acknowledged: dict[str, str] = field(default_factory=dict)  # key -> reference
    statuses: Counter[int] = field(default_factory=Counter)
    broken_connections: int = 0
    replays_differ: int = 0
    seconds: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def post_until_acknowledged(stage: Stage, tally: Tally, token: str, deadline: float) -> None:
    """Post one consultation and repeat it under the same key until it is acknowledged."""
    key = str(uuid.uuid4())
    body = {
        "category": CATEGORY,
        "text": f"公司拖欠工资三个月，应该怎么办？编号 {key}",
        "keep_unpublished": True,
    }
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    started = time.monotonic()
    while time.monotonic() < deadline:
        try:
            status, answer = request(
                stage.port, "POST", "/api/v1/consultations", body, headers, timeout=40
            )
        except OSError:
            with tally.lock:
                tally.broken_connections += 1
            time.sleep(0.05)
            continue
        with tally.lock:
            tally.statuses[status] += 1
            if status == 201:
                tally.acknowledged[key] = answer["reference"]
                tally.seconds.append(time.monotonic() - started)
                return
        time.sleep(0.05)


def clients(
    stage: Stage, tally: Tally, stop: threading.Event, deadline: float
) -> list[threading.Thread]:
    """Start the clients; each posts one consultation after the other until told to stop."""

    def run(number: int) -> None:
        mine = stage.tokens[number::CLIENTS]
        turn = 0
        while not stop.is_set() and time.monotonic() < deadline:
            post_until_acknowledged(stage, tally, mine[turn % len(mine)], deadline)
            turn += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    return threads


def stored_references(stage: Stage) -> list[str]:
    """Every consultation's reference as the database has it."""
    from portal.consultations.models import Consultation
    from portal.core.db import db

    with stage.app.app_context():
        found = list(db.session.scalars(select(Consultation.reference)))
        db.session.remove()
    return found


def half_written(stage: Stage) -> int:
    """How many consultations lack their deadline, their timeline or their audit row."""
    from portal.audit.models import AuditEvent
    from portal.consultations.models import Consultation, TimelineEvent
    from portal.core.db import db
    from portal.supervision.models import Deadline

    with stage.app.app_context():
        total = db.session.scalar(select(func.count()).select_from(Consultation)) or 0
        missing = 0
        for query in (
            select(func.count(func.distinct(Deadline.subject_id))).where(
                Deadline.rule_id == "CO-D1"
            ),
            select(func.count(func.distinct(TimelineEvent.consultation_id))),
            select(func.count(func.distinct(AuditEvent.subject_id))).where(
                AuditEvent.action == "consultation.submit"
            ),
        ):
            missing += total - (db.session.scalar(query) or 0)
        db.session.remove()
    return missing


def kill_web_workers(stage: Stage, kills: int) -> dict[str, Any]:
    """Kill web workers one after the other while clients post and retry."""
    say(f"网站进程：{CLIENTS} 个客户端提交咨询，同时杀死 {kills} 次进程")
    before = len(stored_references(stage))
    tally, stop = Tally(), threading.Event()
    deadline = time.monotonic() + LONGEST_RUN
    with serving(stage, workers=4):
        threads = clients(stage, tally, stop, deadline)
        done = 0
        while done < kills and time.monotonic() < deadline:
            time.sleep(random.uniform(0.1, 0.5))
            pids = stage.worker_pids()
            if not pids:
                continue
            try:
                os.kill(random.choice(pids), signal.SIGKILL)
            except ProcessLookupError:
                continue
            done += 1
            if done % 10 == 0:
                say(f"  已杀死 {done} 次，已确认 {len(tally.acknowledged)} 条")
        stop.set()
        for thread in threads:
            thread.join(60)
    stored = stored_references(stage)
    references = list(tally.acknowledged.values())
    return {
        "kills": done,
        "acknowledged": len(references),
        "missing": len(set(references) - set(stored)),
        "twice": len(stored) - len(set(stored)),
        "stored_without_acknowledgement": len(stored) - before - len(references),
        "two_keys_one_reference": len(references) - len(set(references)),
        "half_written": half_written(stage),
        "broken_connections": tally.broken_connections,
        "statuses": dict(sorted(tally.statuses.items())),
    }


def many_writers(stage: Stage, each: int) -> dict[str, Any]:
    """32 clients write at once, nobody is killed: every answer must be a success."""
    say(f"并发写入：{CLIENTS} 个客户端，每个 {each} 条")
    tally = Tally()
    deadline = time.monotonic() + LONGEST_RUN
    started = time.monotonic()
    with serving(stage, workers=4), ThreadPoolExecutor(CLIENTS) as pool:
        started = time.monotonic()
        for turn in range(each):
            for number in range(CLIENTS):
                token = stage.tokens[(turn * CLIENTS + number) % len(stage.tokens)]
                pool.submit(post_until_acknowledged, stage, tally, token, deadline)
        pool.shutdown(wait=True)
        took = time.monotonic() - started
    log = (Path(stage.environment["PORTAL_INSTANCE_DIR"]) / "server.log").read_text()
    waits = sorted(tally.seconds)
    return {
        "writes": len(tally.acknowledged),
        "wanted": each * CLIENTS,
        "refused": sum(count for status, count in tally.statuses.items() if status != 201),
        "locked_in_log": log.count("database is locked"),
        "per_second": round(len(tally.acknowledged) / took, 1),
        "p50_ms": round(waits[len(waits) // 2] * 1000) if waits else None,
        "p99_ms": round(waits[int(len(waits) * 0.99)] * 1000) if waits else None,
    }


def limits(stage: Stage, requests: int = 120) -> dict[str, Any]:
    """Many requests at once against a limit of 60 a minute, over four workers."""
    say(f"访问频率：四个进程，{requests} 个并发请求")
    token = stage.tokens[0]
    body = {"text": "公司拖欠工资怎么办"}

    def once(_: int) -> int:
        return request(
            stage.port,
            "POST",
            "/api/v1/consultations/matches",
            body,
            {"Authorization": f"Bearer {token}"},
        )[0]

    # The window is a minute of the clock: begin early in one, so that it does not turn over in between.
    time.sleep(max(0.0, 60 - time.time() % 60) if time.time() % 60 > 40 else 0)
    with serving(stage, workers=4), ThreadPoolExecutor(CLIENTS) as pool:
        statuses = Counter(pool.map(once, range(requests)))
    return {
        "limit": 60,
        "passed": requests - statuses[429],
        "refused": statuses[429],
        "statuses": dict(sorted(statuses.items())),
    }


def kill_job_workers(stage: Stage, kills: int, jobs: int) -> dict[str, Any]:
    """Kill the job worker again and again; afterwards every job is done, and its effect stands once."""
    from tests.benchmarks import fault_worker

    say(f"后台任务：{jobs} 项任务，杀死 {kills} 次")
    fault_worker.enqueue_all(stage.app, jobs)
    done, deadline = 0, time.monotonic() + LONGEST_RUN
    while done < kills and time.monotonic() < deadline:
        pid = fork_worker(stage.app)
        time.sleep(random.uniform(0.05, 0.6))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        done += 1
        if done % 20 == 0:
            say(f"  已杀死 {done} 次，还剩 {fault_worker.waiting(stage.app)} 项")
    pid = fork_worker(stage.app)
    while fault_worker.waiting(stage.app) and time.monotonic() < deadline:
        time.sleep(0.3)
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    return {"kills": done, **fault_worker.verdict(stage.app, jobs)}


def redis_answers(url: str) -> bool:
    """True when a Redis answers at `url`."""
    try:
        return bool(redis.Redis.from_url(url, socket_connect_timeout=1).ping())
    except redis.RedisError:
        say("没有 Redis 应答，跳过 Redis 上的访问频率")
        return False


def audit_chain_holds(stage: Stage) -> bool:
    """True when the hash chain is whole after all the killing."""
    runner = stage.app.test_cli_runner()
    result = runner.invoke(args=["audit", "verify"])
    if result.exit_code != 0:
        say(result.output[-2000:])
    return result.exit_code == 0


def broken_invariants(report: dict[str, Any]) -> list[str]:
    """Name every invariant that the figures break."""
    web, jobs, writers = report["web_kills"], report["job_kills"], report["writers"]
    checks = {
        "an acknowledged consultation is missing": web["missing"] == 0,
        "a consultation stands twice": web["twice"] == 0 and web["two_keys_one_reference"] == 0,
        "one key made two consultations": web["stored_without_acknowledgement"] <= 0,
        "a consultation is half written": web["half_written"] == 0,
        "too few kills": web["kills"] == report["wanted"]["web_kills"]
        and jobs["kills"] == report["wanted"]["job_kills"],
        "nothing was acknowledged": web["acknowledged"] > 0,
        "a job was lost": jobs["lost"] == 0,
        "a job was done twice in effect": jobs["twice"] == 0,
        "a writer was refused": writers["refused"] == 0 and writers["writes"] == writers["wanted"],
        "a database lock reached the log": writers["locked_in_log"] == 0,
        "the audit chain is broken": report["audit_chain_holds"],
    }
    for name, figures in report["limits"].items():
        checks[f"limit exceeded ({name})"] = figures["passed"] <= figures["limit"] + 1
        checks[f"limit refused too early ({name})"] = figures["passed"] >= figures["limit"] - 1
    return [name for name, holds in checks.items() if not holds]


def main() -> int:
    """Run all faults and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--web-kills", type=int, default=50)
    parser.add_argument("--job-kills", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=600)
    parser.add_argument("--writes", type=int, default=20, help="for each of the 32 clients")
    parser.add_argument("--database", default="", help="PostgreSQL URL; SQLite without it")
    parser.add_argument("--redis", default=REDIS, help="left out when nothing answers there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portal-faults-") as folder:
        stage = prepare(
            Path(folder) / "load",
            people=CLIENTS * 8,
            PORTAL_RATE_LIMITS="0",
            DATABASE_URL=arguments.database,
        )
        report: dict[str, Any] = {
            "benchmark": "faults",
            "database": stage.app.config["SQLALCHEMY_DATABASE_URI"].split(":", 1)[0],
            "wanted": {"web_kills": arguments.web_kills, "job_kills": arguments.job_kills},
            "writers": many_writers(stage, arguments.writes),
            "web_kills": kill_web_workers(stage, arguments.web_kills),
            "job_kills": kill_job_workers(stage, arguments.job_kills, arguments.jobs),
            "audit_chain_holds": audit_chain_holds(stage),
        }
        report["limits"] = {"database": limits(prepare(Path(folder) / "limits", people=1))}
        if redis_answers(arguments.redis):
            stage = prepare(Path(folder) / "redis", people=1, REDIS_URL=arguments.redis)
            report["limits"]["redis"] = limits(stage)
    report["broken"] = broken_invariants(report)
    for name in report["broken"]:
        say(f"不变量被破坏：{name}")
    print(json.dumps(report, ensure_ascii=False))
    return 1 if report["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
