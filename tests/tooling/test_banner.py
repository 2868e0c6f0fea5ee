"""The last words of `make run`."""

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from flask import Flask

from portal import banner
from portal.accounts.seeds import DEMO_PASSWORD, DEMO_TOTP_SECRET, demo_user_name
from portal.config import Mode

Answer = tuple[int, dict[str, Any] | bytes]


@pytest.fixture
def server() -> Iterator[Callable[[list[Answer]], int]]:
    """Starts a stand-in for the portal that gives these answers in turn, the last one for ever."""
    started: list[HTTPServer] = []

    def start(answers: list[Answer]) -> int:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answers.pop(0) if len(answers) > 1 else answers[0]
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None:
                pass

        found = HTTPServer(("127.0.0.1", 0), Handler)
        started.append(found)
        threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05}).start()
        return found.server_port

    yield start
    for found in started:
        found.shutdown()
        found.server_close()


NOT_READY = {
    "checks": {
        "worker": {"ok": False, "required": True, "detail": "后台任务进程没有运行。"},
        "virus_scan": {"ok": False, "required": False, "detail": "没有启用。"},
    }
}


def test_waits_until_the_portal_is_ready(server: Callable[[list[Answer]], int]) -> None:
    port = server([(503, NOT_READY), (503, NOT_READY), (200, {})])
    assert banner.wait_until_ready("127.0.0.1", port, 10) is None


def test_says_what_is_missing_when_time_is_up(server: Callable[[list[Answer]], int]) -> None:
    port = server([(503, NOT_READY)])
    assert banner.wait_until_ready("127.0.0.1", port, 0) == "后台任务进程没有运行。"


def test_a_server_that_is_not_there_or_is_another(server: Callable[[list[Answer]], int]) -> None:
    port = server([(404, b"<html>something else</html>")])
    assert banner.wait_until_ready("127.0.0.1", port, 0) == "服务应答异常（404）。"
    assert banner.wait_until_ready("127.0.0.1", 1, 0) == "服务还没有应答。"


def test_stops_waiting_when_nobody_is_left_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    parents = iter([10, 10, 1])
    monkeypatch.setattr(banner.os, "getppid", lambda: next(parents))
    assert banner.wait_until_ready("127.0.0.1", 1, 600) == "服务还没有应答。"


@pytest.fixture
def told(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Returns the banner's text for settings that differ in what is given."""

    def tell(**changes: Any) -> str:
        settings = dataclasses.replace(app.extensions["portal_settings"], **changes)
        monkeypatch.setitem(app.extensions, "portal_settings", settings)
        with app.app_context():
            return banner.describe(app)

    return tell


def test_tells_where_to_look(told: Callable[..., str]) -> None:
    text = told(host="0.0.0.0", port=8123)  # noqa: S104 - shown, not bound
    assert "http://127.0.0.1:8123/readyz" in text
    assert "http://127.0.0.1:8123/api/v1/openapi.json" in text
    assert "curl -G 'http://127.0.0.1:8123/api/v1/search' --data-urlencode 'q=" in text
    assert "Ctrl-C" in text


def test_demonstration_accounts_show_in_development_only(told: Callable[..., str]) -> None:
    shown = told(mode=Mode.DEVELOPMENT, demo_accounts=True)
    assert f"{demo_user_name('moderator')}  {DEMO_PASSWORD}  {DEMO_TOTP_SECRET}" in shown
    for mode, demo in ((Mode.PRODUCTION, True), (Mode.TEST, True), (Mode.DEVELOPMENT, False)):
        assert DEMO_PASSWORD not in told(mode=mode, demo_accounts=demo)


def test_the_command(
    app: Flask, monkeypatch: pytest.MonkeyPatch, server: Callable[[list[Answer]], int]
) -> None:
    port = server([(200, {})])
    settings = dataclasses.replace(app.extensions["portal_settings"], port=port)
    monkeypatch.setitem(app.extensions, "portal_settings", settings)
    done = app.test_cli_runner().invoke(banner.banner)
    assert done.exit_code == 0, done.output
    assert "已经就绪" in done.output
    settings = dataclasses.replace(settings, port=1)
    monkeypatch.setitem(app.extensions, "portal_settings", settings)
    done = app.test_cli_runner().invoke(banner.banner)
    assert done.exit_code == 1
    assert "还没有就绪" in done.output
