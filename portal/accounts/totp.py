"""One-time passwords (TOTP, RFC 6238): 30-second steps, one step of tolerance on each side."""

from __future__ import annotations

import hmac
import re
import unicodedata

import pyotp

from portal.config import settings
from portal.core import clock

STEP_SECONDS = 30
TOLERANCE = 1
_CODE = re.compile(r"\d{6}", re.ASCII)


def new_secret() -> str:
    """Return a fresh 160-bit secret in base32."""
    return pyotp.random_base32()


def matching_step(secret: str, code: str) -> int | None:
    """Return the number of the 30-second step whose code this is, or None.

    The caller stores the step and accepts only later ones, so that each code opens once.
    """
    plain = unicodedata.normalize("NFKC", code).replace(" ", "")
    if not _CODE.fullmatch(plain):
        return None
    now = int(clock.now().timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    found = None
    for step in range(now - TOLERANCE, now + TOLERANCE + 1):
        if hmac.compare_digest(totp.at(step * STEP_SECONDS), plain):
            found = step
    return found


def provisioning_uri(secret: str, user_name: str) -> str:
    """Return the `otpauth://` address that an authenticator application reads as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(
        name=user_name, issuer_name=f"{settings().district_name}法治服务平台"
    )
