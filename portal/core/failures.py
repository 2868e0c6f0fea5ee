"""What keeps the portal from working, as one Chinese sentence for the person who runs it.

For commands, `/readyz` and the worker's log: what is wrong and what to do. Residents read the web's problem details instead.
The driver's own words are never repeated: they hold addresses and user names, and may hold a row.
"""

from __future__ import annotations

import errno
import time

import psycopg
import pysqlite3.dbapi2 as sqlite
import redis.exceptions
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from portal.core.content_files import BrokenFile
from portal.core.encryption import DecryptionFailed

SCHEMA_DIFFERS = "数据库结构与程序版本不一致，请运行 flask --app wsgi setup。"

READS_ONLY = "连接的数据库目前只读（例如备用库），请让 DATABASE_URL 指向主库。"
NO_RIGHTS = (
    "数据库用户的权限不够，请让 DATABASE_URL 里的用户拥有这个库和库里所有的表（ALTER … OWNER TO）。"
)

# The first whose words are in the driver's message. The connection's failures carry no code, only words.
_DATABASE = (
    (
        ("database or disk is full", "No space left", "DiskFull", "disk I/O error"),
        "数据库所在的磁盘已满或读写出错，请清理或扩容，然后重试。",
    ),
    (
        ("database is locked", "lock timeout", "LockNotAvailable"),
        "数据库正被别的程序占用，请等它结束（例如另一个命令或备份），然后重试。",
    ),
    (
        ("readonly database",),
        "数据库只能读、不能写，请检查运行门户的账户对数据库文件和所在文件夹的写权限。",
    ),
    (
        ("unable to open database file",),
        "打不开数据库文件，请检查 DATABASE_URL 或 PORTAL_INSTANCE_DIR 里的文件夹是否存在、有没有权限。",
    ),
    (
        ("file is not a database", "disk image is malformed"),
        "数据库文件已损坏或不是数据库，请保存现场，停止门户，按 docs/operations.md 从备份恢复。",
    ),
    (
        ("no such table", "no such column", "has no column", "UndefinedTable", "UndefinedColumn"),
        SCHEMA_DIFFERS,
    ),
    (
        ("failed to resolve host", "could not translate host name", "Name or service not known"),
        "找不到数据库主机，请核对 DATABASE_URL 里的主机名。",
    ),
    (
        ("authentication failed", "no password supplied", "FATAL:  role", "no pg_hba.conf entry"),
        "数据库不让登录，请核对 DATABASE_URL 里的用户名和密码，以及数据库允许哪些主机连接。",
    ),
    (
        ("not currently accepting connections",),
        "数据库目前不接受连接（例如正在维护或恢复），请等它结束，或让它重新接受连接。",
    ),
    (
        ("FATAL:  database",),
        "数据库服务在运行，但没有 DATABASE_URL 里写的这个库，请先建立它，或改正库名。",
    ),
    (
        (
            "too many clients",
            "too many connections",
            "remaining connection slots",
            "TooManyConnections",
        ),
        "数据库的连接数已满，请调大它的 max_connections（或者给该用户、该库设的 CONNECTION LIMIT），"
        "或减少 PORTAL_WORKERS、PORTAL_THREADS。",
    ),
    (
        ("ReadOnlySqlTransaction",),
        READS_ONLY,
    ),
    (
        ("InsufficientPrivilege",),
        NO_RIGHTS,
    ),
    (
        ("QueryCanceled",),
        "数据库中止了超过时限的操作，请调大给该用户、该库设的 statement_timeout，或看数据库是否过于繁忙。",
    ),
    (
        ("IdleInTransactionSessionTimeout",),
        "数据库中途断开了连接，请调大给该用户、该库设的 idle_in_transaction_session_timeout（至少一分钟）。",
    ),
)
_UNANSWERED = "数据库没有应答，请检查数据库服务是否在运行、DATABASE_URL 里的主机和端口，然后重试。"
_REFUSED = "数据库拒绝了操作（{kind}）。如果这个库不是由本门户建立的，请换一个空的库。"

