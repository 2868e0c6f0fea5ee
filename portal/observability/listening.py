"""Whether the web may listen where the settings say; gunicorn itself would try for five seconds and then end in English."""

from __future__ import annotations

import errno
import socket

_REASONS = {
    errno.EADDRINUSE: (
        "{host}:{port} 已被占用，也许门户已经在运行。请停止占用它的程序，或把 PORTAL_PORT 改成别的端口。"
    ),
    errno.EACCES: "没有权限监听端口 {port}。请把 PORTAL_PORT 设为 1024 以上，由反向代理对外。",
    errno.EADDRNOTAVAIL: "PORTAL_HOST 的值“{host}”不是本机的地址。",
}


def obstacle(host: str, port: int) -> str | None:
    """Return what is to be done before anything can listen on `port` of `host`; None when it is free."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            # As gunicorn does: what still lingers of connections that have ended is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except socket.gaierror:
        return _REASONS[errno.EADDRNOTAVAIL].format(host=host)
    except OSError as error:
        told = _REASONS.get(error.errno or 0, "不能监听 {host}:{port}（{reason}）。")
        return told.format(host=host, port=port, reason=error.strerror)
    return None
