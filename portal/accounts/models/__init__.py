"""Tables of the room: residents and what they agreed to, staff with offices and roles, sessions and codes."""

from portal.accounts.models.residents import (
    ConsentKind,
    ConsentRecord,
    ContactSafety,
    DocumentType,
    Resident,
    ResidentState,
)
from portal.accounts.models.sessions import (
    AccountSession,
    SessionEnd,
    SessionKind,
    SignInThrottle,
    SmsCode,
    SmsPurpose,
)
from portal.accounts.models.staff import (
    Office,
    OfficeKind,
    Role,
    RoleGrant,
    StaffMember,
    StaffState,
)

__all__ = [
    "AccountSession",
    "ConsentKind",
    "ConsentRecord",
    "ContactSafety",
    "DocumentType",
    "Office",
    "OfficeKind",
    "Resident",
    "ResidentState",
    "Role",
    "RoleGrant",
    "SessionEnd",
    "SessionKind",
    "SignInThrottle",
    "SmsCode",
    "SmsPurpose",
    "StaffMember",
    "StaffState",
]
