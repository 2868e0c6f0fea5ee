"""How gunicorn serves the portal. Everything that differs between installations comes from the
environment.
"""

import os
import sys

from portal.config import ConfigurationError, load_settings, prepare_folder, refusal
from portal.observability import share_figures

try:
    _settings = load_settings()
    prepare_folder("PORTAL_INSTANCE_DIR", _settings.instance_dir)
    _metrics = share_figures(_settings)
except ConfigurationError as error:
    sys.exit(refusal(error))

wsgi_app = "wsgi:app"
proc_name = "portal"
bind = f"{_settings.host}:{_settings.port}"

# Threads are there for whoever sends or receives slowly; of one process's requests one at a time
# computes (docs/decisions/one-request-computes.md). The class is gunicorn's `gthread`, which answers in
# the house's form also what it cannot read.
worker_class = "portal.observability.gunicorn_worker.Worker"
workers = _settings.workers
threads = _settings.threads

# The application and the segmenter's dictionary are loaded once and shared by all workers after the
# fork: four workers start in the time of one, and each holds some dozen MiB of its own. The
# price: a new version needs a restart, a SIGHUP does not load it.
preload_app = True

# A worker silent for a minute is replaced. On SIGTERM requests get four seconds to end, because the
# process manager of `make run` kills after five; a service manager may give more.
timeout = 60
graceful_timeout = _settings.graceful_seconds
keepalive = 5
# Replaced now and then, at different times, so that a slow leak in a library never adds up.
max_requests = 20_000
max_requests_jitter = 2_000

# Longer request lines and headers than any client of ours sends are refused before Python sees
# them. The longest is a search: 400 Chinese characters are 3,600 bytes (4,800 beyond the basic plane),
# all filters ten times over 1,500. gunicorn has no limit between this one and none at all.
limit_request_line = 8190
limit_request_fields = 60

# The application writes the request line itself: gunicorn's would contain the query string.
accesslog = None
logger_class = "portal.observability.gunicorn_logger.GunicornLogger"
# No socket in the home folder through which the server can be controlled.
control_socket_disable = True


def _wipe_metrics():
    """Remove the files of processes that are gone, so that yesterday's workers are not added to
    today's figures.

    Files of living processes stay, because the background worker shares the folder and may have
    been started first.
    """
    for file in _metrics.glob("*.db"):
        pid = file.stem.rsplit("_", 1)[-1]
        try:
            os.kill(int(pid), 0)
        except (ValueError, ProcessLookupError):
            file.unlink(missing_ok=True)
        except PermissionError:
            continue


_wipe_metrics()


def on_starting(server):
    """Load the segmenter's dictionary and the search index before the fork, and put both out of the
    garbage collector's sight: what it never looks through stays shared by all workers.
    """
    import gc

    from sqlalchemy.exc import DBAPIError

    from portal import starting
    from portal.accounts import keys
    from portal.core import failures, running, schema_version
    from portal.knowledge import index, search_content
    from portal.observability import listening
    from wsgi import app

    refused = listening.obstacle(_settings.host, _settings.port)

    server.log.info("loading the segmenter and the search index")
    with app.app_context():
        try:
            # Held by all workers as well, which inherit it.
            server.portal_lock = running.hold(running.Part.WEB)
            starting.require_fitting()
        except DBAPIError:
            # Without its database the web starts, and is there once that is back.
            pass
        except (schema_version.SchemaDiffers, keys.KeysDiffer, OSError) as error:
            refused = refused or failures.sentence(error) or str(error)
        if refused is not None:
            sys.exit(refusal(ConfigurationError([refused])))
        index.preload()
        search_content.current()
    gc.collect()
    gc.freeze()


def post_fork(_server, _worker):
    """Give each worker connections of its own: two processes on one connection corrupt each other's
    answers.
    """
    from portal.core.db import db
    from wsgi import app

    with app.app_context():
        db.engine.dispose(close=False)


def child_exit(_server, worker):
    """Take a dead worker's live gauges (open connections) out of the sums."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)
