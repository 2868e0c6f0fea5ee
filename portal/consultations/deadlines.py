"""The room's deadlines. No statute sets them: they are the platform's own promises (evidence D) and may be configured."""

from __future__ import annotations

from datetime import timedelta

from portal.consultations.policies import LAWYER, MODERATOR, REVIEWER
from portal.supervision.rules import PLATFORM_PROMISE, RESIDENT, DeadlineRule, Unit, register

MODERATE = "CO-D1"
ANSWER = "CO-D2"
CLAIM_SILENCE = "CO-D3"
RESIDENT_REPLY = "CO-D4"
SIGN_OFF = "CO-D5"
FOLLOW_UP = "CO-D6"

_DAY = timedelta(days=1)


def register_rules() -> None:
    """Make the rules known to supervision."""
    for rule_id, label, unit, amount, responsible, remind in (
        (MODERATE, "审核咨询", Unit.WD, 1, MODERATOR, (timedelta(hours=4),)),
        (ANSWER, "答复咨询", Unit.WD, 5, LAWYER, (2 * _DAY, _DAY)),
        (CLAIM_SILENCE, "认领后推进办理", Unit.H, 48, LAWYER, (timedelta(hours=12),)),
        (RESIDENT_REPLY, "居民补充情况", Unit.CD, 15, RESIDENT, (3 * _DAY,)),
        (SIGN_OFF, "签发答复", Unit.WD, 1, REVIEWER, (timedelta(hours=4),)),
        (FOLLOW_UP, "居民可以追问", Unit.CD, 15, RESIDENT, ()),
    ):
        register(
            DeadlineRule(
                id=rule_id,
                label=label,
                unit=unit,
                amount=amount,
                basis=PLATFORM_PROMISE,
                evidence="D",
                responsible=responsible,
                remind_before=remind,
                configurable=True,
            )
        )
