"""Makes gunicorn speak through our JSON formatter; see `gunicorn.conf.py`."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger

from portal.observability import logging as portal_logging


class GunicornLogger(Logger):
    """gunicorn's logger with our handler; its access log stays off, since the application writes
    the request line.
    """

    def setup(self, cfg: Any) -> None:
        """Configure the process's logging instead of gunicorn's own handlers."""
        self.loglevel = self.LOG_LEVELS.get(cfg.loglevel.lower(), portal_logging.logging.INFO)
        portal_logging.configure(self.loglevel)
        self.error_log.setLevel(self.loglevel)
        self.access_log.setLevel(portal_logging.logging.CRITICAL)

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Write nothing."""

    def reopen_files(self) -> None:
        """Nothing to reopen: the log goes to standard error."""
