"""A portal of its own for a benchmark: a folder, a database, prepared people, and a real gunicorn on a free port."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask

ROOT = Path(__file__).resolve().parents[2]
CATEGORY = "labour"


@dataclass
class Stage:
    """Where a benchmark plays: its settings, its application (for looking into the database) and its people's tokens."""

    environment: dict[str, str]
    app: Flask
    tokens: list[str] = field(default_factory=list)
    port: int = 0
    server: subprocess.Popen[bytes] | None = None

    def worker_pids(self) -> list[int]:
        """The process ids of gunicorn's workers: the direct children of its master."""
        if self.server is None:
            return []
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children")
        return [int(pid) for pid in children.read_text().split()]


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare(folder: Path, people: int, **environment: str) -> Stage:
    """Make an instance in `folder` with the schema, one category and `people` signed-in residents."""
    settings = {
        "PORTAL_MODE": "development",
        "PORTAL_DEMO_ACCOUNTS": "0",
        "PORTAL_INSTANCE_DIR": str(folder),
        "DATABASE_URL": "",
        "REDIS_URL": "",
        **environment,
    }
    from portal.app import create_app
    from portal.config import load_settings
    from portal.core.db import db
    from portal.core.unit_of_work import unit_of_work
    from portal.knowledge.models import Category
    from tests.factories.people import make_resident, resident_headers
    from tests.support import create_schema

    app = create_app(load_settings(settings))
    stage = Stage(settings, app)
    create_schema(app)
    with app.app_context():
        with unit_of_work():
            db.session.add(Category(code=CATEGORY, label="劳动", description="劳动", position=1))
        for _ in range(people):
            stage.tokens.append(
                resident_headers(resident=make_resident())["Authorization"].split()[1]
            )
        db.session.remove()
        db.engine.dispose()
    return stage


@contextmanager
def serving(stage: Stage, workers: int) -> Iterator[Stage]:
    """Run gunicorn with `workers` processes until the block ends; only this server's processes are ever signalled."""
    stage.port = free_port()
    environment = {
        **os.environ,
        **stage.environment,
        "PORTAL_PORT": str(stage.port),
        "PORTAL_WORKERS": str(workers),
        "PROMETHEUS_MULTIPROC_DIR": str(Path(stage.environment["PORTAL_INSTANCE_DIR"]) / "metrics"),
    }
    log = (Path(stage.environment["PORTAL_INSTANCE_DIR"]) / "server.log").open("ab")
    stage.server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn"], cwd=ROOT, env=environment, stdout=log, stderr=log
    )
    try:
        _wait_for(stage)
        yield stage
    finally:
        stage.server.send_signal(signal.SIGTERM)
        try:
            stage.server.wait(15)
        except subprocess.TimeoutExpired:
            stage.server.kill()
            stage.server.wait()
        stage.server = None
        log.close()


def _wait_for(stage: Stage) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if request(stage.port, "GET", "/healthz")[0] == 200:
                return
        except OSError:
            pass
        if stage.server is not None and stage.server.poll() is not None:
            break
        time.sleep(0.2)
    log = Path(stage.environment["PORTAL_INSTANCE_DIR"]) / "server.log"
    raise RuntimeError("the server did not come up:\n" + log.read_text()[-4000:])


def request(
    port: int,
    method: str,
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    timeout: float = 30,
) -> tuple[int, Any]:
    """Send one request to the loopback address; returns status and parsed body. Raises OSError when the connection breaks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        payload = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        connection.request(method, path, payload, sent)
        answer = connection.getresponse()
        raw = answer.read()
    except http.client.HTTPException as error:
        # A worker that died in the middle of its answer.
        raise ConnectionError(type(error).__name__) from error
    finally:
        connection.close()
    try:
        return answer.status, json.loads(raw) if raw else None
    except ValueError:
        return answer.status, None


def fork_worker(app: Flask) -> int:
    """Fork a background worker; returns its process id.

    The application is loaded already, so that a hundred starts take no minutes; the worker is a process of its own all the
    same, and is killed with -9 like one.
    """
    from portal.core.jobs.worker import Worker

    pid = os.fork()
    if pid:
        return pid
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        Worker(app).run()
    finally:
        os._exit(0)
