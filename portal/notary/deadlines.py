"""The room's deadlines (rules 2.5). NO-D1 is law and fixed; what was read second-hand (P) or not at all (U) can be set."""

from __future__ import annotations

from datetime import date, timedelta

from portal.notary.policies import CLERK
from portal.supervision.rules import RESIDENT, DeadlineRule, Unit, get, register
from portal.working_days.counting import add_months

ISSUE = "NO-D1"
ASK_REVIEW = "NO-D3"
# Amounts only, counted when an interested person asks; no clock runs for somebody the office does not know.
INTERESTED_KNEW = "NO-D4"
INTERESTED_AT_MOST = "NO-D4-MAX"
REVIEW = "NO-D5"
# Runs while the clock of the review stands, so that the pauses together stay within it.
REVIEW_PAUSES = "NO-D5-PAUSE"
CARRY_OUT = "NO-D6"
PARTY_DELAY = "NO-D7"

PAUSE_BASIS = "公证法第三十条"
REVIEW_BASIS = "公证程序规则关于复查的规定（条号待核实）"

_DAY = timedelta(days=1)


def register_rules() -> None:
    """Make the rules known to supervision."""
    for rule_id, label, unit, amount, basis, evidence, responsible, remind in (
        (ISSUE, "出具公证书", Unit.WD, 15, PAUSE_BASIS, "R", CLERK, (5 * _DAY, 2 * _DAY)),
        (
            ASK_REVIEW,
            "当事人申请复查",
            Unit.Y,
            1,
            "公证程序规则第六十一条第一款",
            "P",
            RESIDENT,
            (),
        ),
        (
            INTERESTED_KNEW,
            "利害关系人申请复查（从知道或者应当知道起）",
            Unit.Y,
            1,
            "公证程序规则第六十一条第二款",
            "P",
            RESIDENT,
            (),
        ),
        (
            INTERESTED_AT_MOST,
            "利害关系人申请复查（从出具公证书起最长）",
            Unit.Y,
            20,
            "公证程序规则第六十一条第二款",
            "P",
            RESIDENT,
            (),
        ),
        (REVIEW, "完成复查", Unit.CD, 30, REVIEW_BASIS, "P", CLERK, (7 * _DAY, 2 * _DAY)),
        (REVIEW_PAUSES, "复查的补充和核实", Unit.M, 6, REVIEW_BASIS, "P", CLERK, (7 * _DAY,)),
        (CARRY_OUT, "按复查决定更正或者撤销", Unit.CD, 10, REVIEW_BASIS, "P", CLERK, (3 * _DAY,)),
        (
            PARTY_DELAY,
            "当事人补充材料",
            Unit.M,
            6,
            "公证程序规则关于终止公证的规定（待核实）",
            "U",
            RESIDENT,
            (14 * _DAY,),
        ),
    ):
        register(
            DeadlineRule(
                id=rule_id,
                label=label,
                unit=unit,
                amount=amount,
                basis=basis,
                evidence=evidence,
                responsible=responsible,
                remind_before=remind,
                configurable=evidence != "R",
            )
        )


def last_day_to_ask(received_on: date) -> date:
    """Return the last day on which the party may ask for a review (NO-D3)."""
    return years_after(received_on, ASK_REVIEW)


def years_after(start: date, rule_id: str) -> date:
    """Return the end of a period that a rule gives in years."""
    return add_months(start, 12 * get(rule_id).amount).rolled
