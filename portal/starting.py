"""What must fit before the web or the background worker starts: tables and keys are those of the database."""

from __future__ import annotations

from portal.accounts import keys
from portal.core import schema_version
from portal.core.db import db


def require_fitting() -> None:
    """Refuse to start where they do not fit; raises SchemaDiffers, KeysDiffer or the database's own error.

    Keeps no connection: who is refused ends, and the web forks.
    """
    try:
        schema_version.require()
        keys.require()
    finally:
        db.session.remove()
        db.engine.dispose()
