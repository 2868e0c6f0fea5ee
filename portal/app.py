"""`create_app`: wiring only."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pysqlite3.dbapi2
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.config import ConfigurationError, Settings, load_settings, prepare_folder
from portal.core import clock, encryption
from portal.core.content_files import BrokenFile
from portal.core.db import configure_engine
from portal.core.jobs import wake
from portal.extensions import db, migrate
from portal.web import json, paths, problems, rate_limits, request_context
from portal.web.blueprint import create_api, require_declared_audiences

# From the lowest room up; each offers `init_app(app, api)`.
ROOMS = (
    "observability",
    "audit",
    "accounts",
    "working_days",
    "attachments",
    "notifications",
    "supervision",
    "knowledge",
    "consultations",
    "notary",
    "staff_console",
)

API_PREFIX = "/api/v1"
MAX_BODY = 12 * 1024 * 1024


def create_app(settings: Settings | None = None, rooms: Sequence[str] = ROOMS) -> Flask:
    """Build the application with `rooms`; raises ConfigurationError when the environment or a file of settings
    does not allow a start.
    """
    settings = settings or load_settings()
    app = Flask(
        "portal", instance_path=str(settings.instance_dir), static_folder=None, template_folder=None
    )
    prepare_folder("PORTAL_INSTANCE_DIR", settings.instance_dir)
    app.extensions["portal_settings"] = settings
    app.config.update(
        TESTING=settings.mode.value == "test",
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(settings),
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        MAX_FORM_PARTS=50,
        PROPAGATE_EXCEPTIONS=False,
        RATE_LIMITS=settings.rate_limits,
    )
    app.json = json.Provider(app)
    paths.init_app(app)
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=settings.trusted_proxies
        )
    clock.configure_zone(settings.time_zone)
    encryption.configure(encryption.KeyRing.parse(settings.encryption_keys, settings.index_key))
    wake.configure(settings.redis_url)
    db.init_app(app)
    with app.app_context():
        configure_engine(db.engine)
    migrate.init_app(app, db, directory=str(Path(__file__).parent / "migrations"))
    request_context.init_app(app)
    problems.init_app(app)
    rate_limits.init_app(
        app,
        redis_url=settings.redis_url,
        database_url=settings.database_url,
        folder=settings.instance_dir,
    )
    api = create_api(app, title=f"法治{settings.district_name} 接口", version="1.0.0")
    from portal import banner, cli, setup
    from portal.supervision import rules
    from portal.web import documentation

    try:
        for room in rooms:
            if find_spec(f"portal.{room}") is not None:
                module = importlib.import_module(f"portal.{room}")
                if hasattr(module, "init_app"):
                    module.init_app(app, api)
        rules.require_known()
    except BrokenFile as error:
        raise ConfigurationError(error.sentences) from error
    documentation.init_app(app, api)
    cli.init_app(app)
    setup.init_app(app)
    banner.init_app(app)
    cli.speak_plainly(app.cli)
    require_declared_audiences(app)
    return app


def _engine_options(settings: Settings) -> dict[str, object]:
    # Parameters never appear in an error's text: they would print the ID number that broke a constraint.
    options: dict[str, object] = {"hide_parameters": True}
    if settings.database_url.startswith("sqlite"):
        options["module"] = pysqlite3.dbapi2
    return options
