"""The first page of a working day: what waits for this member of staff, over all rooms.

Owns no table and no rule; it asks the rooms below and puts their answers side by side.
"""

from __future__ import annotations

from flask import Flask

from portal.web.blueprint import Api


def init_app(app: Flask, api: Api) -> None:
    """Register the route."""
    from portal.staff_console import routes

    api.register_blueprint(routes.blp)
