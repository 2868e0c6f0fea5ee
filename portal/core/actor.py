"""Who is acting. Operations and policies take an `Actor`; they never look at a request or a session."""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass, field


class ActorKind(enum.StrEnum):
    """The four kinds of caller."""

    ANONYMOUS = "anonymous"
    RESIDENT = "resident"
    STAFF = "staff"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """An immutable picture of the caller, free of database sessions.

    `grants` holds (role, office id) pairs; an office id of None means the role holds in every office.
    """

    kind: ActorKind
    id: uuid.UUID | None = None
    session_id: uuid.UUID | None = None
    grants: frozenset[tuple[str, uuid.UUID | None]] = field(default_factory=frozenset)

    @property
    def is_resident(self) -> bool:
        """True for a signed-in resident."""
        return self.kind is ActorKind.RESIDENT

    @property
    def is_staff(self) -> bool:
        """True for a signed-in member of staff."""
        return self.kind is ActorKind.STAFF

    @property
    def own_id(self) -> uuid.UUID:
        """The id of a resident or a member of staff; raises RuntimeError for a caller who has none."""
        if self.id is None:
            raise RuntimeError(f"an {self.kind} actor has no id")
        return self.id

    @property
    def roles(self) -> frozenset[str]:
        """All roles held in any office."""
        return frozenset(role for role, _ in self.grants)

    def has_role(self, *roles: str, office_id: uuid.UUID | None = None) -> bool:
        """True when one of `roles` is held; with `office_id`, in that office or in all offices."""
        return any(
            role in roles and (office_id is None or held is None or held == office_id)
            for role, held in self.grants
        )


ANONYMOUS = Actor(ActorKind.ANONYMOUS)
SYSTEM = Actor(ActorKind.SYSTEM)
