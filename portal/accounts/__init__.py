"""Who people are: residents and staff apart, with sessions, offices and roles.

Owns `resident`, `consent_record`, `staff_member`, `office`, `role_grant`, `account_session`, `sms_code`,
`sign_in_throttle`. A resident is active or deleted (an empty shell that kept records point to); a member of staff is active
or deactivated; both move one way or back by a single operation, so there is no workflow table.

Below: `audit`, `web`, `core`. Rooms above read through `queries` and subscribe to `events`.

Nothing here runs a refusal and its count in one transaction: an attempt on a code or a password is committed before it is
compared, so that neither a rollback nor a second worker gives an extra try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portal.accounts.events import ResidentDeletionRequested
from portal.core.actor import Actor, ActorKind

if TYPE_CHECKING:
    from flask import Flask


def init_app(app: Flask, api: Any) -> None:
    """Bind routes, commands, timed jobs and the authenticator; read the district's patterns."""
    from portal.accounts import cli, keys, privacy_notice, routes, staff_routes, tasks
    from portal.accounts.identity import patterns
    from portal.accounts.operations import sessions
    from portal.config import settings
    from portal.core.events import subscribe
    from portal.observability.health import readiness
    from portal.web import request_context

    with app.app_context():
        patterns.configure(settings().content_dir / "identity.yaml")
        # A wrong file stops the start, not the first sign-in.
        privacy_notice.notice()
    request_context.register_authenticator(sessions.authenticate)
    for blueprint in (routes.auth, routes.me_blp, staff_routes.blp):
        api.register_blueprint(blueprint)
    app.cli.add_command(cli.accounts_group)
    tasks.register()
    readiness.register("keys", keys.check)
    subscribe(ResidentDeletionRequested)(_forget_answers)


def _forget_answers(event: ResidentDeletionRequested) -> None:
    """Remove the answers that are kept for a person's repeated requests: they hold what was asked and told."""
    from portal.web import idempotency

    idempotency.forget(Actor(ActorKind.RESIDENT, event.resident_id))
