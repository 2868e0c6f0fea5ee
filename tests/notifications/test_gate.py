"""Truth table of the contact-safety gate, and the quiet hours."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, time

import pytest

from portal.accounts.models import ContactSafety
from portal.core.content_files import BrokenFile
from portal.notifications import gate, quiet_hours
from portal.notifications.models import Reason
from portal.notifications.quiet_hours import QuietHours

NORMAL, NEUTRAL = ContactSafety.NORMAL, ContactSafety.NEUTRAL_SMS
IN_APP, NOTHING = ContactSafety.IN_APP_ONLY, ContactSafety.NO_CONTACT
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
NONE, HINT, FULL = gate.Sms.NONE, gate.Sms.NEUTRAL, gate.Sms.FULL

# (person, case) -> (SMS, silent, reason); None means that the case has no wish of its own.
TABLE = {
    (NORMAL, None): (FULL, False, None),
    (NORMAL, NORMAL): (FULL, False, None),
    (NORMAL, NEUTRAL): (HINT, False, Reason.WISH_NEUTRAL),
    (NORMAL, IN_APP): (NONE, False, Reason.WISH_NO_SMS),
    (NORMAL, NOTHING): (NONE, True, Reason.WISH_NO_CONTACT),
    (NEUTRAL, None): (HINT, False, Reason.WISH_NEUTRAL),
    (NEUTRAL, NORMAL): (HINT, False, Reason.WISH_NEUTRAL),
    (NEUTRAL, NEUTRAL): (HINT, False, Reason.WISH_NEUTRAL),
    (NEUTRAL, IN_APP): (NONE, False, Reason.WISH_NO_SMS),
    (NEUTRAL, NOTHING): (NONE, True, Reason.WISH_NO_CONTACT),
    (IN_APP, None): (NONE, False, Reason.WISH_NO_SMS),
    (IN_APP, NORMAL): (NONE, False, Reason.WISH_NO_SMS),
    (IN_APP, NEUTRAL): (NONE, False, Reason.WISH_NO_SMS),
    (IN_APP, IN_APP): (NONE, False, Reason.WISH_NO_SMS),
    (IN_APP, NOTHING): (NONE, True, Reason.WISH_NO_CONTACT),
    (NOTHING, None): (NONE, True, Reason.WISH_NO_CONTACT),
    (NOTHING, NORMAL): (NONE, True, Reason.WISH_NO_CONTACT),
    (NOTHING, NEUTRAL): (NONE, True, Reason.WISH_NO_CONTACT),
    (NOTHING, IN_APP): (NONE, True, Reason.WISH_NO_CONTACT),
    (NOTHING, NOTHING): (NONE, True, Reason.WISH_NO_CONTACT),
}


def decide(person, case, *, has_phone=True, has_sms=True, urgent=False, now=NOON):
    """Ask the gate."""
    return gate.decide(
        gate.Wishes(person, case, has_phone),
        has_sms=has_sms,
        urgent=urgent,
        now=now,
        quiet=QuietHours(),
    )


def test_the_table_is_complete():
    assert set(TABLE) == set(itertools.product(ContactSafety, [None, *ContactSafety]))
    assert set(gate.ORDER) == set(ContactSafety)


@pytest.mark.parametrize(("person", "case"), TABLE)
def test_of_two_wishes_the_more_restrictive_holds(person, case):
    found = decide(person, case)
    assert (found.sms, found.silent, found.reason) == TABLE[person, case]
    assert found.not_before is None


@pytest.mark.parametrize(("person", "case"), TABLE)
@pytest.mark.parametrize("urgent", [True, False])
def test_no_urgency_and_no_missing_phone_opens_what_a_wish_closes(person, case, urgent):
    sms, silent, _ = TABLE[person, case]
    found = decide(person, case, urgent=urgent, now=MIDNIGHT)
    assert (found.sms, found.silent) == (sms, silent)
    without = decide(person, case, has_phone=False, urgent=urgent)
    assert (without.sms, without.silent) == (NONE, silent)
    assert without.reason is (Reason.NO_PHONE if sms is not NONE else TABLE[person, case][2])
    only_in_app = decide(person, case, has_sms=False, urgent=urgent)
    assert (only_in_app.sms, only_in_app.silent, only_in_app.reason) == (NONE, silent, None)


@pytest.mark.parametrize("person", [NORMAL, NEUTRAL])
def test_at_night_only_what_is_urgent_goes_out(person):
    assert decide(person, None, now=MIDNIGHT).not_before == datetime(2026, 3, 3, 0, tzinfo=UTC)
    assert decide(person, None, now=MIDNIGHT, urgent=True).not_before is None


def local(text: str) -> datetime:
    """An instant by the district's wall clock."""
    return datetime.fromisoformat(f"{text}+08:00")


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-02T20:59:59", None),
        ("2026-03-02T21:00:00", "2026-03-03T08:00:00"),
        ("2026-03-02T23:59:59", "2026-03-03T08:00:00"),
        ("2026-03-03T00:00:00", "2026-03-03T08:00:00"),
        ("2026-03-03T07:59:59", "2026-03-03T08:00:00"),
        ("2026-03-03T08:00:00", None),
        ("2026-12-31T22:00:00", "2027-01-01T08:00:00"),
    ],
)
def test_quiet_hours_over_midnight(now, until):
    assert QuietHours().postponed(local(now)) == (local(until) if until else None)


def test_quiet_hours_within_a_day_and_none_at_all():
    noon = QuietHours(time(12), time(14))
    assert noon.postponed(local("2026-03-02T12:30:00")) == local("2026-03-02T14:00:00")
    assert noon.postponed(local("2026-03-02T14:00:00")) is None
    assert QuietHours(time(0), time(0)).postponed(local("2026-03-02T03:00:00")) is None


def test_the_district_sets_its_hours(tmp_path):
    path = tmp_path / "notifications.yaml"
    assert quiet_hours.load(path) == QuietHours(time(21), time(8))
    path.write_text('quiet_hours: {from: "22:30", to: "06:00"}', encoding="utf-8")
    assert quiet_hours.load(path) == QuietHours(time(22, 30), time(6))


@pytest.mark.parametrize(
    "text",
    ["", "quiet_hours:", "quiet_hours: {from: 21:00, to: 08:00}", "[]", "{", "quiet_hours: 3"],
)
def test_hours_that_cannot_be_understood_stop_the_start(tmp_path, text):
    path = tmp_path / "notifications.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BrokenFile, match=r"notifications\.yaml"):
        quiet_hours.load(path)


def test_the_delivered_file_can_be_read(app):
    content = app.extensions["portal_settings"].content_dir
    assert quiet_hours.load(content / "notifications.yaml") == QuietHours()


@pytest.mark.parametrize("wishes", TABLE)
def test_nobody_rings_where_no_sms_may_go(
    wishes: tuple[ContactSafety, ContactSafety | None],
) -> None:
    assert gate.may_be_called(*wishes) is (TABLE[wishes][0] is not NONE)