_NO_REDIS = "答复得不像 Redis，请核对 REDIS_URL 里的主机和端口"
# The first class, and words, of what Redis answered; some of its refusals have no class.
_REDIS: tuple[tuple[type[Exception], str, str], ...] = (
    (redis.exceptions.OutOfMemoryError, "", "内存已满，请调大它的 maxmemory 或腾出空间"),
    (redis.exceptions.ReadOnlyError, "", "是只读的副本，请让 REDIS_URL 指向主节点"),
    (redis.exceptions.BusyLoadingError, "", "正在装入数据，请等它装完"),
    (
        redis.exceptions.NoPermissionError,
        "",
        "不许这个用户执行所需的命令，请在它的 ACL 里加上 allkeys allcommands，或换一个用户",
    ),
    (redis.exceptions.AuthenticationError, "", "不让登录，请核对 REDIS_URL 里的用户名和密码"),
    (redis.exceptions.ResponseError, "MISCONF", "写不了它的磁盘，请清理磁盘或者查看 Redis 的日志"),
    (redis.exceptions.ResponseError, "DB index", "没有 REDIS_URL 末尾写的库号，请改成 0"),
    (redis.exceptions.InvalidResponse, "", _NO_REDIS),
    (redis.exceptions.ResponseError, "", "拒绝了操作，请核对 REDIS_URL 和 Redis 的设置"),
)
_REDIS_UNANSWERED = (
    "没有应答，或者那里的服务不是 Redis，请检查它是否在运行、REDIS_URL 里的主机和端口"
)

_FILES = {
    errno.ENOENT: "文件或文件夹不存在，请核对路径",
    errno.EACCES: "没有权限，请检查运行门户的账户对它的权限",
    errno.EPERM: "没有权限，请检查运行门户的账户对它的权限",
    errno.EROFS: "所在的磁盘只能读，请换一个可以写的位置",
    errno.ENOSPC: "磁盘已满，请清理或扩容",
    errno.EDQUOT: "磁盘配额已用完，请清理或扩容",
    errno.ENOTDIR: "路径中间有一段不是文件夹，请核对路径",
    errno.EISDIR: "应当是文件，却是文件夹，请核对路径",
}


def sentence(error: BaseException) -> str | None:
    """Return what is wrong and what to do; None for what is a mistake of ours and belongs in the log as it is."""
    if isinstance(error, DBAPIError):
        away = isinstance(error, OperationalError) or error.connection_invalidated
        return _of_database(error.orig, away=away)
    if isinstance(error, (psycopg.Error, sqlite.Error)):
        away = isinstance(error, (psycopg.OperationalError, sqlite.OperationalError))
        return _of_database(error, away=away)
    if isinstance(error, redis.exceptions.RedisError):
        return of_redis(error)
    if isinstance(error, PoolTimeout):
        return "数据库的连接都在使用中，请稍后重试。"
    if isinstance(error, BrokenFile):
        return str(error)
    if isinstance(error, DecryptionFailed):
        return (
            "有内容解不开：PORTAL_ENCRYPTION_KEYS 里没有当时加密用的密钥，或内容已损坏。"
            "请把旧密钥加回去再试。"
        )
    if isinstance(error, OSError) and (error.errno in _FILES or error.filename):
        reason = _FILES.get(error.errno or 0, error.strerror)
        return f"不能读写 {error.filename or '文件'}：{reason}。"
    return None


def of_its_state(error: DBAPIError) -> bool:
    """True for what is mended at the database (away, read only, closed to its user); False for a mistake of ours."""
    return (
        isinstance(error, OperationalError)
        or error.connection_invalidated
        or type(error.orig).__name__ in ("ReadOnlySqlTransaction", "InsufficientPrivilege")
    )


class Telling:
    """What was told lately, so that the same sentence stands in a process's log once a minute and not at every failure."""

    AGAIN_AFTER = 60.0

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def is_due(self, told: str) -> bool:
        """True when `told` is to be written now."""
        now = time.monotonic()
        if now - self._told.get(told, -self.AGAIN_AFTER) < self.AGAIN_AFTER:
            return False
        self._told[told] = now
        return True


def _of_database(error: BaseException | None, *, away: bool) -> str:
    kind = type(error).__name__
    words = f"{kind}: {error}"
    for needles, told in _DATABASE:
        if any(needle in words for needle in needles):
            return told
    return _UNANSWERED if away else _REFUSED.format(kind=kind)


def of_redis(error: BaseException) -> str:
    """Return what is to be done where Redis was asked and `error` came of it; what is no Redis may cause any."""
    for kind, words, told in _REDIS:
        if isinstance(error, kind) and words in str(error):
            return f"REDIS_URL 指向的 Redis {told}。"
    known = isinstance(error, redis.exceptions.RedisError)
    return f"REDIS_URL 指向的 Redis {_REDIS_UNANSWERED if known else _NO_REDIS}。"
