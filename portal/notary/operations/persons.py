"""Per-person limits, by the fingerprint of a document's number: standing bookings, one per matter, appointments missed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Integer,
    Select,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from portal.accounts.identity.documents import mask_number
from portal.accounts.models import DocumentType
from portal.core import clock
from portal.core.actor import Actor
from portal.core.db import db, is_sqlite
from portal.core.encryption import blind_index
from portal.core.errors import Conflict
from portal.core.prepared import Prepared
from portal.notary import policies
from portal.notary.errors import (
    AlreadyBooked,
    BookedAnew,
    ElsewhereThen,
    LimitReached,
    PartyUnavailable,
    PersonLimit,
    TooManyNoShows,
)
from portal.notary.models import (
    AppealState,
    BookingState,
    NotaryBooking,
    NotaryNoShow,
    NotaryOffice,
    NotaryParty,
    NotaryPerson,
    PartyKind,
)
from portal.notary.operations import steps
from portal.notary.queries import elsewhere

# What stands in place of a person whose account was closed.
ERASED = "（账号已注销）"
# A party of a case.
Registered = Mapping[str, Any]


def _count_up(dialect: Any) -> Executable:
    counted: Executable = (
        dialect.insert(_PERSONS)
        .values(person_index=bindparam("person_index"), active=1)
        .on_conflict_do_update(
            index_elements=["person_index"],
            set_={"active": _PERSONS.c.active + 1},
            where=_PERSONS.c.active < bindparam("most", type_=Integer),
        )
    )
    return counted


_PERSONS: Any = NotaryPerson.__table__
_PARTIES: Any = NotaryParty.__table__
_COUNT_UP = Prepared(_count_up, writes=True)
_ADD_PARTY = Prepared(
    lambda dialect: dialect.insert(_PARTIES).on_conflict_do_nothing(), writes=True
)


def person_index(document_type: DocumentType | None, number: str) -> str:
    """Return the fingerprint of a person or, without a document type, of an organisation."""
    kind = "uscc" if document_type is None else document_type.numbering.value
    return blind_index("notary.person", f"{kind}:{number}")


def index_of(registered: Registered) -> str:
    """Return the fingerprint of a party as the register keeps it."""
    kind = registered["document_type"]
    document_type = None if kind is None else DocumentType(kind)
    return person_index(document_type, registered["document_number"])


def _told(actor: Actor, index: str, counted: ColumnElement[bool], precise: PersonLimit) -> Conflict:
    """Return the refusal as the actor may know it: `precise` where the own account booked all of it, else PartyUnavailable.

    A name and a number are declared and not verified, so they prove nothing. `counted` says which bookings led to it; a clerk
    reads which they are.
    """
    found = db.session.execute(
        select(
            NotaryBooking.account_id,
            NotaryBooking.office_id,
            NotaryBooking.reference,
            NotaryBooking.starts_at,
        )
        .join(NotaryParty, NotaryParty.booking_id == NotaryBooking.id)
        .where(NotaryParty.person_index == index, counted)
        .order_by(NotaryBooking.starts_at)
    ).all()
    if actor.is_resident:
        own = {row.account_id for row in found} == {actor.own_id}
        return precise if own else PartyUnavailable()
    # An appointment is looked up by its number, by who works at its office. Of a closed account none is found: who that was
    # is forgotten.
    which = [
        f"{row.reference}（{clock.spoken(row.starts_at)}）"
        for row in found
        if policies.works_at(actor, row.office_id)
    ]
    elsewhere = len(found) - len(which)
    if elsewhere:
        which.append(f"在别的公证机构的 {elsewhere} 个")
    return precise.at_desk(which)


def require_few_no_shows(actor: Actor, office: NotaryOffice, indexes: Sequence[str]) -> None:
    """Raise TooManyNoShows when one of the persons has missed as many appointments as the office allows.

    PartyUnavailable where the actor is not to know, as in `count_up` and `add_parties`.
    """
    counts = (
        NotaryNoShow.expires_on >= clock.today(),
        NotaryNoShow.appeal != AppealState.GRANTED,
    )
    rows = db.session.execute(
        select(NotaryNoShow.person_index, func.count())
        .where(NotaryNoShow.person_index.in_(indexes), *counts)
        .group_by(NotaryNoShow.person_index)
    )
    for index, count in rows:
        if count >= office.no_show_limit:
            missed = select(NotaryNoShow.booking_id).where(
                NotaryNoShow.person_index == index, *counts
            )
            raise _told(actor, index, NotaryBooking.id.in_(missed), TooManyNoShows())


def count_up(actor: Actor, office: NotaryOffice, indexes: Iterable[str]) -> None:
    """Count one more booking for each person, in one guarded statement each; raises LimitReached at the office's limit."""
    # In one order, so that two bookings with the same people cannot wait for each other.
    for index in sorted(indexes):
        if not _COUNT_UP.run({"person_index": index, "most": office.person_limit}):
            most = f"一位当事人最多同时有 {office.person_limit} 个预约，已经到了上限。"
            raise _told(actor, index, NotaryParty.active.is_(True), LimitReached(most))


