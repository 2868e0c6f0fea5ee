"""What messages say. Each room registers its own; this module makes sure that an SMS can never
carry a case's detail.

An in-app text is read behind a sign-in and may name the matter's reference and state. An SMS shows
on a locked screen that somebody else holds: its text may use neutral parameters only, their values
come from the portal and are checked, and a template that asks for more does not start.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from portal.core.references import normalise_reference

# The only things an SMS may name. `reference` is the matter's number, the other two come from the
# settings.
SMS_PARAMETERS = frozenset({"reference", "district", "office_phone"})
# For a person who wants no hint of a law matter on the screen: no service, no reference, no place.
NEUTRAL_SMS = "您有一条新消息，请登录查看。"
# The same for who has no account, so nowhere to sign in.
NEUTRAL_SMS_WITHOUT_ACCOUNT = "您有一条新消息，请向您联系过的单位询问。"
CODE_SMS = "验证码 {code}，5 分钟内有效。请勿告诉任何人。"
# Two parts of a long Chinese SMS; longer ones arrive torn apart on old phones.
MOST_SMS = 130

_CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_LINK = re.compile(r"https?:|www\.|[a-z0-9-]+\.(?:com|cn|net|gov)\b", re.IGNORECASE)
_PHONE = re.compile(r"[0-9][0-9-]{2,19}")


class BadTemplate(ValueError):
    """The template breaks a rule; the portal does not start with it."""


@dataclass(frozen=True)
class Template:
    """A kind of message.

    `code` looks like `consultation.answered`. `title` and `in_app` may use any `{parameter}` that
    the caller gives, and `{reference}`. `sms` None means that no SMS is ever sent for it. `urgent`
    messages ignore the quiet hours: only what is of no use in the morning. `sms_without_account` is
    said to who has no account and cannot sign in to read more; None means that they are told nothing.
    """

    code: str
    title: str
    in_app: str
    sms: str | None = None
    urgent: bool = False
    sms_without_account: str | None = None

    @property
    def for_nobody_signed_in(self) -> Template:
        """The template as it is for who has no account."""
        return replace(self, sms=self.sms_without_account, sms_without_account=None)


@dataclass(frozen=True)
class Text:
    """A message as a person reads it in the app."""

    title: str
    body: str


# A template that is no longer registered still has messages in the table.
_FORGOTTEN = Template("forgotten", "通知", "您有一条消息，请查看相关事项的最新情况。")
_templates: dict[str, Template] = {}


def register(template: Template) -> Template:
    """Register a template; registering the same one again has no effect.

    Raises BadTemplate for a malformed code, an unclear parameter, another template under the same
    code, or an SMS that could carry more than neutral parameters.
    """
    if not _CODE.fullmatch(template.code):
        raise BadTemplate(f"{template.code}: a code looks like room.event")
    known = _templates.get(template.code)
    if known is not None and known != template:
        raise BadTemplate(f"{template.code}: registered twice with different texts")
    for text in (template.title, template.in_app):
        parameters_of(text)
        if not text.strip():
            raise BadTemplate(f"{template.code}: empty text")
    for sms in (template.sms, template.sms_without_account):
        if sms is not None:
            _check_sms(template.code, sms)
    _templates[template.code] = template
    return template


def find(code: str) -> Template | None:
    """Return the template registered under `code`, None when there is none (any more)."""
    return _templates.get(code)


def get(code: str) -> Template:
    """Return the template registered under `code`; raises LookupError."""
    found = find(code)
    if found is None:
        raise LookupError(f"no template {code}")
    return found


def registered() -> tuple[Template, ...]:
    """Return all templates, by code."""
    return tuple(_templates[code] for code in sorted(_templates))


def parameters_of(text: str) -> frozenset[str]:
    """Return the names in braces; raises BadTemplate for anything but plain names (`{0}`, `{a.b}`,
    `{a!r}`, `{a:>9}`).
    """
    names = set()
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise BadTemplate(f"unbalanced braces: {text}") from error
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or form or conversion:
            raise BadTemplate(f"not a plain parameter: {name!r}")
        names.add(name)
    return frozenset(names)


def check_parameters(
    template: Template, params: Mapping[str, Any], reference: str | None
) -> dict[str, str | int]:
    """Return what the template needs from `params`; raises BadTemplate when one is missing or is no
    text or number.

    Parameters that no text uses are refused too: they would be kept without a purpose.
    """
    needed = parameters_of(template.title) | parameters_of(template.in_app)
    if "reference" in needed and reference is None:
        raise BadTemplate(f"{template.code}: needs a reference")
    if template.sms and "reference" in parameters_of(template.sms) and reference is None:
        raise BadTemplate(f"{template.code}: its SMS needs a reference")
    given = set(params)
    if given != needed - {"reference", "district", "office_phone"}:
        raise BadTemplate(
            f"{template.code}: parameters {sorted(given)} given, {sorted(needed)} needed"
        )
    for name, value in params.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise BadTemplate(f"{template.code}: {name} is neither text nor a whole number")
    return dict(params)


def render(
    code: str, params: Mapping[str, Any], reference: str | None, common: Mapping[str, str]
) -> Text:
    """Return the in-app text of a stored message. `common` holds the district and the office's
    phone.

    A message whose template has gone, or has since asked for more, is shown with a general text
    instead of failing.
    """
    template = _templates.get(code, _FORGOTTEN)
    values = {**common, **params, "reference": reference or ""}
    try:
        return Text(template.title.format_map(values), template.in_app.format_map(values))
    except KeyError:
        return Text(_FORGOTTEN.title, _FORGOTTEN.in_app)


def render_sms(template: Template, reference: str | None, common: Mapping[str, str]) -> str:
    """Return the SMS text. No parameter of the caller's reaches it; raises BadTemplate for a
    reference that is none.
    """
    if template.sms is None:
        raise BadTemplate(f"{template.code}: has no SMS")
    values = {name: common[name] for name in ("district", "office_phone")}
    if not _PHONE.fullmatch(values["office_phone"]):
        raise BadTemplate("the office's phone is not a phone number")
    if reference is not None:
        # Checked by its check character, so that no free text comes this way.
        if normalise_reference(reference) != reference:
            raise BadTemplate(f"{template.code}: not a reference number")
        values["reference"] = reference
    return template.sms.format_map(values)


def _check_sms(code: str, text: str) -> None:
    extra = parameters_of(text) - SMS_PARAMETERS
    if extra:
        raise BadTemplate(f"{code}: an SMS may not carry {sorted(extra)}")
    if not text.strip():
        raise BadTemplate(f"{code}: empty SMS")
    if len(text) > MOST_SMS:
        raise BadTemplate(f"{code}: an SMS of more than {MOST_SMS} characters")
    if _LINK.search(text):
        # Residents are told never to open links in an SMS; ours must not be the exception.
        raise BadTemplate(f"{code}: an SMS may not carry a link")
