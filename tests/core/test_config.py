"""Settings: what the environment may say, and when the portal refuses to start."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from portal.config import ROOT, ConfigurationError, Mode, load_settings, prepare_folder
from portal.core import encryption

KEYS = [encryption.generate_key() for _ in range(3)]
PRODUCTION = {
    "PORTAL_MODE": "production",
    "PORTAL_ENCRYPTION_KEYS": f"1:{KEYS[0]},2:{KEYS[1]}",
    "PORTAL_INDEX_KEY": KEYS[2],
    "PORTAL_SMS_SENDER": "http",
    "PORTAL_SMS_HTTP_URL": "https://sms.example/send",
    "PORTAL_SMS_HTTP_TOKEN": "token-of-the-gateway",
    "DATABASE_URL": "postgresql://portal:secret-word@db.example/portal",
}
WEAK = base64.b64encode(b"x" * 32).decode()
ZERO = base64.b64encode(bytes(32)).decode()


def refused(**changes: str | None) -> str:
    environment = {**PRODUCTION, **{name: value or "" for name, value in changes.items()}}
    with pytest.raises(ConfigurationError) as error:
        load_settings(environment)
    assert error.value.problems
    return "\n".join(error.value.problems)


def test_a_complete_production_starts(tmp_path: Path) -> None:
    settings = load_settings({**PRODUCTION, "PORTAL_INSTANCE_DIR": str(tmp_path)})
    assert settings.is_production
    assert settings.database_url.startswith("postgresql+psycopg://")
    assert not settings.demo_accounts
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"PORTAL_ENCRYPTION_KEYS": None}, "PORTAL_ENCRYPTION_KEYS"),
        ({"PORTAL_INDEX_KEY": None}, "PORTAL_INDEX_KEY"),
        ({"PORTAL_ENCRYPTION_KEYS": None, "PORTAL_INDEX_KEY": None}, "PORTAL_INDEX_KEY"),
        ({"PORTAL_ENCRYPTION_KEYS": f"1:{ZERO}"}, "默认值"),
        ({"PORTAL_ENCRYPTION_KEYS": f"1:{WEAK}"}, "默认值"),
        ({"PORTAL_INDEX_KEY": ZERO}, "默认值"),
        ({"PORTAL_ENCRYPTION_KEYS": f"1:{KEYS[0]},2:{ZERO}"}, "默认值"),
        ({"PORTAL_ENCRYPTION_KEYS": f"1:{KEYS[2]}"}, "互不相同"),
        ({"PORTAL_ENCRYPTION_KEYS": f"1:{KEYS[0]},2:{KEYS[0]}"}, "互不相同"),
        ({"PORTAL_ENCRYPTION_KEYS": "1:short"}, "格式不对"),
        ({"PORTAL_ENCRYPTION_KEYS": KEYS[0]}, "格式不对"),
        ({"PORTAL_SMS_SENDER": "log"}, "短信替身"),
        ({"PORTAL_SMS_SENDER": "pigeon"}, "PORTAL_SMS_SENDER"),
        ({"PORTAL_SMS_HTTP_URL": None}, "PORTAL_SMS_HTTP_URL"),
        ({"PORTAL_SMS_HTTP_TOKEN": None}, "PORTAL_SMS_HTTP_TOKEN"),
        ({"PORTAL_DEMO_ACCOUNTS": "1"}, "演示账号"),
        ({"PORTAL_RATE_LIMITS": "0"}, "PORTAL_RATE_LIMITS"),
        ({"PORTAL_MODE": "prod"}, "PORTAL_MODE"),
        ({"PORTAL_TIME_ZONE": "Asia/Nowhere"}, "PORTAL_TIME_ZONE"),
        ({"PORTAL_TIME_ZONE": "../etc/passwd"}, "PORTAL_TIME_ZONE"),
        ({"PORTAL_TIME_ZONE": "Asia"}, "PORTAL_TIME_ZONE"),
        ({"PORTAL_PORT": "0"}, "PORTAL_PORT"),
        ({"PORTAL_PORT": "65536"}, "PORTAL_PORT"),
        ({"PORTAL_PORT": "８０００"}, "PORTAL_PORT"),
        ({"PORTAL_WORKERS": "many"}, "PORTAL_WORKERS"),
        ({"PORTAL_TRUSTED_PROXIES": "-1"}, "PORTAL_TRUSTED_PROXIES"),
        ({"PORTAL_DEMO_ACCOUNTS": "yes"}, "PORTAL_DEMO_ACCOUNTS"),
        ({"PORTAL_THREADS": "0"}, "PORTAL_THREADS"),
        ({"PORTAL_GRACEFUL_SECONDS": "soon"}, "PORTAL_GRACEFUL_SECONDS"),
        ({"PORTAL_CONTENT_DIR": "/nowhere"}, "PORTAL_CONTENT_DIR"),
        ({"PORTAL_CLAMD": "127.0.0.1"}, "PORTAL_CLAMD"),
        ({"REDIS_URL": "127.0.0.1:6379"}, "REDIS_URL"),
        (
            {"PORTAL_CLAMAD": "127.0.0.1:3310"},
            "没有 PORTAL_CLAMAD 这个设置，是不是要写 PORTAL_CLAMD？",
        ),
        ({"PORTAL_XYZZY": "1"}, "没有 PORTAL_XYZZY 这个设置，请删去"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://h:notaport/db"}, "DATABASE_URL"),
    ],
)
def test_each_refusal_names_its_setting(changes: dict[str, str | None], named: str) -> None:
    assert named in refused(**changes)


def test_all_problems_are_told_at_once() -> None:
    text = refused(PORTAL_ENCRYPTION_KEYS=None, PORTAL_SMS_SENDER="log", PORTAL_PORT="x")
    for named in ("PORTAL_ENCRYPTION_KEYS", "短信替身", "PORTAL_PORT"):
        assert named in text


def test_refusals_repeat_no_secret() -> None:
    text = refused(PORTAL_ENCRYPTION_KEYS=f"1:{KEYS[0]}x", PORTAL_SMS_SENDER="log")
    assert KEYS[0] not in text
    assert "token-of-the-gateway" not in text


def test_an_unknown_mode_is_treated_as_production() -> None:
    assert "短信替身" in refused(PORTAL_MODE="dev", PORTAL_SMS_SENDER="log")


def test_settings_do_not_show_their_secrets() -> None:
    shown = repr(load_settings(PRODUCTION))
    for secret in (*KEYS, "token-of-the-gateway", "secret-word"):
        assert secret not in shown


def test_development_makes_its_secrets_once(tmp_path: Path) -> None:
    environment = {"PORTAL_INSTANCE_DIR": str(tmp_path / "new")}
    first, second = load_settings(environment), load_settings(environment)
    assert first.mode is Mode.DEVELOPMENT
    assert first == second
    stored = tmp_path / "new" / "secrets.json"
    assert stored.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in stored.parent.iterdir()) == ["secrets.json"]
    assert first.demo_accounts
    assert not load_settings({**environment, "PORTAL_MODE": "test"}).demo_accounts
    assert first.index_dir.parent == first.files_dir.parent == first.instance_dir


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null"])
def test_damaged_secrets_are_said_and_not_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "secrets.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"secrets\.json"):
        load_settings({"PORTAL_INSTANCE_DIR": str(tmp_path)})
    assert (tmp_path / "secrets.json").read_text() == content


def test_half_of_the_secrets_is_not_completed_silently(tmp_path: Path) -> None:
    environment = {"PORTAL_INSTANCE_DIR": str(tmp_path), "PORTAL_INDEX_KEY": KEYS[0]}
    with pytest.raises(ConfigurationError, match="PORTAL_ENCRYPTION_KEYS"):
        load_settings(environment)
    assert list(tmp_path.iterdir()) == []


def test_processes_that_start_together_agree_on_the_secrets(tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from portal.config import load_settings\n"
        "sys.stdin.readline()\n"
        "print(load_settings().encryption_keys)\n"
    )
    environment = {"PATH": os.environ["PATH"], "PORTAL_INSTANCE_DIR": str(tmp_path)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    # All of them are loaded and waiting before any may go on.
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = {process.communicate(timeout=60)[0].strip() for process in started}
    stored = json.loads((tmp_path / "secrets.json").read_text())
    assert answers == {stored["encryption_keys"]}
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_the_server_says_why_it_does_not_start(tmp_path: Path) -> None:
    environment = {**PRODUCTION, "PORTAL_SMS_SENDER": "log", "PATH": os.environ["PATH"]}
    result = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=ROOT,
        env={**environment, "PORTAL_INSTANCE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert "门户没有启动" in result.stderr
    assert "短信替身" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_line_left_empty_counts_as_not_there_but_for_the_mode() -> None:
    found = load_settings({**PRODUCTION, "PORTAL_HOST": "", "PORTAL_TIME_ZONE": ""})
    assert found.host == "127.0.0.1"
    assert found.time_zone == "Asia/Shanghai"
    assert "PORTAL_MODE" in refused(PORTAL_MODE=None)


def test_a_folder_that_cannot_be_written_to_is_named_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"PORTAL_INSTANCE_DIR（.*file/x）不能用"):
        load_settings({"PORTAL_INSTANCE_DIR": str(tmp_path / "file" / "x")})
    with pytest.raises(ConfigurationError, match=r"PORTAL_INSTANCE_DIR（.*file）不能用"):
        prepare_folder("PORTAL_INSTANCE_DIR", tmp_path / "file")