def add_parties(actor: Actor, rows: Sequence[dict[str, Any]]) -> None:
    """Write the parties; raises AlreadyBooked when one of them has a booking for the matter (the unique index says so)."""
    for row in sorted(rows, key=lambda row: row["person_index"]):
        if not _ADD_PARTY.run(row):
            standing = and_(NotaryParty.active, NotaryParty.matter_id == row["matter_id"])
            raise _told(actor, row["person_index"], standing, AlreadyBooked())


def replace(actor: Actor, booking: NotaryBooking, rows: Sequence[dict[str, Any]]) -> None:
    """Write the parties of a standing booking anew, under what confirming asks of who was not among them before.

    The booking is held. Raises TooManyNoShows, LimitReached, AlreadyBooked and ElsewhereThen, or PartyUnavailable.
    """
    before = set(
        db.session.scalars(
            select(NotaryParty.person_index).where(NotaryParty.booking_id == booking.id)
        )
    )
    after = {row["person_index"] for row in rows}
    require_few_no_shows(actor, booking.office, sorted(after - before))
    for index in sorted(before ^ after):
        if index in after:
            count_up(actor, booking.office, [index])
        else:
            _count_down(index)
    db.session.execute(
        delete(NotaryParty)
        .where(NotaryParty.booking_id == booking.id)
        .execution_options(synchronize_session=False)
    )
    add_parties(actor, rows)
    if after != before:
        require_one_place(actor, booking)


def _count_down(index: str) -> None:
    db.session.execute(
        update(NotaryPerson)
        .where(NotaryPerson.person_index == index)
        .values(active=NotaryPerson.active - 1)
        .execution_options(synchronize_session=False)
    )


def lock(booking_ids: Sequence[uuid.UUID]) -> None:
    """Lock all persons of some bookings, in the order that everybody keeps; the bookings are held."""
    if is_sqlite():
        return
    theirs = select(NotaryParty.person_index).where(NotaryParty.booking_id.in_(booking_ids))
    db.session.execute(
        select(NotaryPerson.person_index)
        .where(NotaryPerson.person_index.in_(theirs))
        .order_by(NotaryPerson.person_index)
        .with_for_update()
    ).all()


def require_one_place(actor: Actor, booking: NotaryBooking) -> None:
    """Raise ElsewhereThen when somebody who comes to the booking has to be at another one at its time.

    The persons are locked.
    """
    clash = db.session.execute(
        _of_who_comes(booking, NotaryParty.person_index, NotaryParty.booking_id)
        .where(*elsewhere.at_its_time(booking))
        .order_by(NotaryParty.person_index)
        .limit(1)
    ).first()
    if clash is not None:
        there = NotaryBooking.id == clash.booking_id
        raise _told(actor, clash.person_index, there, ElsewhereThen())


def times_elsewhere(booking: NotaryBooking) -> list[tuple[datetime, datetime]]:
    """Return when, from begin to end, somebody who comes to the booking has to be at another one, or will if they accept
    the time that is kept for that one.
    """
    others = _of_who_comes(booking, NotaryBooking.id).where(NotaryBooking.id != booking.id)
    kept = and_(NotaryBooking.state == BookingState.OFFERED, NotaryBooking.replaces_id.in_(others))
    stands = and_(NotaryBooking.affected_at.is_(None), NotaryBooking.id.in_(others))
    rows = db.session.execute(
        select(NotaryBooking.starts_at, NotaryBooking.ends_at).where(or_(stands, kept))
    )
    return [(row.starts_at, row.ends_at) for row in rows]


def _of_who_comes(booking: NotaryBooking, *columns: Any) -> Select[Any]:
    """Return the query for what stands for those who come to a booking.

    Who is represented by an agent is in no place; an organisation may send two people.
    """
    comes = and_(NotaryParty.kind == PartyKind.PERSON, NotaryParty.by_agent.is_(False))
    mine = select(NotaryParty.person_index).where(NotaryParty.booking_id == booking.id, comes)
    return (
        select(*columns)
        .select_from(NotaryParty)
        .join(NotaryBooking, NotaryBooking.id == NotaryParty.booking_id)
        .where(NotaryParty.person_index.in_(mine), NotaryParty.active, comes)
    )


def still_booked(
    office_id: uuid.UUID, matter_id: uuid.UUID, indexes: Sequence[str]
) -> list[NotaryBooking]:
    """Return the appointments ahead that some persons have at the office for the matter, the earliest first."""
    theirs = select(NotaryParty.booking_id).where(
        NotaryParty.person_index.in_(indexes),
        NotaryParty.matter_id == matter_id,
        NotaryParty.active,
    )
    return list(
        db.session.scalars(
            select(NotaryBooking)
            .where(
                NotaryBooking.id.in_(theirs),
                NotaryBooking.office_id == office_id,
                NotaryBooking.state == BookingState.CONFIRMED,
            )
            .order_by(NotaryBooking.starts_at)
        )
    )


