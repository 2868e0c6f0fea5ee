"""The search index as the portal keeps it: one reader per process, one writer in the worker.

The database says which build belongs to it (`IndexState.build`) and the folder carries the same
mark (`portal.json`), so that an index left over from another database is noticed and rebuilt. One
host serves one index; a second host would need a folder of its own and a mark per host.
"""

from __future__ import annotations

import json
import secrets
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.config import settings
from portal.core import clock
from portal.core.db import db, is_sqlite
from portal.core.errors import Unavailable
from portal.core.jobs import enqueue
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import documents
from portal.knowledge.models import IndexChange, IndexState
from portal.knowledge.thesaurus import thesaurus
from search_index import (
    Document,
    IndexDamaged,
    IndexFormatError,
    IndexMissing,
    IndexWriter,
    SearchIndex,
    SearchIndexError,
    analysis,
)

UPDATE_JOB = "knowledge.index_update"
REBUILD_JOB = "knowledge.rebuild_index"
# A build this much older than the changes that lie beside it is worth another one at night.
SETTLED_AFTER = timedelta(hours=12)
# One delta is written per batch; a few hundred documents cost well under a second.
BATCH = 500

Progress = Callable[[str, int, int], None]
_log = structlog.get_logger(__name__)
_lock = threading.Lock()
_readers: dict[Path, SearchIndex] = {}


def silent(stage: str, done: int, total: int) -> None:
    """A progress receiver that tells nobody."""


# --- reading ---


def reader() -> SearchIndex:
    """Return the process's open index; raises Unavailable, in words, when there is none to open."""
    folder = settings().index_dir
    found = _readers.get(folder)
    if found is not None:
        return found
    try:
        with _lock:
            found = _readers.get(folder) or SearchIndex.open(folder)
            _readers[folder] = found
    except (SearchIndexError, OSError) as error:
        _log.warning("search_index_unavailable", error=type(error).__name__, reason=str(error))
        raise unavailable() from error
    return found


def unavailable() -> Unavailable:
    """What a search says that cannot read the index."""
    return Unavailable(
        "检索暂时不可用：检索索引还没有准备好。",
        code="search_index_missing",
        next_step="请过几分钟再试；也可以直接浏览常见问答，或者向律师提问。",
        retry_after=60,
    )


def preload() -> None:
    """Load index and dictionary before the server forks, so that its workers share them.

    Without an index it is the dictionary alone.
    """
    analysis.preload()
    try:
        reader().preload()
    except (Unavailable, SearchIndexError, OSError):
        _log.warning("search_index_not_preloaded")


def is_open() -> bool:
    """True when there is an index that can answer, however old."""
    try:
        reader()
    except Unavailable:
        return False
    return True


def forget_readers() -> None:
    """Close what this process has open; for tests, which remove the folder."""
    with _lock:
        _readers.clear()


# --- announcing changes ---


def schedule_update(kind: str, subject_id: uuid.UUID) -> None:
    """Have the worker bring one document up to date; inside the unit of work that changes it."""
    dialect = sqlite if is_sqlite() else postgresql
    token = secrets.token_hex(16)
    statement = dialect.insert(IndexChange).values(kind=kind, subject_id=subject_id, token=token)
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=[IndexChange.kind, IndexChange.subject_id], set_={"token": token}
        )
    )
    enqueue(UPDATE_JOB, dedup_key=UPDATE_JOB)


def schedule_rebuild() -> None:
    """Note in this unit of work that the index misses something large, and have it rebuilt."""
    state()
    db.session.execute(update(IndexState).values(revision=IndexState.revision + 1))
    request_rebuild()


def request_rebuild(*, anyway: bool = False) -> None:
    """Have the worker build the index if it needs it, or `anyway`; inside a unit of work."""
    enqueue(REBUILD_JOB, {"anyway": anyway}, dedup_key=REBUILD_JOB)


def state() -> IndexState:
    """Return the one row, made when missing; inside a unit of work."""
    dialect = sqlite if is_sqlite() else postgresql
    db.session.execute(
        dialect.insert(IndexState)
        .values(id=1, revision=1, built_revision=0)
        .on_conflict_do_nothing(index_elements=[IndexState.id])
    )
    return db.session.get_one(IndexState, 1, populate_existing=True)


# --- writing ---


