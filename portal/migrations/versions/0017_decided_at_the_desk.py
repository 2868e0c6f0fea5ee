"""Numbers of who came without an appointment and was decided on while the number was only called"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision.

    Before, an acceptance or a refusal left the number as called, so that the hall went on calling it and its clerk, asking for
    the next one, got it again until the day was over. It is at the counter, as it would be by now, until the clerk is done.
    """
    op.execute(
        "UPDATE notary_ticket SET state = 'serving', started_at = COALESCE(started_at, called_at), "
        "version = version + 1 "
        "WHERE state = 'called' AND booking_id IS NULL AND (not_accepted_note IS NOT NULL "
        "OR EXISTS (SELECT 1 FROM notary_case WHERE notary_case.ticket_id = notary_ticket.id))"
    )


def downgrade() -> None:
    """Go back to the revision before, which knows such numbers as well."""
