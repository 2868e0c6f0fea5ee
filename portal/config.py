"""Settings from the environment, read once into one frozen object.

One variable names the mode: `PORTAL_MODE` = development, test or production. Production refuses to start with a missing or
default secret, with the stand-in SMS sender, or with demonstration accounts.
"""

from __future__ import annotations

import base64
import difflib
import enum
import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import current_app
from redis.connection import parse_url
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from portal.core import encryption, failures

ROOT = Path(__file__).resolve().parent.parent


class Mode(enum.StrEnum):
    """What the process is for."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class ConfigurationError(Exception):
    """The environment does not describe a portal that may start. Each problem is one Chinese sentence."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def refusal(error: ConfigurationError) -> str:
    """Return what a process that does not start says last."""
    return "\n".join(["门户没有启动：", *(f"  {problem}" for problem in error.problems)])


@dataclass(frozen=True)
class Settings:
    """Everything that differs between installations. Names of the variables: `docs/operations.md`."""

    mode: Mode
    instance_dir: Path
    content_dir: Path
    # What holds a secret stays out of repr(), which ends up in tracebacks.
    database_url: str = field(repr=False)
    redis_url: str | None = field(repr=False)
    encryption_keys: str = field(repr=False)
    index_key: str = field(repr=False)
    sms_sender: str
    sms_http_url: str | None
    sms_http_token: str | None = field(repr=False)
    demo_accounts: bool
    clamd: str | None
    district_name: str
    time_zone: str
    host: str
    port: int
    workers: int
    threads: int
    graceful_seconds: int
    trusted_proxies: int
    rate_limits: bool
    service_phone: str
    audit_years: int
    notary_days: int

    @property
    def is_production(self) -> bool:
        """True in production mode."""
        return self.mode is Mode.PRODUCTION

    @property
    def index_dir(self) -> Path:
        """Folder of the search index."""
        return self.instance_dir / "search"

    @property
    def files_dir(self) -> Path:
        """Folder of encrypted uploads."""
        return self.instance_dir / "files"


_DEFAULT_KEYS = {base64.b64encode(bytes(32)).decode(), base64.b64encode(b"x" * 32).decode()}


