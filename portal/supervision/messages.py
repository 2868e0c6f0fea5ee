"""What the register tells people, and whom: the responsible, and supervisors when it is late."""

from __future__ import annotations

from datetime import date

import structlog

from portal.accounts.models import Role, StaffMember
from portal.core import clock
from portal.notifications import operations as notifications
from portal.notifications import templates
from portal.notifications.templates import Template
from portal.supervision import contacts, rules
from portal.supervision.models import Deadline
from portal.supervision.rules import Unit
from portal.supervision.schemas import name_of

REMINDER = "supervision.reminder"
ALARM = "supervision.alarm"
OVERDUE = "supervision.overdue"
ESCALATED = "supervision.escalated"
MOVED = "supervision.moved"
RESIDENT_REMINDER = "supervision.resident_reminder"
RESIDENT_MOVED = "supervision.resident_moved"

_log = structlog.get_logger(__name__)


def register_templates() -> None:
    """Make the texts known to notifications."""
    for template in (
        Template(REMINDER, "期限提醒：{name}", "{matter}的“{name}”应在{due}前办结，请及时办理。"),
        Template(
            ALARM,
            "期限预警：{name}",
            "{matter}的“{name}”按日历日已于{raw}届满，因遇休息日依法顺延到{due}，请尽快办结。",
        ),
        Template(OVERDUE, "期限逾期：{name}", "{matter}的“{name}”已于{due}逾期，请立即办理。"),
        Template(
            ESCALATED,
            "逾期督办：{name}",
            "{matter}的“{name}”已于{due}逾期，应由{responsible}办理，请督办。",
        ),
        Template(
            MOVED,
            "期限变动：{name}",
            "放假安排有变动，{matter}的“{name}”届满日由{before}改为{after}。",
        ),
        Template(
            RESIDENT_REMINDER,
            "请您留意：{name}",
            "{matter}的“{name}”到{due}截止，请您及时办理。",
            sms="您在{district}平台有一件事项快到期了，请登录查看。",
        ),
        Template(
            RESIDENT_MOVED,
            "日期变动：{name}",
            "放假安排有变动，{matter}的“{name}”截止日由{before}改为{after}。",
            sms="您在{district}平台有一件事项的日期有变动，请登录查看。",
        ),
    ):
        templates.register(template)


def remind(deadline: Deadline) -> None:
    """Remind whoever is responsible that the end comes near."""
    if deadline.responsible_role == rules.RESIDENT:
        _tell_resident(deadline, RESIDENT_REMINDER, {"due": _due(deadline)})
    else:
        _tell_responsible(deadline, REMINDER, {"due": _due(deadline)})


def alarm(deadline: Deadline) -> None:
    """Warn the responsible and the supervisors that the counted days are over and only rest days
    remain.
    """
    params = {"raw": clock.spoken_day(deadline.due_raw), "due": _due(deadline)}
    _tell_responsible(deadline, ALARM, params)
    _tell_role(deadline, Role.SUPERVISOR, ALARM, params)


def overdue(deadline: Deadline) -> None:
    """Tell the responsible, and escalate to the supervisors; a resident's expiry is told by the
    subject's room.
    """
    if deadline.responsible_role == rules.RESIDENT:
        return
    _tell_responsible(deadline, OVERDUE, {"due": _due(deadline)})
    _tell_role(
        deadline,
        Role.SUPERVISOR,
        ESCALATED,
        {"due": _due(deadline), "responsible": _responsible(deadline)},
    )


def moved(deadline: Deadline, before: date) -> None:
    """Tell the responsible that the lawful end is another day than it was."""
    params = {"before": clock.spoken_day(before), "after": clock.spoken_day(deadline.due_rolled)}
    if deadline.responsible_role == rules.RESIDENT:
        _tell_resident(deadline, RESIDENT_MOVED, params)
    else:
        _tell_responsible(deadline, MOVED, params)


def _tell_responsible(deadline: Deadline, template: str, params: dict[str, str]) -> None:
    staff = deadline.responsible_staff
    if staff is None or not _still_there(staff, deadline):
        # Whoever has left the service reads no messages, and whoever works at another office or in another role now can do
        # nothing about it: the role takes over.
        _tell_role(deadline, Role(deadline.responsible_role), template, params)
        return
    notifications.notify_staff(
        staff.id,
        template,
        _params(deadline, params),
        subject_kind=deadline.subject_kind,
        subject_id=deadline.subject_id,
        reference=deadline.reference,
    )


def _still_there(staff: StaffMember, deadline: Deadline) -> bool:
    """True while somebody works in the role, and for the office where the deadline has one."""
    role, office_id = deadline.responsible_role, deadline.office_id
    return staff.is_active and any(
        grant.role.value == role and (office_id is None or grant.office_id in (None, office_id))
        for grant in staff.grants
    )


def _tell_role(deadline: Deadline, role: Role, template: str, params: dict[str, str]) -> None:
    told = notifications.notify_staff(
        None,
        template,
        _params(deadline, params),
        role=role.value,
        office_id=deadline.office_id,
        subject_kind=deadline.subject_kind,
        subject_id=deadline.subject_id,
        reference=deadline.reference,
    )
    if not told:
        _log.warning("deadline_nobody_to_tell", role=role.value, rule=deadline.rule_id)


def _tell_resident(deadline: Deadline, template: str, params: dict[str, str]) -> None:
    contact = contacts.of(deadline.subject_kind, deadline.subject_id)
    if contact is None:
        _log.warning("deadline_no_contact", kind=deadline.subject_kind, rule=deadline.rule_id)
        return
    notifications.notify_resident(
        contact.resident_id,
        template,
        _params(deadline, params),
        subject_kind=deadline.subject_kind,
        subject_id=deadline.subject_id,
        reference=deadline.reference,
        safety=contact.safety,
    )


def _params(deadline: Deadline, params: dict[str, str]) -> dict[str, str]:
    return {**params, "name": name_of(deadline), "matter": deadline.reference or "一件事项"}


def _responsible(deadline: Deadline) -> str:
    staff = deadline.responsible_staff
    label = rules.role_label(deadline.responsible_role)
    if staff is None or not _still_there(staff, deadline):
        return label
    return f"{label}{staff.display_name}"


def _due(deadline: Deadline) -> str:
    rule = rules.find(deadline.rule_id)
    text = clock.spoken_day(deadline.due_rolled)
    if rule is not None and rule.unit is Unit.H:
        text += f"{clock.local(deadline.due_at):%H:%M}"
    return text
