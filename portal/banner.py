"""The last thing `make run` prints: where to look, once the portal answers."""

from __future__ import annotations

import http.client
import json
import os
import time
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from portal.accounts.seeds import demo_credentials
from portal.config import Mode, settings

# What a newcomer may try first: words nobody finds in a statute.
EXAMPLE_QUERY = "公司拖欠工资怎么办"
_RULE = "─" * 72


def init_app(app: Flask) -> None:
    """Add `flask banner`."""
    app.cli.add_command(banner)


@click.command("banner")
@click.option("--wait", "seconds", type=int, default=0, help="Seconds to wait for /readyz.")
@with_appcontext
def banner(seconds: int) -> None:
    """Print where to look, as soon as /readyz says that the portal is ready."""
    problem = wait_until_ready(local_host(), settings().port, seconds)
    click.echo(describe(current_app, problem))
    if problem is not None:
        raise SystemExit(1)


def local_host() -> str:
    """Return the address under which this host reaches the server."""
    host = settings().host
    return "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104 - compared, not bound


def wait_until_ready(host: str, port: int, seconds: int) -> str | None:
    """Ask `/readyz` until it answers 200; returns None, or a Chinese sentence on what is missing.

    Ends early when the parent process is gone: nobody is left to read the banner.
    """
    parent = os.getppid()
    deadline = time.monotonic() + seconds
    while True:
        problem = _ask(host, port)
        if problem is None or time.monotonic() >= deadline or os.getppid() != parent:
            return problem
        time.sleep(0.3)


def _ask(host: str, port: int) -> str | None:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return "服务还没有应答。"
    finally:
        connection.close()
    if answer.status == 200:
        return None
    try:
        checks: dict[str, dict[str, Any]] = json.loads(body)["checks"]
        missing = [
            item["detail"] for item in checks.values() if not item["ok"] and item["required"]
        ]
        # One cause, such as a database that is away, fails several checks.
        return "".join(dict.fromkeys(missing))
    except (ValueError, KeyError, TypeError):
        return f"服务应答异常（{answer.status}）。"


def describe(app: Flask, problem: str | None = None) -> str:
    """Return the banner's text in Chinese; `problem` says why the portal is not ready."""
    config = settings()
    base = f"http://{local_host()}:{config.port}"
    state = "已经就绪" if problem is None else f"还没有就绪：{problem}"
    lines = [_RULE, f"  {config.district_name}法治服务平台{state}（{config.mode} 模式）", ""]
    for label, path in (
        ("接口说明", _find(app, "/docs")),
        ("接口文件", _find(app, "/openapi.json")),
        ("运行状态", "/readyz"),
    ):
        if path is not None:
            lines.append(f"  {label}    {base}{path}")
    search = _find(app, "/search")
    if search is not None:
        lines += [
            "",
            "  试一次检索：",
            f"    curl -G '{base}{search}' --data-urlencode 'q={EXAMPLE_QUERY}'",
        ]
    lines += _demo_lines(config.mode)
    lines += ["", "  停止：按 Ctrl-C。配置、备份和日志见 docs/operations.md。", _RULE]
    return "\n".join(lines)


def _find(app: Flask, ending: str) -> str | None:
    paths = sorted(
        (rule.rule for rule in app.url_map.iter_rules() if rule.rule.rstrip("/").endswith(ending)),
        key=len,
    )
    return paths[0] if paths else None


def _demo_lines(mode: Mode) -> list[str]:
    accounts = demo_credentials() if mode is Mode.DEVELOPMENT else []
    if not accounts:
        return []
    lines = ["", "  演示账号（只在开发模式存在；角色、用户名、密码、动态口令密钥）："]
    for account in accounts:
        secrets = f"{account.password}  {account.totp_secret or ''}".rstrip()
        lines.append(f"    {account.role}  {account.user_name}  {secrets}")
    return [*lines, "    把密钥输入任何一种动态口令应用即可得到六位口令。"]
