"""Going back keeps the citations of held articles; those of laws that are not held have no place there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask

from portal.core.db import db
from tests.migrations.test_notary_reviews import add, rows
from tests.support import own_application

BEFORE = "0015"


@pytest.fixture
def migrated_app(tmp_path: Path) -> Iterator[Flask]:
    """The application on a database of the newest revision."""
    with own_application(tmp_path, "elsewhere") as app, app.app_context():
        flask_migrate.upgrade()
        yield app


def test_citations_of_held_articles_survive_the_way_back(migrated_app: Flask) -> None:
    with db.engine.begin() as connection:
        staff = add(connection, "staff_member")
        consultation = add(connection, "consultation", state="answered")
        answer = add(
            connection,
            "consultation_answer",
            consultation_id=consultation,
            author_id=staff,
            state="draft",
        )
        for position, article_id in enumerate((uuid.uuid4(), None)):
            add(
                connection,
                "consultation_answer_citation",
                answer_id=answer,
                position=position,
                article_id=article_id,
            )
    flask_migrate.downgrade(revision=BEFORE)
    with db.engine.connect() as connection:
        (kept,) = rows(connection, "SELECT position FROM consultation_answer_citation")
    assert kept["position"] == 0