class _Variables(Mapping[str, str]):
    """The environment, and which of its variables were asked for. An empty one is as good as none.

    Except for the mode: nobody is to get the demonstration accounts by a line that was left empty.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {
            name: value for name, value in environ.items() if value or name == "PORTAL_MODE"
        }
        self._asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self._asked.add(name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)

    def unknown(self) -> list[str]:
        """Return a sentence for every variable with our prefix that no setting asked for: a slip would go unseen."""
        ours = sorted(name for name in self._asked if name.startswith("PORTAL_"))
        sentences = []
        for name in sorted(self._environ):
            if name.startswith("PORTAL_") and name not in self._asked:
                near = difflib.get_close_matches(name, ours, n=1, cutoff=0.7)
                hint = (
                    f"是不是要写 {near[0]}？"
                    if near
                    else "请删去，或对照 docs/operations.md 改正。"
                )
                sentences.append(f"没有 {name} 这个设置，{hint}")
        return sentences


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment; raises ConfigurationError that lists every problem at once."""
    env = _Variables(os.environ if environ is None else environ)
    problems: list[str] = []
    mode = _mode(env.get("PORTAL_MODE", "development"), problems)
    instance = Path(env.get("PORTAL_INSTANCE_DIR", ROOT / "instance")).absolute()
    keys, index_key = env.get("PORTAL_ENCRYPTION_KEYS", ""), env.get("PORTAL_INDEX_KEY", "")
    if mode is not Mode.PRODUCTION and not keys and not index_key:
        try:
            keys, index_key = _development_secrets(instance)
        except OSError as error:
            told = _unusable("PORTAL_INSTANCE_DIR", instance, error)
            raise ConfigurationError([*problems, told]) from None
        except (ValueError, KeyError, TypeError):
            problems.append(f"{instance / 'secrets.json'} 已损坏，请从备份恢复。")
            raise ConfigurationError(problems) from None
    _check_keys(keys, index_key, problems)
    settings = Settings(
        mode=mode,
        instance_dir=instance,
        content_dir=Path(env.get("PORTAL_CONTENT_DIR", ROOT / "content")).absolute(),
        database_url=_database_url(env.get("DATABASE_URL", ""), instance, problems),
        redis_url=env.get("REDIS_URL"),
        encryption_keys=keys,
        index_key=index_key,
        sms_sender=env.get("PORTAL_SMS_SENDER", "log"),
        sms_http_url=env.get("PORTAL_SMS_HTTP_URL"),
        sms_http_token=env.get("PORTAL_SMS_HTTP_TOKEN"),
        demo_accounts=_flag(
            env, "PORTAL_DEMO_ACCOUNTS", problems, default=mode is Mode.DEVELOPMENT
        ),
        clamd=env.get("PORTAL_CLAMD"),
        district_name=env.get("PORTAL_DISTRICT_NAME", "大足区"),
        time_zone=env.get("PORTAL_TIME_ZONE", "Asia/Shanghai"),
        host=env.get("PORTAL_HOST", "127.0.0.1"),
        port=_number(env, "PORTAL_PORT", 8000, 1, 65535, problems),
        workers=_number(env, "PORTAL_WORKERS", 4, 1, 64, problems),
        threads=_number(env, "PORTAL_THREADS", 4, 1, 64, problems),
        graceful_seconds=_number(env, "PORTAL_GRACEFUL_SECONDS", 4, 1, 600, problems),
        rate_limits=_flag(env, "PORTAL_RATE_LIMITS", problems, default=True),
        trusted_proxies=_number(env, "PORTAL_TRUSTED_PROXIES", 0, 0, 5, problems),
        service_phone=env.get("PORTAL_SERVICE_PHONE", "12348"),
        # Rules 5.5 (D); the law asks for six months at least.
        audit_years=_number(env, "PORTAL_AUDIT_YEARS", 3, 1, 30, problems),
        # No rule gives a period for appointments, only that it is no longer than needed (rules 5.3): a choice (D).
        notary_days=_number(env, "PORTAL_NOTARY_DAYS", 365, 30, 3650, problems),
    )
    _check(settings, problems)
    problems += env.unknown()
    if problems:
        raise ConfigurationError(problems)
    return settings


