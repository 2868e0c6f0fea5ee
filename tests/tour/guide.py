"""What every part of the tour needs: requests with their answers in print, and people who are signed in."""

from __future__ import annotations

import http.client
import json
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp

from portal.accounts.seeds import DEMO_PASSWORD, DEMO_TOTP_SECRET, demo_user_name
from portal.config import Settings

PREFIX = "/api/v1"
# Codes and messages are jobs: the background worker brings them within a moment.
WAITS = 100


class TourFailed(Exception):
    """A step did not answer as documented."""


@dataclass
class Answer:
    """What the server said: `body` is the decoded JSON, or the text of anything else."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def etag(self) -> str:
        """The version for the next `If-Match`."""
        return self.headers["etag"]


@dataclass
class Person:
    """Somebody with a token."""

    name: str
    token: str


@dataclass
class Tour:
    """The server, and the number of the step."""

    settings: Settings
    step: int = 0
    started: float = field(default_factory=time.monotonic)

    def title(self, text: str) -> None:
        """Begin a step."""
        self.step += 1
        print(f"\n【{self.step:02d}】{text}")

    def tell(self, text: str) -> None:
        """Say what came of it."""
        print(f"    {text}")

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: Person | None = None,
        match: str | None = None,
        key: str | None = None,
        expect: int | tuple[int, ...] = 200,
        raw: tuple[bytes, str] | None = None,
        quiet: bool = False,
    ) -> Answer:
        """Send one request and print it with its answer; raises TourFailed for another status than `expect`."""
        headers = {"Accept": "*/*"}
        if who:
            headers["Authorization"] = f"Bearer {who.token}"
        if match:
            headers["If-Match"] = match
        if key:
            headers["Idempotency-Key"] = key
        payload = None
        if raw:
            payload, headers["Content-Type"] = raw
        elif body is not None:
            payload, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        status, content, received = self.send(method, path, payload, headers)
        is_json = "json" in received.get("content-type", "")
        decoded = json.loads(content) if content and is_json else content.decode()
        answer = Answer(status, decoded, received)
        if not quiet:
            name = f"{who.name} " if who else ""
            print(f"    {name}{method} {path.split('?')[0]} → {answer.status}")
        wanted = expect if isinstance(expect, tuple) else (expect,)
        if answer.status not in wanted:
            raise TourFailed(f"{method} {path} 应答 {answer.status}：{decoded}")
        return answer

    def send(
        self, method: str, path: str, payload: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        """Send one request; returns status, content, and headers by lower-case name."""
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.port, timeout=30)
        try:
            connection.request(method, PREFIX + path, payload, headers)
            response = connection.getresponse()
            content = response.read()
        except OSError as error:
            raise TourFailed(
                f"连不上 127.0.0.1:{self.settings.port}（{type(error).__name__}）。请先在另一个窗口运行 make run。"
            ) from error
        finally:
            connection.close()
        received = {name.lower(): value for name, value in response.getheaders()}
        return response.status, content, received

    def pause(self) -> None:
        """Give the background worker a moment."""
        time.sleep(0.1)

    def resident(self, label: str = "居民") -> Person:
        """Sign in a made-up resident by phone and code."""
        phone = f"139{random.randrange(10**8):08d}"
        self.call("POST", "/auth/sms-codes", {"phone": phone}, expect=202)
        code = self._code_for(phone)
        self.tell("短信替身收到验证码（只在开发模式下可见）")
        notice = self.call("GET", "/privacy-notice").body["version"]
        body = {"phone": phone, "code": code, "accepted_notice": notice}
        return Person(label, self.call("POST", "/auth/tokens", body, expect=201).body["token"])

    def _code_for(self, phone: str) -> str:
        """Read the code from the stand-in's file."""
        file: Path = self.settings.instance_dir / "sms-stand-in.jsonl"
        began = time.monotonic()
        for _ in range(WAITS):
            if file.exists():
                for line in reversed(file.read_text("utf-8").splitlines()):
                    row = json.loads(line)
                    if row["phone"] == phone:
                        words = row["text"].replace("，", " ").split()
                        return next(word for word in words if word.isdigit())
            self.pause()
        raise TourFailed(f"{time.monotonic() - began:.0f} 秒内没有收到验证码：后台任务没有运行？")

    def staff(self, role: str, label: str) -> Person:
        """Sign in a demonstration account; a one-time password that was just used is waited out."""
        for attempt in range(2):
            body = {
                "user_name": demo_user_name(role),
                "password": DEMO_PASSWORD,
                "totp_code": pyotp.TOTP(DEMO_TOTP_SECRET).now(),
            }
            answer = self.call("POST", "/staff/auth/tokens", body, expect=(200, 201, 422))
            if answer.status != 422:
                return Person(label, answer.body["token"]["token"])
            if attempt == 0:
                self.tell("动态口令刚刚用过，等下一个……")
                time.sleep(30 - time.time() % 30 + 0.5)
        raise TourFailed("演示账号登录失败：请确认服务以开发模式运行。")

    def told(self, who: Person, title: str) -> str:
        """Return the text of the newest message with this title, once it has come."""
        for _ in range(WAITS):
            answer = self.call("GET", "/me/notifications", who=who, quiet=True)
            for message in answer.body["items"]:
                if message["title"] == title:
                    return str(message["body"])
            self.pause()
        raise TourFailed(f"没有收到通知“{title}”：后台任务没有运行？")
