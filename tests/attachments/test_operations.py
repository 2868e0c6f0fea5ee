"""Attaching, the sweep, and what a full disk does."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
import time
import uuid
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from portal.accounts.events import ResidentDeletionRequested, ResidentExportRequested
from portal.attachments import operations, queries, storage, tasks
from portal.attachments.models import Attachment, MediaType, ScanState
from portal.config import settings
from portal.core import events, key_rotation
from portal.core.db import db, is_sqlite
from portal.core.errors import Invalid
from portal.core.jobs import Job, enqueue
from portal.core.jobs.queue import ensure_periodic
from portal.core.unit_of_work import unit_of_work
from tests.attachments import samples
from tests.attachments.conftest import LAWYER, OTHER, RESIDENT, SUBJECT, files, rows


def make(actor=RESIDENT, content=None) -> uuid.UUID:
    """One upload by operations."""
    upload = operations.Upload(content or samples.png(), "a.png", "image/png")
    with operations.received(actor, upload) as file:
        return operations.keep(actor, file).id


@pytest.fixture(autouse=True)
def _database(database):
    """Every test here has a database."""


def test_files_keep_the_order_in_which_they_were_named():
    case, ids = uuid.uuid4(), [make() for _ in range(4)]
    first = operations.attach(RESIDENT, [ids[2], ids[0]], SUBJECT, case)
    assert [row.id for row in first] == [ids[2], ids[0]]
    more = operations.attach(RESIDENT, [ids[3]], SUBJECT, case)
    assert [row.id for row in more] == [ids[2], ids[0], ids[3]]
    assert [row.position for row in more] == [1, 2, 3]
    assert [row.id for row in queries.of_subject(SUBJECT, case)] == [ids[2], ids[0], ids[3]]
    other = uuid.uuid4()
    operations.attach(RESIDENT, [ids[1]], SUBJECT, other)
    both = queries.of_subjects(SUBJECT, [case, other, uuid.uuid4()])
    assert {key: len(found) for key, found in both.items()} == {case: 3, other: 1}
    assert queries.of_subjects(SUBJECT, []) == {}
    assert operations.attach(RESIDENT, [], SUBJECT, other) == both[other]


def test_at_most_nine_files_hang_on_a_subject():
    case = uuid.uuid4()
    operations.attach(RESIDENT, [make() for _ in range(8)], SUBJECT, case)
    with pytest.raises(Invalid) as refused:
        operations.attach(RESIDENT, [make(), make()], SUBJECT, case, field="files")
    assert refused.value.errors == {"files": ["最多可以附 9 个文件，已经有 8 个。"]}
    assert len(operations.attach(RESIDENT, [make()], SUBJECT, case)) == 9
    with pytest.raises(Invalid):
        operations.attach(RESIDENT, [make() for _ in range(2)], SUBJECT, uuid.uuid4(), limit=1)


def test_what_cannot_be_attached_is_named_and_nothing_is_attached(clock):
    case = uuid.uuid4()
    used, old, foreign, staff = make(), make(), make(OTHER), make(LAWYER)
    operations.attach(RESIDENT, [used], SUBJECT, uuid.uuid4())
    clock.advance(hours=25)
    good = make()
    with pytest.raises(Invalid) as refused:
        operations.attach(RESIDENT, [good, used, old, foreign, staff, uuid.uuid4()], SUBJECT, case)
    assert set(refused.value.errors) == {f"attachment_ids.{place}" for place in range(1, 6)}
    assert queries.of_subject(SUBJECT, case) == []
    with pytest.raises(Invalid):
        operations.attach(RESIDENT, [good, good], SUBJECT, case)
    assert len(operations.attach(RESIDENT, [good], SUBJECT, case)) == 1


def test_a_room_that_forgot_its_rule_cannot_attach():
    with pytest.raises(LookupError):
        operations.attach(RESIDENT, [make()], "nobody_reads_this", uuid.uuid4())


def test_files_of_a_kind_whose_rule_has_gone_are_closed(monkeypatch):
    from portal.attachments import access

    made = make()
    operations.attach(RESIDENT, [made], SUBJECT, uuid.uuid4())
    monkeypatch.delitem(access._rules, SUBJECT)
    with pytest.raises(operations.NotFound):
        queries.readable(RESIDENT, made)


def test_a_rule_is_registered_by_its_room(monkeypatch):
    from portal.attachments import access

    monkeypatch.setattr(access, "_rules", {})
    access.register("letters", lambda actor, letter: actor.is_staff)
    letter, made = uuid.uuid4(), make()
    operations.attach(RESIDENT, [made], "letters", letter)
    assert queries.readable(LAWYER, made).subject_id == letter


def test_one_upload_is_attached_once_by_two_requests_at_the_same_time(app):
    made, outcomes = make(), []
    start = threading.Barrier(2)

    def attach():
        with app.app_context():
            start.wait()
            try:
                operations.attach(RESIDENT, [made], SUBJECT, uuid.uuid4())
                outcomes.append("done")
            except Invalid:
                outcomes.append("refused")
            finally:
                db.session.remove()

    threads = [threading.Thread(target=attach) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "refused"]


def test_nine_is_nine_for_requests_at_the_same_time(app):
    case, outcomes = uuid.uuid4(), []
    ids = [[make() for _ in range(3)] for _ in range(4)]
    start = threading.Barrier(4)

    def attach(mine):
        with app.app_context():
            start.wait()
            try:
                operations.attach(RESIDENT, mine, SUBJECT, case)
                outcomes.append("done")
            except Invalid:
                outcomes.append("refused")
            finally:
                db.session.remove()

    threads = [threading.Thread(target=attach, args=(mine,)) for mine in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done"] * 3 + ["refused"]
    db.session.rollback()
    assert [row.position for row in queries.of_subject(SUBJECT, case)] == list(range(1, 10))


def test_the_database_itself_refuses_a_place_taken_twice():
    case, ids = uuid.uuid4(), [make(), make()]
    operations.attach(RESIDENT, ids, SUBJECT, case)
    with pytest.raises(IntegrityError), unit_of_work():
        db.session.execute(update(Attachment).where(Attachment.id == ids[1]).values(position=1))


def test_the_database_itself_refuses_half_an_attachment():
    made = make()
    with pytest.raises(IntegrityError), unit_of_work():
        db.session.execute(update(Attachment).where(Attachment.id == made).values(subject_kind="x"))


def test_all_files_of_a_subject_can_be_removed():
    case = uuid.uuid4()
    operations.attach(RESIDENT, [make(), make()], SUBJECT, case)
    keep = make()
    assert operations.remove_of_subject(SUBJECT, case) == 2
    assert rows() == 1
    assert [path.name for path in files()] == [keep.hex]


def rolled_back(act) -> None:
    """Do `act` in a unit of work that fails afterwards."""
    with unit_of_work():
        act()
        raise ZeroDivisionError


def test_a_removal_that_is_rolled_back_keeps_the_file():
    made = make()
    with pytest.raises(ZeroDivisionError):
        rolled_back(lambda: operations.remove_own(RESIDENT, made))
    assert rows() == 1
    assert queries.readable(RESIDENT, made)
    assert operations.open_content(RESIDENT, made)[1] == samples.png()


def test_uploads_that_nobody_attached_are_removed_after_a_day(clock, run_jobs, monkeypatch):
    monkeypatch.setattr(operations, "_SWEEP_BATCH", 2)
    kept = make()
    operations.attach(RESIDENT, [kept], SUBJECT, uuid.uuid4())
    for _ in range(5):
        make()
    clock.advance(hours=23, minutes=59)
    young = make()
    assert operations.expire() == 0
    clock.advance(minutes=2)
    with unit_of_work():
        enqueue(tasks.EXPIRE)
    assert run_jobs() >= 1
    assert {path.name for path in files()} == {kept.hex, young.hex}
    assert rows() == 2


def test_both_sweeps_are_kept_waiting():
    ensure_periodic()
    kinds = set(db.session.scalars(select(Job.kind)))
    assert {tasks.EXPIRE, tasks.ORPHANS} <= kinds


def test_an_empty_or_old_database_costs_no_files(run_jobs, monkeypatch, caplog):
    monkeypatch.setattr(operations, "MOST_ORPHANS", 3)
    for _ in range(5):
        age(storage.path_of(make()), 5)
    with unit_of_work():
        db.session.execute(delete(Attachment))
        enqueue(tasks.ORPHANS)
    run_jobs()
    assert len(files()) == 5
    assert "attachment_orphans_not_removed" in caplog.text
    with pytest.raises(operations.TooManyOrphans):
        operations.remove_orphans()
    monkeypatch.setattr(operations, "MOST_ORPHANS", 5)
    with unit_of_work():
        enqueue(tasks.ORPHANS)
    run_jobs()
    assert files() == []


def age(path: Path, hours: float) -> None:
    """Let a file look older."""
    then = time.time() - hours * 3600
    os.utime(path, (then, then))


def test_files_without_a_row_are_removed_once_no_request_can_still_own_them():
    made = make()
    kept = storage.path_of(made)
    age(kept, 5)
    orphan = storage.path_of(uuid.uuid4())
    torn = orphan.with_name(orphan.name + ".part")
    fresh = storage.path_of(uuid.uuid4())
    for path in (orphan, torn, fresh):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    age(orphan, 2)
    age(torn, 2)
    assert operations.remove_orphans() == 2
    assert {path.name for path in files()} == {kept.name, fresh.name}


def test_a_look_for_orphans_before_the_first_upload_finds_nothing():
    shutil.rmtree(settings().files_dir, ignore_errors=True)
    assert operations.remove_orphans() == 0


def test_a_file_that_vanishes_under_the_look_is_no_error(monkeypatch):
    orphan = storage.path_of(uuid.uuid4())
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.symlink_to("nowhere")
    assert operations.remove_orphans() == 0
    orphan.unlink()


def test_a_commit_that_fails_leaves_a_file_for_the_sweep_and_no_row():
    upload = operations.Upload(samples.png(), "a.png", "")
    with (
        operations.received(RESIDENT, upload) as file,
        pytest.raises(ZeroDivisionError),
    ):
        rolled_back(lambda: operations.keep(RESIDENT, file))
    (orphan,) = files()
    assert rows() == 0
    age(orphan, 2)
    assert operations.remove_orphans() == 1


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "storage_full"),
        (errno.EDQUOT, "storage_full"),
        (errno.EIO, "storage_unavailable"),
    ],
)
def test_a_full_disk_is_told_and_leaves_nothing(upload, monkeypatch, number, code):
    real, calls = os.write, []

    def write(descriptor, data):
        # The first part still fits: what was begun must go as well.
        if not calls:
            calls.append(real(descriptor, bytes(data)[:10]))
            return calls[0]
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(storage.os, "write", write)
        answer = upload()
    assert (answer.status_code, answer.json["code"]) == (503, code)
    assert int(answer.headers["Retry-After"]) >= 60
    assert calls == [10]
    assert (rows(), files()) == (0, [])


def test_a_disk_that_fails_at_the_last_step_is_told(upload, monkeypatch):
    def fail(_descriptor):
        raise OSError(errno.EIO, "io")

    monkeypatch.setattr(storage, "_sync_folder", fail)
    answer = upload()
    assert (answer.status_code, answer.json["code"]) == (503, "storage_unavailable")
    assert rows() == 0


def test_a_file_that_cannot_be_removed_is_left_to_the_sweep(monkeypatch):
    made = make()

    def refuse(self, missing_ok=False):
        raise PermissionError(errno.EPERM, "no")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        operations.remove_own(RESIDENT, made)
    assert rows() == 0
    assert len(files()) == 1


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 256 KiB in place of the folder of files."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs root")
    folder = settings().files_dir
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("no small file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full_refuses_and_recovers(tiny_disk, upload):
    taken = []
    for number in range(10):
        answer = upload(samples.png(filling=bytes([number]) * 60_000))
        if answer.status_code != 201:
            break
        taken.append(answer.json["id"])
    assert (answer.status_code, answer.json["code"]) == (503, "storage_full")
    assert len(files()) == len(taken) == rows() >= 2
    operations.remove_own(RESIDENT, uuid.UUID(taken[0]))
    assert upload(samples.png(filling=b"x" * 60_000)).status_code == 201


def test_a_new_key_of_the_portal_reseals_rows_and_touches_no_file(app, monkeypatch):
    from portal.core import encryption

    made = make()
    before = storage.path_of(made).read_bytes()
    old = encryption.ring()
    fresh = encryption.KeyRing({**old.keys, old.current + 1: os.urandom(32)}, old.index_key)
    monkeypatch.setattr(encryption, "_ring", fresh)
    assert key_rotation.rotate() >= 2
    only_new = encryption.KeyRing({fresh.current: fresh.keys[fresh.current]}, old.index_key)
    monkeypatch.setattr(encryption, "_ring", only_new)
    db.session.expire_all()
    assert operations.open_content(RESIDENT, made)[1] == samples.png()
    assert storage.path_of(made).read_bytes() == before


def test_a_resident_gets_a_list_of_all_they_uploaded():
    used, waiting = make(), make()
    operations.attach(RESIDENT, [used], SUBJECT, uuid.uuid4())
    make(OTHER)
    sections = {}
    with unit_of_work():
        events.publish(ResidentExportRequested(RESIDENT.id, sections.__setitem__))
    assert [row["id"] for row in sections["attachments"]] == [str(used), str(waiting)]
    assert sections["attachments"][0]["file_name"] == "a.png"


def test_a_closed_account_takes_its_loose_uploads_along_and_leaves_those_of_cases():
    used = make()
    make()
    others = make(OTHER)
    operations.attach(RESIDENT, [used], SUBJECT, uuid.uuid4())
    with unit_of_work():
        events.publish(ResidentDeletionRequested(RESIDENT.id))
    assert {path.name for path in files()} == {used.hex, others.hex}
    assert rows() == 2


def test_the_portal_stores_what_the_models_say():
    row = db.session.get(Attachment, make())
    assert row.media_type is MediaType.PNG
    assert row.scan_state is ScanState.NOT_SCANNED
    assert not row.is_attached
    assert is_sqlite() or db.engine.dialect.name == "postgresql"
