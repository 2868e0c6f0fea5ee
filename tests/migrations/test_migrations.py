"""Migrations and models say the same, on both databases, forward and back."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Connection, inspect, text

from portal.core.db import Base, db, is_sqlite
from tests.support import create_schema, own_application

FOLDER = Path(__file__).resolve().parents[2] / "portal" / "migrations"


@pytest.fixture
def empty_app(tmp_path: Path) -> Iterator[Flask]:
    """The whole application on a database without a table."""
    with own_application(tmp_path, "migrations") as app, app.app_context():
        yield app


def describe(connection: Connection) -> dict[str, Any]:
    """Return everything the database knows of its schema, in a form that two databases can be compared by."""
    found: dict[str, Any] = {}
    inspector = inspect(connection)
    for table in inspector.get_table_names():
        if table in ("alembic_version", "rate_limit_counter"):
            continue
        found[table] = {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(table)
            },
            "primary key": inspector.get_pk_constraint(table),
            "foreign keys": by_name(inspector.get_foreign_keys(table)),
            "unique": by_name(inspector.get_unique_constraints(table)),
            "checks": {
                check["name"]: flat(check["sqltext"])
                for check in inspector.get_check_constraints(table)
            },
            "indexes": by_name(inspector.get_indexes(table)),
        }
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    else:
        query = (
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger "
            "WHERE NOT tgisinternal ORDER BY tgname"
        )
    found["triggers"] = {name: flat(sql) for name, sql in connection.execute(text(query))}
    return found


def by_name(items: list[Any]) -> dict[str, str]:
    return {
        str(item["name"]): re.sub(r" at 0x\w+", "", repr(sorted(readable(item).items())))
        for item in items
    }


def readable(item: dict[str, Any]) -> dict[str, Any]:
    options = {
        name: flat(str(value)) for name, value in (item.get("dialect_options") or {}).items()
    }
    return {**item, "dialect_options": sorted(options.items())}


def flat(sql: str) -> str:
    return re.sub(r"\s+", " ", sql).strip()


def test_there_is_one_head_and_one_line() -> None:
    script = ScriptDirectory(str(FOLDER))
    revisions = list(script.walk_revisions())
    assert revisions
    assert len(script.get_heads()) == len(script.get_bases()) == 1
    for revision in revisions:
        assert revision.doc
        assert not revision.branch_labels


def test_upgrading_from_nothing_gives_the_schema_of_the_models(
    empty_app: Flask, tmp_path: Path
) -> None:
    flask_migrate.upgrade(sql=False)
    with db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _: name != "rate_limit_counter"},
        )
        assert compare_metadata(context, Base.metadata) == []
        migrated = describe(connection)
    assert set(Base.metadata.tables) == set(migrated) - {"triggers"}
    # Checks, defaults, partial indexes and triggers are beyond Alembic's comparison.
    with own_application(tmp_path / "models", "models") as other:
        create_schema(other)
        with other.app_context(), db.engine.connect() as connection:
            modelled = describe(connection)
    assert migrated == modelled
    assert migrated["triggers"]


def test_upgrading_twice_changes_nothing(empty_app: Flask) -> None:
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        before = describe(connection)
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        assert describe(connection) == before


def test_an_upgrade_waits_for_another_however_long_it_takes(empty_app: Flask) -> None:
    if is_sqlite():
        pytest.skip("there a second writer waits as for any other")
    key = int(re.findall(r"^LOCK = ([\d_]+)", (FOLDER / "env.py").read_text(), re.M)[0])
    with db.engine.connect() as other:
        name = other.engine.url.database
        other.execute(text(f"ALTER DATABASE \"{name}\" SET lock_timeout = '50ms'"))
        other.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
        other.commit()
        ending = threading.Timer(1.0, other.connection.dbapi_connection.close)
        ending.start()
        db.session.remove()
        # New connections know the limit, by which nobody else's transaction is waited for.
        ThreadPoolExecutor(1).submit(_upgrade, empty_app).result(60)
        ending.join()
        other.invalidate()
    with db.engine.connect() as connection:
        assert connection.scalar(text("SHOW lock_timeout")) == "50ms"
        assert set(Base.metadata.tables) <= set(inspect(connection).get_table_names())


def _upgrade(app: Flask) -> None:
    with app.app_context():
        flask_migrate.upgrade()


def test_back_to_nothing_and_forward_again(empty_app: Flask) -> None:
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        before = describe(connection)
    flask_migrate.downgrade(revision="base")
    with db.engine.connect() as connection:
        assert describe(connection) == {"triggers": {}}
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        assert describe(connection) == before


def test_each_revision_goes_back_and_forward(empty_app: Flask) -> None:
    flask_migrate.upgrade()
    revisions = list(ScriptDirectory(str(FOLDER)).walk_revisions())
    for revision in revisions:
        flask_migrate.downgrade(revision=str(revision.down_revision or "base"))
    for revision in reversed(revisions):
        flask_migrate.upgrade(revision=revision.revision)
    with db.engine.connect() as connection:
        assert set(describe(connection)) - {"triggers"} == set(Base.metadata.tables)


def test_a_failing_migration_leaves_nothing(
    empty_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.core import schema_guards

    def fail(_connection: Connection) -> None:
        raise LookupError

    with monkeypatch.context() as patch:
        patch.setattr(schema_guards, "install", fail)
        with pytest.raises(LookupError):
            flask_migrate.upgrade()
    with db.engine.connect() as connection:
        assert inspect(connection).get_table_names() == []


def test_foreign_keys_are_on_again_after_a_migration(empty_app: Flask) -> None:
    flask_migrate.upgrade()
    if db.engine.dialect.name == "sqlite":
        for _ in range(3):
            with db.engine.connect() as connection:
                assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_revisions_do_not_import_the_portal() -> None:
    for path in (FOLDER / "versions").glob("*.py"):
        assert not re.search(r"^(from|import) (portal|search_index)", path.read_text(), re.M), path
