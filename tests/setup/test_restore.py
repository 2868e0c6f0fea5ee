"""The restore of PostgreSQL as docs/operations.md has it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from portal.config import ROOT
from tests.support import own_database


def test_a_restore_that_is_cut_off_leaves_nothing_of_the_backup(tmp_path: Path) -> None:
    """Run the backup and the restore of PostgreSQL as they are written down, on a backup that broke off."""
    if shutil.which("pg_dump") is None or shutil.which("pg_restore") is None:
        pytest.skip("no client programs of PostgreSQL")
    written = (ROOT / "docs/operations.md").read_text()
    dump, restore = (
        re.findall(rf"^({name} .*)$", written, re.MULTILINE)[0]
        for name in ("pg_dump", "pg_restore")
    )
    (tmp_path / "backup").mkdir()
    (source, drop_source), (target, drop_target) = own_database("whole"), own_database("half")
    if not source:
        pytest.skip("the run on PostgreSQL tests this")
    engine = {url: create_engine(url, isolation_level="AUTOCOMMIT") for url in (source, target)}

    def carry_out(command: str, url: str) -> int:
        url = url.replace("+psycopg", "")
        environment = {**os.environ, "DATABASE_URL": url}
        shell = ["bash", "-c", command]
        return subprocess.run(shell, cwd=tmp_path, env=environment, timeout=60).returncode

    def tables() -> list[str]:
        return inspect(engine[target]).get_table_names()

    try:
        with engine[source].connect() as connection:
            connection.execute(text("CREATE TABLE first AS SELECT 1 AS what"))
            connection.execute(
                text(
                    "CREATE TABLE last AS SELECT md5(n::text) AS what FROM generate_series(1, 20000) n"
                )
            )
        assert carry_out(dump, source) == 0
        whole = (tmp_path / "backup/portal.dump").read_bytes()
        (tmp_path / "backup/portal.dump").write_bytes(whole[: len(whole) // 2])
        assert carry_out(restore, target) != 0
        assert tables() == []
        (tmp_path / "backup/portal.dump").write_bytes(whole)
        assert carry_out(restore, target) == 0
        assert set(tables()) == {"first", "last"}
    finally:
        for each in engine.values():
            each.dispose()
        drop_source()
        drop_target()
