"""A template of the tests, a sender that remembers, and people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from portal.accounts.models import Resident
from portal.core import references
from portal.notifications import quiet_hours, senders, templates
from portal.notifications.models import Message
from portal.notifications.operations import notify_resident
from portal.notifications.senders import Receipt
from portal.notifications.templates import Template

REFERENCE = references.format_reference("ZX", 2026, 123)
ANSWERED = Template(
    "test.answered",
    "您的咨询有了答复",
    "咨询 {reference}（{topic}）已经答复，请在 {days} 天内评价。",
    "【法治{district}】{reference} 有新进展，请登录查看。咨询电话 {office_phone}",
)
URGENT = Template(
    "test.urgent", "今天的预约", "预约 {reference} 今天办理。", "请登录查看。", urgent=True
)
IN_APP = Template("test.in_app", "提示", "请查看。")


class Recorder:
    """A sender that keeps what it is given, or fails with the errors it was told to raise."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.errors: list[Exception] = []

    def send(self, message_id: str, phone: str, text: str) -> Receipt:
        """Remember one SMS."""
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append((message_id, phone, text))
        return Receipt(f"gw-{len(self.sent)}")


@pytest.fixture(autouse=True)
def own_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' templates, beside those of the rooms."""
    monkeypatch.setattr(
        templates,
        "_templates",
        {**templates._templates, **{kind.code: kind for kind in (ANSWERED, URGENT, IN_APP)}},
    )


@pytest.fixture(autouse=True)
def default_hours() -> Iterator[None]:
    """Quiet from nine in the evening to eight in the morning."""
    before = quiet_hours.current()
    quiet_hours.configure(quiet_hours.QuietHours())
    yield
    quiet_hours.configure(before)


@pytest.fixture
def sender(database: None) -> Iterator[Recorder]:
    """The sender in use."""
    recorder = Recorder()
    senders.use(recorder)
    yield recorder
    senders.use(None)


def tell(resident: Resident, template: str = "test.answered", **more: Any) -> Message:
    """Tell a resident something with the tests' template."""
    params = {"topic": "婚姻家庭", "days": 7} if template == "test.answered" else {}
    given = {"subject_kind": "consultation", "subject_id": None, "reference": REFERENCE, **more}
    return notify_resident(resident.id, template, given.pop("params", params), **given)
