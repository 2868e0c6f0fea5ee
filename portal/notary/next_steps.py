"""What can be done next about a booking or a case, in words: what people are told to do has to be possible."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from portal.core import clock
from portal.notary import case_notifications as cases
from portal.notary import deadlines
from portal.notary.models import (
    AppealState,
    BookingState,
    CaseState,
    NotaryBooking,
    NotaryCase,
    NotaryNoShow,
    NotaryOffice,
    NotaryTicket,
    PauseGround,
    ReviewBy,
)
from portal.notary.notifications import (
    AFFECTED_NEXT_STEP,
    AFFECTED_WITH_OTHER_NEXT_STEP,
    AFFECTED_WITHOUT_OTHER_NEXT_STEP,
    CANCELLED_BY_OFFICE_NEXT_STEP,
    NEXT_STEP_BY_NUMBER,
    NEXT_STEP_BY_STATE,
    OTHER_TIME_NEXT_STEP,
    STOPPED_NEXT_STEP,
)
from portal.supervision import rules

HANDLER_HAS_LEFT = "承办人已不在本机构办理公证，请变更承办人。"
# How many free times a sentence names.
NAMED = 3


def contact(office: NotaryOffice) -> str:
    """Return how to reach an office; a telephone only where it has entered one."""
    if office.phone:
        return f"拨打{office.name}的电话 {office.phone}"
    return f"直接联系{office.name}"


def of_booking(booking: NotaryBooking) -> str:
    """Return what its person can do now."""
    if booking.state is BookingState.CANCELLED and booking.cancellation_reason is not None:
        return CANCELLED_BY_OFFICE_NEXT_STEP.format(contact=contact(booking.office))
    if booking.state is BookingState.CHECKED_IN and booking.day < clock.today():
        return "您已到场，办理结果由公证机构登记。"
    if booking.kept_until is not None and booking.kept_until <= clock.now():
        # Lapsed, and not freed yet.
        return NEXT_STEP_BY_STATE[BookingState.EXPIRED]
    if booking.state is not BookingState.CONFIRMED:
        return NEXT_STEP_BY_STATE[booking.state]
    if booking.has_to_move:
        return AFFECTED_NEXT_STEP if booking.matter.active else STOPPED_NEXT_STEP
    if booking.starts_at > clock.now():
        return NEXT_STEP_BY_STATE[booking.state]
    how = contact(booking.office)
    if booking.day < clock.today():
        return f"预约的时间已经过去，没有签到记录；有疑问请{how}。"
    return f"预约的时间已到，不能再改期或者取消。还能到场的请尽快到场签到；来不了或者要晚到的，请{how}。"


def of_hold(booking: NotaryBooking) -> str:
    """Return what somebody can do about a time that is kept for them."""
    kept_for_move = booking.state is BookingState.OFFERED and booking.replaces_id is not None
    return OTHER_TIME_NEXT_STEP if kept_for_move else NEXT_STEP_BY_STATE[booking.state]


def of_visit(
    booking: NotaryBooking, number: NotaryTicket | None, rows: Sequence[NotaryNoShow]
) -> str:
    """Return what its person can do now, with their `number` of the day and what is written down as missed."""
    if booking.state is BookingState.NO_SHOW:
        return _of_missed(booking, rows)
    waits = booking.state is BookingState.CHECKED_IN and booking.day == clock.today()
    if waits and number is not None and number.state in NEXT_STEP_BY_NUMBER:
        return NEXT_STEP_BY_NUMBER[number.state]
    return of_booking(booking)


def _of_missed(booking: NotaryBooking, rows: Sequence[NotaryNoShow]) -> str:
    """Return what the person of a missed appointment can do; `rows` are gone once it no longer counts."""
    said = {row.appeal for row in rows}
    if AppealState.OPEN in said:
        return "申诉已收到，公证机构处理后会通知您。"
    if AppealState.GRANTED in said:
        return "申诉成立，不计入未到场次数。"
    over = "" if any(row.counts for row in rows) else "这次未到场已经不再计入次数。"
    if AppealState.DENIED in said:
        way = contact(booking.office)
        return f"申诉不成立，理由见到场情况；仍有异议的，请{way}。{over}"
    if over:
        return f"登记为未到场；{over}需要时可以重新预约。"
    return "登记为未到场；记录有误的，可以申诉一次。"


def of_affected(booking: NotaryBooking, other: NotaryBooking | None) -> str:
    """Return what somebody who has to move can do now; `other` is the time that is kept for them."""
    if not booking.matter.active:
        return STOPPED_NEXT_STEP
    return AFFECTED_WITHOUT_OTHER_NEXT_STEP if other is None else AFFECTED_WITH_OTHER_NEXT_STEP


def of_lost_day(times: Sequence[datetime]) -> list[str]:
    """Return in words that somebody who has to move can still come on their own day; nothing where no time is left."""
    if not times:
        return []
    first = "、".join(clock.spoken(each) for each in times[:NAMED])
    more = "等" if len(times) > NAMED else ""
    return [f"原定当天还有空：{first}{more}，可以改期到那时。"]


def of_two_places(who: str, other: NotaryBooking) -> str:
    """Return what can be done about somebody of an appointment who is to be at another one at its time."""
    return (
        f"{who}在同一时间还要到{other.office.name}办理（预约 {other.reference}），不能同时到两处；"
        "请改期，或者换代理人、监护人。"
    )


def to_tell(booking: NotaryBooking, other: NotaryBooking | None) -> str:
    """Return what staff have to tell its people, as it stands now; `other` is the time that is kept for them."""
    when = clock.spoken(booking.starts_at)
    if booking.state is BookingState.CANCELLED:
        why = (booking.cancellation_reason or "机构取消").rstrip("。")
        return (
            f"原定 {when} 的预约已由公证机构取消，原因：{why}。不计入未到场，需要的可以重新预约。"
        )
    if not booking.has_to_move:
        return f"原定 {when} 恢复办理，请按原时间到场。"
    lost = f"原定 {when}，因{booking.affected_reason}不能办理。"
    if not booking.matter.active:
        return f"{lost}这个公证事项停止办理，没有别的时段，问清后应其要求取消预约。"
    if other is None or other.kept_until is None:
        return f"{lost}目前没有留出新时段，请问清改到什么时候，或者取消。"
    until = clock.spoken(other.kept_until)
    return f"{lost}已留出 {clock.spoken(other.starts_at)}，保留到 {until}，请问清是否接受，或者改期、取消。"


def how_to_reach(booking: NotaryBooking, *, rung: bool, phone: bool) -> str:
    """Return how staff can reach its people: whether they may be `rung`, and whether a `phone` of theirs is known."""
    if not rung:
        return "当事人要求不要打电话：在其来电或者到窗口时告知，也可以寄信。"
    if phone:
        return "打电话告知，号码在预约里查看。"
    represented = booking.agent is not None or booking.guardians
    if represented:
        return "当事人没有留电话：打电话给其代理人或者监护人，号码在预约里查看。"
    return "当事人没有留电话：寄信或者上门告知，或者在其来电、到窗口时告知。"


def of_case(case: NotaryCase) -> str:
    """Return what the party of a case can do now."""
    if case.state in (CaseState.ISSUED, CaseState.CORRECTED):
        received = case.state is CaseState.ISSUED and case.received_on is not None
        said = cases.RECEIVED_NEXT_STEP if received else cases.NEXT_STEP_BY_STATE[case.state]
        return said.format(review=_until_when_to_ask(case), contact=contact(case.office))
    if case.lasting:
        return _of_pause(case)
    said = cases.NEXT_STEP_BY_STATE[case.state]
    waits = case.state is CaseState.MAINTAINED and case.received_on is None
    return f"{said}{cases.NOT_RECEIVED}" if waits else said


def _of_pause(case: NotaryCase) -> str:
    """Return what the party can do while the clock of the case, or of its review, stands."""
    papers = any(pause.ground is PauseGround.SUPPLEMENT for pause in case.lasting)
    review = case.open_review
    if not papers:
        return (
            cases.NEXT_STEP_BY_STATE[case.state]
            if review is None
            else cases.REVIEW_PAUSED_NEXT_STEP
        )
    said = cases.SUPPLEMENT_NEXT_STEP
    if review is not None:
        own = review.by is ReviewBy.PARTY
        said = cases.REVIEW_SUPPLEMENT_NEXT_STEP if own else cases.REVIEW_WAITS_NEXT_STEP
    office = case.office
    place = f"{office.name}（{office.address}）" if office.address else office.name
    return said.format(place=place, contact=contact(office))


def _until_when_to_ask(case: NotaryCase) -> str:
    """Return until when the party may ask for a review (rules NO-D3); later the office decides whether it takes it."""
    if case.received_on is None:
        return f"认为有错误的，可以在领取后 {rules.get(deadlines.ASK_REVIEW).text}内申请复查。"
    last = deadlines.last_day_to_ask(case.received_on)
    if clock.today() > last:
        return f"申请复查的期限到{clock.spoken_day(last)}为止，已经届满；还要申请的，是否办理由公证机构决定。"
    return f"认为有错误的，可以申请复查，期限到{clock.spoken_day(last)}为止。"


def of_case_for_staff(case: NotaryCase) -> str:
    """Return what the office can do now."""
    if case.state is CaseState.ISSUED and case.received_on is not None:
        return cases.STAFF_RECEIVED_NEXT_STEP
    if case.state is CaseState.REVIEW and case.lasting:
        return cases.STAFF_REVIEW_PAUSED_NEXT_STEP
    return cases.STAFF_NEXT_STEP_BY_STATE[case.state]