def apply_changes() -> int:
    """Write all announced changes into the index; returns how many documents.

    Safe to repeat and to interrupt: a change is struck off only after it is in the index, and only
    if it was not announced anew meanwhile. Without an index that can be written a build is asked for, and
    the changes wait for its end.
    """
    done = 0
    while True:
        rows = db.session.execute(
            select(IndexChange.kind, IndexChange.subject_id, IndexChange.token).limit(BATCH)
        ).all()
        if not rows:
            db.session.rollback()
            return done
        ids: dict[str, list[uuid.UUID]] = defaultdict(list)
        for kind, subject_id, _ in rows:
            ids[kind].append(subject_id)
        upserts = [
            document for kind, some in ids.items() for document in documents.load(kind, some)
        ]
        present = {document.key for document in upserts}
        keys = {documents.key_of(kind, subject_id) for kind, subject_id, _ in rows}
        db.session.rollback()
        try:
            _writer().update(upserts, sorted(keys - present))
        except (IndexMissing, IndexFormatError, IndexDamaged) as error:
            _log.warning("search_index_not_updated", error=type(error).__name__, reason=str(error))
            with unit_of_work():
                request_rebuild()
            return done
        _strike_off([(kind, subject_id, token) for kind, subject_id, token in rows])
        done += len(rows)


def why_rebuild(*, thoroughly: bool = False) -> str | None:
    """Return why the index must be built anew, in Chinese; None when it is up to date.

    `thoroughly` reads all of its files, which is for the worker.
    """
    try:
        opened = SearchIndex.open(settings().index_dir)
        if thoroughly:
            opened.verify()
    except IndexMissing:
        return "还没有建立检索索引。"
    except IndexFormatError:
        return "检索索引是旧版本程序建立的，格式已经改变。"
    except (IndexDamaged, OSError):
        return "检索索引的文件已经损坏，或者无法读取。"
    row = db.session.get(IndexState, 1, populate_existing=True)
    if row is None or row.build is None or row.build != _mark():
        return "检索索引不是从当前数据库建立的。"
    if row.revision != row.built_revision:
        return "法律条文有更新，检索索引需要重建。"
    return None


def has_grown() -> bool:
    """True when changes lie beside a build that is some time old: the next quiet hour is to put them into one."""
    info = SearchIndex.open(settings().index_dir).info()
    built_at = datetime.fromisoformat(str(info["built_at"]))
    return bool(info["delta"]) and clock.now() - built_at > SETTLED_AFTER


def rebuild(progress: Progress = silent) -> int:
    """Build the index from the database and switch to it; returns the number of documents.

    The old generation serves until the switch, and goes on to take in changes, which the new one takes over.
    Raises BuildInProgress when another process builds, IndexWriteError when the disk refuses.
    """
    with unit_of_work():
        revision = state().revision
    waiting = [
        (kind, subject_id, token)
        for kind, subject_id, token in db.session.execute(
            select(IndexChange.kind, IndexChange.subject_id, IndexChange.token)
        ).all()
    ]
    # The build is to read what is committed by then, not the picture of this moment: an update that comes in
    # between would be in neither.
    db.session.rollback()
    count = 0

    def counted() -> Iterator[Document]:
        nonlocal count
        for document in documents.everything():
            count += 1
            yield document

    _writer().build(counted(), progress)
    build = secrets.token_hex(8)
    _write_mark(build)
    db.session.rollback()
    with unit_of_work():
        db.session.execute(
            update(IndexState).values(build=build, built_revision=revision, built_at=clock.now())
        )
    _strike_off(waiting)
    with unit_of_work():
        if db.session.scalar(select(IndexChange.kind).limit(1)) is not None:
            # Announced meanwhile, perhaps when there was no index to take them in.
            enqueue(UPDATE_JOB, dedup_key=UPDATE_JOB)
    return count


def _strike_off(rows: list[tuple[str, uuid.UUID, str]]) -> None:
    for start in range(0, len(rows), 200):
        same = [
            and_(
                IndexChange.kind == kind,
                IndexChange.subject_id == subject_id,
                IndexChange.token == token,
            )
            for kind, subject_id, token in rows[start : start + 200]
        ]
        with unit_of_work():
            db.session.execute(
                delete(IndexChange).where(or_(*same)),
                execution_options={"synchronize_session": False},
            )


def _writer() -> IndexWriter:
    return IndexWriter(settings().index_dir, thesaurus())


def _mark() -> str | None:
    try:
        content = json.loads((settings().index_dir / "portal.json").read_text(encoding="utf-8"))
        return str(content["build"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_mark(build: str) -> None:
    path = settings().index_dir / "portal.json"
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps({"build": build}), encoding="utf-8")
    draft.replace(path)
