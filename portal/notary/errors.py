"""Refusals of this room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from portal.core.errors import Conflict, Gone, WrongState


class SlotTaken(Conflict):
    """No seat is left at that time."""

    code = "slot_taken"
    message = "这个时段刚刚约满了。"
    next_step = "请换一个时段，或者加入排队，有号时按先后通知您。"


class HoldExists(Conflict):
    """The account holds another seat."""

    code = "hold_exists"
    message = "您已经保留了一个时段，还没有确认。"
    next_step = "请先确认或者放弃已保留的时段，再选别的时段。"


class HoldExpired(Gone):
    """The time of a hold or an offer is over."""

    code = "hold_expired"
    message = "保留时间已过，这个时段不再为您保留。"
    next_step = "请重新选择时段。"


class HoldWithdrawn(HoldExpired):
    """The office gave the time up while it was held."""

    message = "这个时段刚刚不再办理，不能为您保留。"
    next_step = "不是您操作慢了；请换一个时段。"


class AlreadyConfirmed(WrongState):
    """A hold or an offer was confirmed before, by a request whose answer may have been lost."""

    message = "这个时段已经预约成功，不用再确认。"
    next_step = "请在“我的预约”里查看这个预约。"


class ChangedMeanwhile(Conflict):
    """Something of the appointment changed between what its step was decided by and the step itself."""

    code = "changed_meanwhile"
    message = "这个预约刚刚有变化（例如改期、取消或者更正），您的操作没有执行。"
    next_step = "请刷新查看现在的时间和状态，再决定是否继续。"


class NotBookable(Conflict):
    """The day is too near, too far, or nothing is done then."""

    code = "not_bookable"
    message = "这一天不能预约。"
    next_step = "请查看可以预约的日期，换一天再约。"


class NoSuchTime(NotBookable):
    """Nothing is ever given out that begins then, or not for long enough."""

    code = "no_such_time"
    message = "没有这个时段。"


class ClosedDay(NotBookable):
    """No counter for the matter is open on the day."""

    code = "closed_day"
    message = "当天不对外办理。"


class TooManyParties(NotBookable):
    """More people than any one seat of the office can hold."""

    code = "too_many_parties"
    message = "一个时段容不下这么多人。"
    next_step = "请分开预约，或者直接联系公证机构。"


class PersonLimit(Conflict):
    """A party meets what one person may have; one sentence for residents, and one for who does it for them at the desk."""

    # What a clerk reads instead of `message`, where that speaks of doing it online, and of `next_step`.
    staff_message: str | None = None
    staff_next_step: str

    def at_desk(self, which: Sequence[str]) -> Self:
        """Return the refusal as a clerk reads it; `which` names the appointments that led to it, as far as they are known."""
        said = (self.staff_message or self.message).rstrip("。")
        self.message = f"{said}{'：' if which else ''}{'、'.join(which)}。"
        self.next_step = self.staff_next_step
        return self


class AlreadyBooked(PersonLimit):
    """A party has a booking for the same matter (rules 2.9)."""

    code = "already_booked"
    message = "有当事人已经预约了同一公证事项。"
    next_step = (
        "请在原来的预约上改期，或者先取消原来的预约；原来的时间已过的，请联系公证机构登记结果。"
    )
    staff_next_step = (
        "请应当事人要求在那个预约上改期或者取消；时间已到的，请先登记结果。"
        "在别的公证机构约的，请当事人自己取消，或者联系那个机构。"
    )


class BookedAnew(AlreadyBooked):
    """A step cannot be taken back, as a party has booked the matter again since then."""

    message = "这个预约不能恢复，当事人已经另外约了同一事项。"
    staff_next_step = (
        "要恢复的，请先应当事人要求取消另外的那个预约；要保留那个的，这个预约不用恢复。"
        "那个预约的时间已到的，请先登记结果；在别的公证机构约的，请当事人自己取消，或者联系那个机构。"
    )


class LimitReached(PersonLimit):
    """A party has as many bookings as one person may have."""

    code = "person_limit"
    message = "有当事人的预约数量已经到了上限。"
    next_step = "请等已有的预约办完，或者先取消其中一个；时间已过的，请联系公证机构登记结果。"
    staff_next_step = (
        "不再需要的，请应当事人要求取消；时间已到的，请先登记结果；在别的公证机构约的，请当事人自己取消，"
        "或者联系那个机构。今天就要办的，可以现场取号。"
    )


class TooManyNoShows(PersonLimit):
    """A party missed appointments too often."""

    code = "too_many_no_shows"
    message = "有当事人多次预约后没有到场，暂时不能网上预约。"
    next_step = "可以直接到公证机构现场取号；如果记录有误，请在原预约里申诉。"
    staff_message = "有当事人多次预约后没有到场，暂时不能预约。"
    staff_next_step = (
        "请当事人现场取号。登记有误的，登记当天可以在原预约里撤销，以后请应当事人要求登记申诉，再处理申诉；"
        "在别的公证机构登记的，请当事人自己申诉，或者联系那个机构。"
    )


class ElsewhereThen(PersonLimit):
    """A party has another appointment at the same time, and can be in one place only."""

    code = "elsewhere_then"
    message = "有当事人在这个时间已经有别的预约，不能同时到两处办理。"
    next_step = "请换一个时间，或者先改期、取消同一时间的另一个预约。"
    staff_next_step = (
        "请换一个时间，或者先应当事人要求改期、取消那个预约；在别的公证机构约的，请当事人自己改期、取消，"
        "或者联系那个机构。"
    )


class PartyUnavailable(Conflict):
    """What stands in place of the four above where another account has made the appointments.

    A name with its identity number is easily come by: whoever types them must not learn that their owner has an appointment,
    or for what. Somebody for whom a relative has booked is told the same, and asks the office.
    """

    code = "party_unavailable"
    message = "有当事人现在不能再预约。"
    next_step = "请当事人本人联系公证机构，或者直接到公证机构现场取号；可能是家人已经代为预约，公证机构可以核对。"
