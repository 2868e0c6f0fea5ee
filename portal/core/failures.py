"""What keeps the portal from working, as one Chinese sentence for the person who runs it.

For commands, `/readyz` and the worker's log: what is wrong and what to do. Residents read the web's problem details instead.
The driver's own words are never repeated: they hold addresses and user names, and may hold a row.
"""

from __future__ import annotations

import errno

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from portal.core.content_files import BrokenFile
from portal.core.encryption import DecryptionFailed

SCHEMA_DIFFERS = "数据库结构与程序版本不一致，请运行 flask --app wsgi setup。"

# The first whose words are in the driver's message. The connection's failures carry no code, only words.
_DATABASE = (
    (
        ("database or disk is full", "No space left", "DiskFull", "disk I/O error"),
        "数据库所在的磁盘已满或读写出错，请清理或扩容，然后重试。",
    ),
    (
        ("database is locked", "lock timeout"),
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
        ("too many clients", "remaining connection slots", "TooManyConnections"),
        "数据库的连接数已满，请调大它的 max_connections，或减少 PORTAL_WORKERS、PORTAL_THREADS。",
    ),
    (
        ("ReadOnlySqlTransaction",),
        "连接的数据库目前只读（例如备用库），请让 DATABASE_URL 指向主库。",
    ),
    (
        ("InsufficientPrivilege",),
        "数据库用户的权限不够，请让它拥有这个库。",
    ),
)
_UNANSWERED = "数据库没有应答，请检查数据库服务是否在运行、DATABASE_URL 里的主机和端口，然后重试。"
_REFUSED = "数据库拒绝了操作（{kind}）。如果这个库不是由本门户建立的，请换一个空的库。"

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
        return _of_database(error)
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


def _of_database(error: DBAPIError) -> str:
    kind = type(error.orig).__name__
    words = f"{kind}: {error.orig}"
    for needles, told in _DATABASE:
        if any(needle in words for needle in needles):
            return told
    away = isinstance(error, OperationalError) or error.connection_invalidated
    return _UNANSWERED if away else _REFUSED.format(kind=kind)
