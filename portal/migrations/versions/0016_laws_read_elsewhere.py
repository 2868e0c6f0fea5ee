"""Answers that rest on laws the portal does not hold"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("consultation_answer", sa.Column("checked_elsewhere", sa.LargeBinary()))
    with op.batch_alter_table("consultation_answer_citation") as batch:
        batch.alter_column("article_id", existing_type=sa.Uuid(), nullable=True)


def downgrade() -> None:
    """Go back to the revision before. What rests on laws that are not held has no place there."""
    op.execute("DELETE FROM consultation_answer_citation WHERE article_id IS NULL")
    with op.batch_alter_table("consultation_answer_citation") as batch:
        batch.alter_column("article_id", existing_type=sa.Uuid(), nullable=False)
    op.drop_column("consultation_answer", "checked_elsewhere")
