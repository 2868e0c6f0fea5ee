"""What the operator sees of the running portal: JSON logs, Prometheus metrics, health and
readiness.

Stands beside `web` and above `core`; knows no feature. Rooms add their own checks with
`portal.observability.health.readiness.register(name, check)`.
"""

import os
from pathlib import Path

# prometheus_client decides at import whether it counts for one process or for many, and opens its
# first file in this folder at once. This package is imported before it, so the folder is made here.
if _folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    Path(_folder).mkdir(parents=True, exist_ok=True)
