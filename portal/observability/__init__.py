"""What the operator sees of the running portal: JSON logs, metrics, health and readiness.

Stands on `web` and `core`; knows no feature. Rooms add their own checks with
`portal.observability.health.readiness.register(name, check)`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

# prometheus_client decides at import whether it counts for one process or for many, and opens its
# first file in this folder at once. This package is imported before it, so the folder is made here.
if _folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    Path(_folder).mkdir(parents=True, exist_ok=True)


def init_app(app: Flask, _api: Any = None) -> None:
    """Log, count and answer for the health of `app`."""
    from portal.observability import health, logging, metrics

    logging.configure()
    logging.init_app(app)
    metrics.init_app(app)
    health.init_app(app)
