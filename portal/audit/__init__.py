"""The record of who did and who saw what.

Owns `audit_event` (append-only, hash-chained), `audit_head` (the sealed end of the chain) and `audit_removal` (up to where
events were removed when their time was over). Every room above writes here through `operations.record` inside its unit of
work; auditors read through one page, and `flask audit verify` walks the chain.

How the record is kept honest:

* The application cannot change or delete an event: the ORM refuses, and triggers refuse on both databases. One job removes
  the oldest events when their time is over (`retention`); the triggers let through what its sealed row covers.
* Each event carries a SHA-256 over its content and the hash before it, so a change made around the application shows.
* The end of the chain is kept in a second table under a keyed seal (HMAC). A removed last event leaves a head that nothing
  answers to, and the seal cannot be made without the index key. Someone who can write to the database and kept an old copy
  of the sealed head could still go back to it; therefore the head is written to the log every day, and
  `flask audit verify --expect SEQUENCE:HASH` compares the chain with a head noted earlier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask


def init_app(app: Flask, api: Any) -> None:
    """Add the auditors' page, the command and the daily jobs."""
    from portal.audit import cli, staff_routes, tasks

    api.register_blueprint(staff_routes.blp)
    app.cli.add_command(cli.audit_group)
    tasks.register()
