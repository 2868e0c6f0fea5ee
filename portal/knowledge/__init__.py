"""Knowledge: laws with versions and articles, FAQ, guides, categories, and search over all of it.

Owns: laws, FAQ and guides (draft, published, withdrawn), questions that search could not answer,
the review list of texts whose legal basis changed, and the search index (it alone imports
`search_index`). Below it: accounts and audit. Above it: consultations, which check citations here
and put published answers into the index (`providers`, `operations.schedule_index_update`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask


def init_app(app: Flask, api: Any) -> None:
    """Wire the room: tables, providers, jobs, routes, commands, readiness."""
    from portal.knowledge import (
        cli,
        documents,
        miss_buffer,
        readiness,
        routes,
        staff_routes,
        tasks,
    )

    documents.register()
    tasks.register()
    for blueprint in (routes.search_blp, routes.laws_blp, routes.content_blp, staff_routes.blp):
        api.register_blueprint(blueprint)
    routes.init_app(app)
    cli.init_app(app)
    miss_buffer.init_app(app)
    readiness.init_app()
