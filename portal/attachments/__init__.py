"""Attachments: images and PDFs that residents and staff upload, kept sealed and handed out only to
those who may see them.

Owns the table `attachment` and the folder of sealed files. A file is first uploaded by itself and
belongs to its uploader alone; an operation of a feature room then attaches it to a subject (a
question, an application), and from there on the rule which that room registered in
`attachments.access` says who may read it. What is never attached is removed after 24 hours.

Neighbours: `accounts` (export and deletion of a resident's data), `audit` (every download by staff,
every infected file). Rooms above use `operations.attach`, `queries.of_subject`, `access.register`
and `schemas.AttachmentSchema`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from portal.web.blueprint import Api


def init_app(app: Flask, api: Api) -> None:
    """Register the routes, the sweep, the subscribers and the readiness entry of the virus scan."""
    from portal.attachments import privacy, routes, scanning, tasks, uploads

    uploads.init_app(app)
    scanning.init_app()
    tasks.register()
    privacy.register()
    api.register_blueprint(routes.blp)
