"""Use cases: what residents, moderators, lawyers, reviewers and the portal itself do to a consultation.

Each takes the actor explicitly, checks the workflow, and writes state, timeline, deadline, message and audit row in the
caller's unit of work.
"""

from portal.consultations.operations.answering import (
    ask_back,
    claim,
    refuse_if_taken,
    release,
    save_draft,
    send_back,
    sign_off,
    submit_answer,
)
from portal.consultations.operations.asking import (
    ask,
    change_wish,
    close,
    follow_up,
    rate,
    say,
    withdraw,
)
from portal.consultations.operations.moderating import (
    accept,
    moderate_many,
    reject,
    reopen,
    return_for_facts,
)
from portal.consultations.operations.publishing import (
    confirm_publication,
    edit_publication,
    propose_publication,
    withdraw_publication,
)

__all__ = [
    "accept",
    "ask",
    "ask_back",
    "change_wish",
    "claim",
    "close",
    "confirm_publication",
    "edit_publication",
    "follow_up",
    "moderate_many",
    "propose_publication",
    "rate",
    "refuse_if_taken",
    "reject",
    "release",
    "reopen",
    "return_for_facts",
    "save_draft",
    "say",
    "send_back",
    "sign_off",
    "submit_answer",
    "withdraw",
    "withdraw_publication",
]
