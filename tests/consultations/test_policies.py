"""Who may do what to a consultation, as a table."""

from __future__ import annotations

import uuid

import pytest

from portal.consultations import policies
from portal.consultations.models import Consultation, ConsultationState
from portal.consultations.workflow import CONSULTATION
from portal.core.actor import ANONYMOUS, SYSTEM, Actor, ActorKind

OWNER, STRANGER = uuid.uuid4(), uuid.uuid4()
LAWYER, OTHER = uuid.uuid4(), uuid.uuid4()


def staff(role, staff_id=OTHER):
    return Actor(ActorKind.STAFF, staff_id, grants=frozenset({(role, None)}))


ACTORS = {
    "anonymous": ANONYMOUS,
    "system": SYSTEM,
    "owner": Actor(ActorKind.RESIDENT, OWNER),
    "stranger": Actor(ActorKind.RESIDENT, STRANGER),
    "moderator": staff("moderator"),
    "lawyer who has it": staff("lawyer", LAWYER),
    "another lawyer": staff("lawyer"),
    "reviewer": staff("reviewer"),
    "reviewer who has it": staff("reviewer", LAWYER),
    "supervisor": staff("supervisor"),
    "notary clerk": staff("notary_clerk"),
}

TABLE = {
    policies.can_moderate: {"moderator"},
    policies.can_speak_for: {"owner"},
    policies.can_claim: {"lawyer who has it", "another lawyer"},
    policies.can_handle: {"lawyer who has it"},
    policies.can_release: {"lawyer who has it", "moderator", "system"},
    policies.can_sign_off: {"reviewer"},
    policies.can_close: {"owner", "system"},
    policies.can_publish: {"moderator"},
    policies.can_read: {
        "owner", "moderator", "lawyer who has it", "reviewer", "reviewer who has it", "supervisor",
    },
    policies.is_system: {"system"},
}  # fmt: skip


@pytest.mark.parametrize("policy", TABLE, ids=lambda policy: policy.__name__)
def test_the_table_of_who_may_do_what(policy):
    consultation = Consultation(
        resident_id=OWNER, lawyer_id=LAWYER, state=ConsultationState.CLAIMED
    )
    assert {name for name, actor in ACTORS.items() if policy(actor, consultation)} == TABLE[policy]


def test_a_deleted_account_speaks_for_nothing():
    consultation = Consultation(resident_id=None, state=ConsultationState.SUBMITTED)
    assert not any(policies.can_speak_for(actor, consultation) for actor in ACTORS.values())


def test_every_state_can_be_left_or_is_an_end():
    left = {source for row in CONSULTATION.table for source in row.sources}
    ends = set(ConsultationState) - left
    assert ends == {ConsultationState.CLOSED, ConsultationState.WITHDRAWN}


def test_every_state_can_be_reached():
    reached = {row.target for row in CONSULTATION.table}
    assert reached == set(ConsultationState)


def test_every_rejection_leads_somewhere():
    from portal.consultations.models import RejectionReason

    assert set(policies.NEXT_STEPS) == set(RejectionReason)