def prepare_folder(variable: str, folder: Path) -> None:
    """Make a folder that the portal writes to; raises ConfigurationError, with the setting's name, when it may not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    except OSError as error:
        raise ConfigurationError([_unusable(variable, folder, error)]) from None


def _unusable(variable: str, folder: Path, error: OSError) -> str:
    return f"{variable}（{folder}）不能用：{failures.sentence(error) or error.strerror}"


def settings() -> Settings:
    """Return the settings of the current application."""
    found: Settings = current_app.extensions["portal_settings"]
    return found


def _mode(text: str, problems: list[str]) -> Mode:
    try:
        return Mode(text)
    except ValueError:
        problems.append(f"PORTAL_MODE 的值“{text}”不认识，只能是 development、test 或 production。")
        return Mode.PRODUCTION


def _flag(env: Mapping[str, str], name: str, problems: list[str], *, default: bool) -> bool:
    text = env.get(name, "1" if default else "0")
    if text in ("0", "1"):
        return text == "1"
    problems.append(f"{name} 只能是 0 或 1。")
    return default


def _number(
    env: Mapping[str, str], name: str, default: int, least: int, most: int, problems: list[str]
) -> int:
    text = env.get(name, str(default))
    if text.isascii() and text.isdigit() and least <= int(text) <= most:
        return int(text)
    problems.append(f"{name} 应当是 {least} 到 {most} 之间的整数。")
    return default


def _database_url(url: str, instance: Path, problems: list[str]) -> str:
    if not url:
        return f"sqlite:///{instance / 'portal.db'}"
    if url.startswith(("postgres://", "postgresql://")):
        url = "postgresql+psycopg://" + url.split("://", 1)[1]
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        problems.append("DATABASE_URL 只支持 SQLite（sqlite:///）和 PostgreSQL（postgresql://）。")
        return url
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        problems.append("DATABASE_URL 的写法不对，形如 postgresql://用户:密码@主机:5432/库名。")
    return url


def _check_keys(keys: str, index_key: str, problems: list[str]) -> None:
    if not keys:
        problems.append("缺少 PORTAL_ENCRYPTION_KEYS（个人信息加密密钥，形如 1:BASE64）。")
    if not index_key:
        problems.append("缺少 PORTAL_INDEX_KEY（查找用密钥，BASE64，32 字节）。")
    if keys and index_key:
        try:
            ring = encryption.KeyRing.parse(keys, index_key)
        except ValueError:
            problems.append(
                "密钥格式不对：PORTAL_ENCRYPTION_KEYS 形如 1:BASE64,2:BASE64，每把 32 字节；"
                "PORTAL_INDEX_KEY 为 BASE64，32 字节。"
            )
            return
        every = [*ring.keys.values(), ring.index_key]
        if any(len(set(key)) < 8 for key in every) or any(
            base64.b64encode(key).decode() in _DEFAULT_KEYS for key in every
        ):
            problems.append(
                "密钥是示例或默认值，请用 flask --app wsgi encryption new-key 生成新的。"
            )
        if len(set(every)) != len(every):
            problems.append("PORTAL_INDEX_KEY 和各把加密密钥必须互不相同。")


def _check(settings: Settings, problems: list[str]) -> None:
    try:
        ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems.append(f"PORTAL_TIME_ZONE 的值“{settings.time_zone}”不是有效的时区名。")
    if not settings.content_dir.is_dir():
        problems.append(f"PORTAL_CONTENT_DIR 指向的文件夹 {settings.content_dir} 不存在。")
    _check_services(settings, problems)
    if settings.is_production:
        _check_production(settings, problems)


def _check_services(settings: Settings, problems: list[str]) -> None:
    if settings.redis_url is not None:
        try:
            parse_url(settings.redis_url)
        except ValueError:
            problems.append("REDIS_URL 的写法不对，形如 redis://主机:6379/0。")
    if settings.clamd is not None and not re.fullmatch(r".+:[0-9]{1,5}", settings.clamd):
        problems.append("PORTAL_CLAMD 的写法不对，形如 127.0.0.1:3310。")
    if settings.sms_sender not in ("log", "http"):
        problems.append("PORTAL_SMS_SENDER 只能是 log 或 http。")
    if settings.sms_sender == "http" and not settings.sms_http_url:
        problems.append("PORTAL_SMS_SENDER=http 时必须设置 PORTAL_SMS_HTTP_URL。")


def _check_production(settings: Settings, problems: list[str]) -> None:
    if settings.sms_sender == "log":
        problems.append("生产模式不能使用把验证码写进日志的短信替身（PORTAL_SMS_SENDER=log）。")
    if settings.sms_sender == "http" and not settings.sms_http_token:
        problems.append("生产模式使用短信网关必须设置 PORTAL_SMS_HTTP_TOKEN。")
    if not settings.rate_limits:
        problems.append("生产模式不能关闭访问频率限制（PORTAL_RATE_LIMITS=0）。")
    if settings.demo_accounts:
        problems.append("生产模式不能带演示账号（PORTAL_DEMO_ACCOUNTS=1）。")


def _development_secrets(instance: Path) -> tuple[str, str]:
    """Make the keys of a development or test installation once and keep them beside its database."""
    path = instance / "secrets.json"
    if not path.exists():
        instance.mkdir(parents=True, exist_ok=True)
        fresh = {
            "encryption_keys": f"1:{encryption.generate_key()}",
            "index_key": encryption.generate_key(),
        }
        # Written beside and linked into place, so that of two processes starting together one wins and both agree.
        draft = path.with_name(f"secrets.{os.getpid()}.tmp")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(fresh, file)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    stored = json.loads(path.read_text())
    return stored["encryption_keys"], stored["index_key"]
