"""What was read against an article stays read when hashes begin to look past widths and spaces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core.db import db
from portal.knowledge.fingerprints import text_hash
from tests.migrations.test_notary_reviews import add, rows
from tests.support import own_application

TEXT = "测试：押金 应当返还。"
GONE = "d" * 64


def plain(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def old_app(tmp_path: Path) -> Iterator[Flask]:
    """The application on a database of the revision before."""
    with own_application(tmp_path, "hashes") as app, app.app_context():
        flask_migrate.upgrade(revision="0010")
        yield app


def bases() -> list[str]:
    with db.engine.connect() as connection:
        return [row["basis"] for row in rows(connection, "SELECT basis FROM knowledge_review")]


def hashes(table: str) -> set[str]:
    with db.engine.connect() as connection:
        return {row["text_hash"] for row in rows(connection, f"SELECT text_hash FROM {table}")}  # noqa: S608


def test_citations_and_reviews_follow_their_article_to_its_new_hash_and_back(
    old_app: Flask,
) -> None:
    with db.engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO category (code, label, description, keywords, position)"
                " VALUES ('housing', '租房', '', '[]', 1)"
            )
        )
        law = add(connection, "law", aliases=[])
        version = add(
            connection,
            "law_version",
            law_id=law,
            declared="in_force",
            status="in_force",
            level="law",
        )
        article = add(
            connection,
            "law_article",
            law_id=law,
            version_id=version,
            text=TEXT,
            text_hash=plain(TEXT),
            chapter=[],
        )
        faq = add(connection, "faq", category_code="housing", state="published", origin="staff")
        for known in (plain(TEXT), GONE):
            add(connection, "cited_article", faq_id=faq, article_id=article, text_hash=known)
        add(
            connection,
            "knowledge_review",
            article_id=article,
            subject_id=faq,
            reason="renumbered",
            state="done",
            basis=f"renumbered:4:{plain(TEXT)}",
        )
    flask_migrate.upgrade()
    assert hashes("law_article") == {text_hash(TEXT)}
    assert hashes("cited_article") == {text_hash(TEXT), GONE}
    assert bases() == [f"renumbered:4:{text_hash(TEXT)}"]
    flask_migrate.downgrade(revision="0010")
    assert hashes("law_article") == {plain(TEXT)}
    assert hashes("cited_article") == {plain(TEXT), GONE}
    assert bases() == [f"renumbered:4:{plain(TEXT)}"]
