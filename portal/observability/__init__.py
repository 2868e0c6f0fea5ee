"""What the operator sees of the running portal: JSON logs, metrics, health and readiness.

Stands on `web` and `core`; knows no feature. Rooms add their own checks with
`portal.observability.health.readiness.register(name, check)`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portal.config import Settings, prepare_folder

if TYPE_CHECKING:
    from flask import Flask


def share_figures(settings: Settings) -> Path:
    """Have this process count together with the others of its instance; returns the folder of the figures.

    For the web and the background worker, before either makes the application: prometheus_client decides at import whether
    it counts for one process or for many. A setting of the environment wins. Raises ConfigurationError when the folder
    cannot be written to.
    """
    named = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    folder = Path(named or settings.instance_dir / "metrics").absolute()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    prepare_folder("PROMETHEUS_MULTIPROC_DIR", folder)
    return folder


def init_app(app: Flask, _api: Any = None) -> None:
    """Log, count and answer for the health of `app`."""
    from portal.observability import logging

    # Before the figures are opened, which may have something to say.
    logging.configure()
    from portal.observability import health, metrics

    logging.init_app(app)
    metrics.init_app(app)
    health.init_app(app)
