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
    """Add the room's providers."""
    from portal.knowledge import documents, models

    _ = models
    documents.register()
