"""Tables of the record, and the guards that keep it append-only."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, NoReturn

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, String, Uuid, event
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, mapped_column

from portal.core import schema_guards
from portal.core.actor import ActorKind
from portal.core.db import Model, UTCDateTime, enum_column


class AuditEvent(Model):
    """One thing that someone did or saw. Holds identifiers and codes, never personal data."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_subject", "subject_kind", "subject_id", "sequence"),
        Index("ix_audit_event_actor", "actor_id", "sequence"),
        Index("ix_audit_event_action", "action", "sequence"),
        CheckConstraint("sequence > 0", name="sequence_positive"),
    )

    # Given out by the chain and not by the database: a gap would mean a removed event.
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    actor_kind: Mapped[ActorKind] = mapped_column(enum_column(ActorKind, length=20))
    actor_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    session_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    action: Mapped[str] = mapped_column(String(80))
    subject_kind: Mapped[str] = mapped_column(String(60))
    subject_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    reference: Mapped[str | None] = mapped_column(String(40))
    request_id: Mapped[str] = mapped_column(String(64))
    # JSON and not JSONB: the hash covers the values, and JSONB would rewrite numbers.
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Model):
    """The end of the chain: one row, sealed with the index key, moved forward with every append."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
    seal: Mapped[str] = mapped_column(String(64))


class AuditRemoval(Model):
    """That the oldest events were removed because their time was over: up to which one. The chain goes on from there.

    Append-only like the record itself, one row for each removal, sealed with the index key.
    """

    __tablename__ = "audit_removal"
    __table_args__ = (CheckConstraint("removed > 0", name="removed_positive"),)

    # The last event that was removed; with its hash it stands for all before it.
    through_sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    through_hash: Mapped[str] = mapped_column(String(64))
    # How many events this removal took, without a gap after the one before.
    removed: Mapped[int] = mapped_column(BigInteger)
    # Every event that was removed is older.
    older_than: Mapped[datetime] = mapped_column(UTCDateTime)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    seal: Mapped[str] = mapped_column(String(64))


class AppendOnly(RuntimeError):
    """Something tried to change or remove an audit event."""


def _refuse_change(_mapper: object, _connection: object, _target: object) -> NoReturn:
    raise AppendOnly("audit events can be neither changed nor deleted")


for _table in (AuditEvent, AuditRemoval):
    event.listen(_table, "before_update", _refuse_change)
    event.listen(_table, "before_delete", _refuse_change)


def _refuse_statement(state: ORMExecuteState) -> None:
    if not (state.is_update or state.is_delete):
        return
    # By name: the ORM hands over an annotated copy of the table.
    table = getattr(getattr(state.statement, "table", None), "name", None)
    if table in (AuditEvent.__tablename__, AuditRemoval.__tablename__):
        raise AppendOnly("audit events can be neither changed nor deleted")


event.listen(Session, "do_orm_execute", _refuse_statement)

# What the guards below let through: the deletion of events that a removal covers, and a removal that begins where the last
# one ended, names an event as it stands, and covers nothing younger than it says, nor than six months (网络安全法 23③).
_LAST = "COALESCE((SELECT max(through_sequence) FROM audit_removal), 0)"
_NOT_COVERED = f"OLD.sequence > {_LAST}"
_NO_REMOVAL = (
    f"NEW.through_sequence - NEW.removed <> {_LAST} "  # noqa: S608 - constants
    "OR NOT EXISTS (SELECT 1 FROM audit_event "
    "WHERE sequence = NEW.through_sequence AND hash = NEW.through_hash) "
    "OR EXISTS (SELECT 1 FROM audit_event "
    "WHERE sequence > NEW.through_sequence - NEW.removed "
    "AND sequence <= NEW.through_sequence AND at >= NEW.older_than)"
)

schema_guards.register(
    sqlite=(
        "CREATE TRIGGER IF NOT EXISTS audit_event_no_update BEFORE UPDATE ON audit_event "
        "BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END",
        # Dropped first: databases from before the removals have one that lets nothing through.
        "DROP TRIGGER IF EXISTS audit_event_no_delete",
        "CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event "
        f"WHEN {_NOT_COVERED} BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END",
        "CREATE TRIGGER IF NOT EXISTS audit_removal_only_of_old_events "
        "BEFORE INSERT ON audit_removal "
        f"WHEN {_NO_REMOVAL} OR NEW.older_than > datetime('now', '-6 months') "
        "BEGIN SELECT RAISE(ABORT, 'audit_removal covers the oldest events only'); END",
        "CREATE TRIGGER IF NOT EXISTS audit_removal_no_update BEFORE UPDATE ON audit_removal "
        "BEGIN SELECT RAISE(ABORT, 'audit_removal is append-only'); END",
        "CREATE TRIGGER IF NOT EXISTS audit_removal_no_delete BEFORE DELETE ON audit_removal "
        "BEGIN SELECT RAISE(ABORT, 'audit_removal is append-only'); END",
        # INSERT OR REPLACE removes the old row without firing a DELETE trigger.
        "CREATE TRIGGER IF NOT EXISTS audit_event_no_replace BEFORE INSERT ON audit_event "
        "WHEN EXISTS (SELECT 1 FROM audit_event WHERE sequence = NEW.sequence) "
        "BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END",
        "CREATE TRIGGER IF NOT EXISTS audit_head_forward_only BEFORE UPDATE ON audit_head "
        "WHEN NEW.sequence <= OLD.sequence "
        "BEGIN SELECT RAISE(ABORT, 'audit_head only moves forward'); END",
        "CREATE TRIGGER IF NOT EXISTS audit_head_no_delete BEFORE DELETE ON audit_head "
        "BEGIN SELECT RAISE(ABORT, 'audit_head is permanent'); END",
    ),
    postgresql=(
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit record is append-only'; END $$",
        "CREATE OR REPLACE FUNCTION audit_refuse_removal() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {_NO_REMOVAL} OR NEW.older_than > now() - interval '6 months' THEN "
        "RAISE EXCEPTION 'audit_removal covers the oldest events only'; END IF; "
        "RETURN NEW; END $$",
        "CREATE OR REPLACE FUNCTION audit_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {_NOT_COVERED} THEN "
        "RAISE EXCEPTION 'the audit record is append-only'; END IF; RETURN OLD; END $$",
        "CREATE OR REPLACE TRIGGER audit_event_no_change BEFORE UPDATE ON audit_event "
        "FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        "CREATE OR REPLACE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event "
        "FOR EACH ROW EXECUTE FUNCTION audit_refuse_delete()",
        "CREATE OR REPLACE TRIGGER audit_removal_only_of_old_events "
        "BEFORE INSERT ON audit_removal FOR EACH ROW EXECUTE FUNCTION audit_refuse_removal()",
        "CREATE OR REPLACE TRIGGER audit_removal_no_change "
        "BEFORE UPDATE OR DELETE ON audit_removal FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        "CREATE OR REPLACE TRIGGER audit_removal_no_truncate BEFORE TRUNCATE ON audit_removal "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
        "CREATE OR REPLACE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
        "CREATE OR REPLACE TRIGGER audit_head_forward_only BEFORE UPDATE ON audit_head "
        "FOR EACH ROW WHEN (NEW.sequence <= OLD.sequence) EXECUTE FUNCTION audit_refuse()",
        "CREATE OR REPLACE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head "
        "FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        "CREATE OR REPLACE TRIGGER audit_head_no_truncate BEFORE TRUNCATE ON audit_head "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    ),
)
