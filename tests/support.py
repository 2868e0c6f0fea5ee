"""Small applications for tests: the ground floor alone, on a database of its own."""

from __future__ import annotations

import os
import socketserver
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from portal.app import ROOMS, create_app
from portal.config import load_settings
from portal.core import encryption, schema_guards, schema_version
from portal.core.db import db
from portal.web.rate_limits import DatabaseStorage

ROOT = Path(__file__).resolve().parents[1]

# One key ring for all applications of the process: the ring is the process's, not the application's.
KEYS = f"1:{encryption.generate_key()}"
INDEX_KEY = encryption.generate_key()
GROUND_FLOOR = ("observability",)


def postgres_server() -> str:
    """Return the URL of the PostgreSQL that the tests run on, empty where they run on SQLite."""
    server = os.environ.get("TEST_DATABASE_URL", "")
    return server if server.startswith("postgresql") else ""


def own_database(name: str) -> tuple[str, Callable[[], None]]:
    """Return the URL of an empty database and how to drop it; an empty URL means SQLite in the instance folder."""
    server = postgres_server()
    if not server:
        return "", lambda: None
    parsed = make_url(server.replace("postgresql://", "postgresql+psycopg://", 1))
    admin = create_engine(parsed, isolation_level="AUTOCOMMIT")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    # Named after the server's own database, so that the suite runner finds what a killed run left behind.
    own = f"{parsed.database}_{name}_{worker}_{uuid.uuid4().hex[:8]}"
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{own}"'))
        # Tests kill processes, not machines; waiting for the disk at every commit would double their time.
        connection.execute(text(f'ALTER DATABASE "{own}" SET synchronous_commit = off'))

    def drop() -> None:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)'))
        admin.dispose()

    return parsed.set(database=own).render_as_string(hide_password=False), drop


def redis_url() -> str:
    """Return the URL of a Redis that answers; skips the test without one, fails it in CI."""
    url = os.environ.get("TEST_REDIS_URL") or "redis://127.0.0.1:6379/15"
    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        client.ping()
    except redis.RedisError:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail("Redis does not answer")
        pytest.skip("Redis does not answer")
    finally:
        client.close()
    return url


# What a mail server says, and what nothing of ours has asked for: it reads like Redis and is none.
STRANGE_ANSWERS = ("+OK Dovecot ready.", "*0", "220 mail ESMTP")


@contextmanager
def answering(line: str) -> Iterator[str]:
    """Listen on a port where every command is answered by `line`; yields its URL as one of Redis."""

    class Answering(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while asked := self.request.recv(65536):
                self.request.sendall(f"{line}\r\n".encode() * max(1, asked.count(b"*")))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()


def environment(instance: Path, url: str) -> dict[str, str]:
    """Return the variables of a portal in test mode."""
    return {
        "PORTAL_MODE": "test",
        "PORTAL_INSTANCE_DIR": str(instance),
        "PORTAL_ENCRYPTION_KEYS": KEYS,
        "PORTAL_INDEX_KEY": INDEX_KEY,
        "DATABASE_URL": url,
        "REDIS_URL": os.environ.get("TEST_REDIS_URL", ""),
    }


def create_schema(application: Flask) -> None:
    """Make the tables and guards from the models, and call them the newest revision, which they are."""
    with application.app_context():
        db.create_all()
        with db.engine.begin() as connection:
            schema_guards.install(connection)
            scripts = ScriptDirectory(str(schema_version.FOLDER))
            MigrationContext.configure(connection).stamp(scripts, "head")
        db.session.remove()


@contextmanager
def own_application(
    instance: Path, name: str, rooms: Sequence[str] = ROOMS, **extra: str
) -> Iterator[Flask]:
    """Yield an application on a new empty database without any table; the database is dropped at the end, and where the
    application does not start.
    """
    url, drop = own_database(name)
    with ExitStack() as ending:
        ending.callback(drop)
        application = create_app(load_settings({**environment(instance, url), **extra}), rooms)
        ending.callback(_close, application)
        yield application


def _close(application: Flask) -> None:
    with application.app_context():
        db.session.remove()
        db.engine.dispose()
    counters = application.extensions["portal_limiter"].storage
    if isinstance(counters, DatabaseStorage):
        counters.engine.dispose()
