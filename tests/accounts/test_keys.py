"""With keys of another database nothing starts: what would be written could not be read with the right ones."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.core import encryption
from tests.factories import people
from tests.support import INDEX_KEY, KEYS, ROOT, environment

OTHERS = encryption.generate_key()


@pytest.mark.parametrize(
    ("command", "theirs"),
    [
        (["gunicorn"], {"PORTAL_ENCRYPTION_KEYS": f"1:{OTHERS}"}),
        (["flask", "--app", "wsgi", "worker"], {"PORTAL_INDEX_KEY": OTHERS}),
    ],
    ids=["web", "worker"],
)
def test_neither_web_nor_worker_starts_with_them(
    app: Flask, database: None, command: list[str], theirs: dict[str, str]
) -> None:
    people.make_resident()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    variables = environment(Path(app.instance_path), app.config["SQLALCHEMY_DATABASE_URI"]) | theirs
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-m", *command],
        cwd=ROOT,
        env=variables | {"PORTAL_PORT": port, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "设置里的密钥不是这个数据库的密钥" in done.stderr
    assert "Traceback" not in done.stderr
    # Who is refused leaves no connection for the end of the process to close.
    assert "was deleted while still open" not in done.stderr


@pytest.mark.parametrize(
    ("keys", "index_key"), [(f"1:{OTHERS}", INDEX_KEY), (KEYS, OTHERS)], ids=["encryption", "index"]
)
def test_a_portal_whose_database_was_exchanged_is_not_ready_and_says_why(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, keys: str, index_key: str
) -> None:
    people.make_resident()
    assert client.get("/readyz").get_json()["checks"]["keys"]["ok"]
    monkeypatch.setattr(encryption, "_ring", encryption.KeyRing.parse(keys, index_key))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    told = answer.get_json()["checks"]["keys"]
    assert not told["ok"]
    assert "设置里的密钥不是这个数据库的密钥" in told["detail"]
