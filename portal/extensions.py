"""Unbound extensions, bound by `create_app`."""

from flask_migrate import Migrate

from portal.core.db import db

migrate = Migrate()

__all__ = ["db", "migrate"]