def end_parties(booking_id: uuid.UUID) -> list[str]:
    """Let a booking that ended no longer count for its persons; returns their fingerprints. Safe to repeat."""
    # Before the parties: whoever adds one counts its person first, and then waits for what becomes of one that is there.
    lock([booking_id])
    ended = db.session.scalars(
        update(NotaryParty)
        .where(NotaryParty.booking_id == booking_id, NotaryParty.active)
        .values(active=False)
        .returning(NotaryParty.person_index)
        .execution_options(synchronize_session=False)
    )
    indexes = sorted(ended)
    forgotten = db.session.scalar(
        select(NotaryBooking).where(
            NotaryBooking.id == booking_id,
            NotaryBooking.account_id.is_(None),
            NotaryBooking.booked_by_id.is_(None),
        )
    )
    if forgotten is not None:
        # Its account was closed while the office was at it; now nothing needs the persons any more.
        forget(forgotten)
    for index in indexes:
        _count_down(index)
    return indexes


def count_again(actor: Actor, booking_id: uuid.UUID) -> None:
    """Let the parties of a booking that stands again count once more; raises BookedAnew when one has booked anew.

    Without the limit: the appointment was within it when it was made.
    """
    theirs = NotaryParty.booking_id == booking_id
    dialect = sqlite if is_sqlite() else postgresql
    # Before the parties, as in `end_parties`.
    for index in sorted(db.session.scalars(select(NotaryParty.person_index).where(theirs))):
        db.session.execute(
            dialect.insert(NotaryPerson)
            .values(person_index=index, active=1)
            .on_conflict_do_update(
                index_elements=["person_index"], set_={"active": NotaryPerson.active + 1}
            )
            .execution_options(synchronize_session=False)
        )
    try:
        with db.session.begin_nested():
            db.session.execute(
                update(NotaryParty)
                .where(theirs)
                .values(active=True)
                .execution_options(synchronize_session=False)
            )
    except IntegrityError as error:
        raise _booked_anew(actor, booking_id) from error


def _booked_anew(actor: Actor, booking_id: uuid.UUID) -> Conflict:
    """Return the refusal that names what somebody has booked since then."""
    mine = aliased(NotaryParty)
    same = and_(
        mine.person_index == NotaryParty.person_index, mine.matter_id == NotaryParty.matter_id
    )
    anew = (
        select(NotaryParty)
        .join(mine, same)
        .where(
            mine.booking_id == booking_id, NotaryParty.active, NotaryParty.booking_id != booking_id
        )
    )
    party = db.session.scalars(anew.order_by(NotaryParty.person_index)).first()
    if party is None:  # pragma: no cover - given back at this very moment
        return BookedAnew().at_desk([])
    there = NotaryParty.booking_id == party.booking_id
    return _told(actor, party.person_index, there, BookedAnew())


def require_known(booking: NotaryBooking, otherwise: str = "请当事人现场取号。") -> None:
    """Raise Conflict, with what to do `otherwise`, for a booking whose account was closed.

    Who its parties were is forgotten, so it cannot stand again.
    """
    if booking.account_closed:
        raise Conflict(
            "预约人的账号已经注销，这个预约不能恢复。", code="account_closed", next_step=otherwise
        )


def restore(booking: NotaryBooking, registered: Sequence[Registered]) -> None:
    """Give a booking whose account was closed its persons back as a case has them, until the office is done with it."""
    for party, known in zip(booking.parties, registered, strict=True):
        kind = known["document_type"]
        party.document_type = None if kind is None else DocumentType(kind)
        party.name, party.document_number = known["name"], known["document_number"]
        party.person_index, party.guardian = index_of(known), known["guardian"]
    db.session.flush()


def forget(booking: NotaryBooking, said: str = ERASED) -> None:
    """Forget who came to a booking that has ended, because the account was closed or for what `said` tells instead."""
    steps.write(booking, agent=None)
    for party in db.session.scalars(
        select(NotaryParty)
        .where(NotaryParty.booking_id == booking.id)
        .execution_options(populate_existing=True)
    ):
        party.name = party.document_number = said
        party.person_index = ""
        party.birth_date = party.guardian = None
    db.session.flush()


def shown_number(party: NotaryParty) -> str | None:
    """Return the number of a party as it is shown, hidden but for its ends; why there is none any more is said in full."""
    return party.document_number if party.forgotten else mask_number(party.document_number)


def masked(person: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a person as written down with the number of the document hidden: a stolen phone must not give it away."""
    if person is None or "document_number" not in person:
        return person
    hidden = {**person, "document_number": mask_number(person["document_number"])}
    return {**hidden, "guardian": masked(person["guardian"])} if "guardian" in person else hidden


def add_no_shows(booking: NotaryBooking, indexes: Iterable[str], expires_on: date) -> None:
    """Write down that these persons of the booking did not come."""
    db.session.add_all(
        NotaryNoShow(
            booking_id=booking.id, person_index=index, day=booking.day, expires_on=expires_on
        )
        for index in indexes
    )
    db.session.flush()
