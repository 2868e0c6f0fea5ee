"""Consultations"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "consultation",
        sa.Column("reference", sa.String(length=24), nullable=False),
        sa.Column("resident_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("keep_unpublished", sa.Boolean(), nullable=False),
        sa.Column("contact_safety", sa.String(length=40), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rejection_reason", sa.String(length=40), nullable=True),
        sa.Column("rejection_note", sa.LargeBinary(), nullable=True),
        sa.Column("lawyer_id", sa.Uuid(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("follow_up_used", sa.Boolean(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("rating_comment", sa.LargeBinary(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state <> 'rejected' OR rejection_reason IS NOT NULL",
            name=op.f("ck_consultation_rejected_with_reason"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('claimed', 'asked_back', 'in_review') OR lawyer_id IS NOT NULL",
            name=op.f("ck_consultation_handled_by_someone"),
        ),
        sa.CheckConstraint(
            "rating IS NULL OR rating BETWEEN 1 AND 5", name=op.f("ck_consultation_rating_in_range")
        ),
        sa.ForeignKeyConstraint(
            ["lawyer_id"], ["staff_member.id"], name=op.f("fk_consultation_lawyer_id")
        ),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["resident.id"], name=op.f("fk_consultation_resident_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultation")),
        sa.UniqueConstraint("reference", name=op.f("uq_consultation_reference")),
    )
    op.create_index(
        "ix_consultation_lawyer_id_state", "consultation", ["lawyer_id", "state"], unique=False
    )
    op.create_index(
        "ix_consultation_resident_id_id", "consultation", ["resident_id", "id"], unique=False
    )
    op.create_index("ix_consultation_state_id", "consultation", ["state", "id"], unique=False)
    op.create_table(
        "consultation_answer",
        sa.Column("consultation_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_note", sa.LargeBinary(), nullable=True),
        sa.Column("signed_by_id", sa.Uuid(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state <> 'signed' OR signed_by_id IS NOT NULL",
            name=op.f("ck_consultation_answer_signed_by_someone"),
        ),
        sa.CheckConstraint(
            "signed_by_id IS NULL OR signed_by_id <> author_id",
            name=op.f("ck_consultation_answer_signed_by_second_person"),
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["staff_member.id"], name=op.f("fk_consultation_answer_author_id")
        ),
        sa.ForeignKeyConstraint(
            ["consultation_id"],
            ["consultation.id"],
            name=op.f("fk_consultation_answer_consultation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["signed_by_id"], ["staff_member.id"], name=op.f("fk_consultation_answer_signed_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultation_answer")),
    )
    op.create_index(
        op.f("ix_consultation_answer_consultation_id"),
        "consultation_answer",
        ["consultation_id"],
        unique=False,
    )
    op.create_index(
        "uq_consultation_answer_open",
        "consultation_answer",
        ["consultation_id"],
        unique=True,
        sqlite_where=sa.text("state <> 'signed'"),
        postgresql_where=sa.text("state <> 'signed'"),
    )
    op.create_table(
        "consultation_event",
        sa.Column("consultation_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("label", sa.String(length=60), nullable=False),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("next_step", sa.String(length=300), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["consultation_id"],
            ["consultation.id"],
            name=op.f("fk_consultation_event_consultation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultation_event")),
    )
    op.create_index(
        op.f("ix_consultation_event_consultation_id"),
        "consultation_event",
        ["consultation_id"],
        unique=False,
    )
    op.create_table(
        "consultation_message",
        sa.Column("consultation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("author_staff_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_staff_id"],
            ["staff_member.id"],
            name=op.f("fk_consultation_message_author_staff_id"),
        ),
        sa.ForeignKeyConstraint(
            ["consultation_id"],
            ["consultation.id"],
            name=op.f("fk_consultation_message_consultation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultation_message")),
    )
    op.create_index(
        op.f("ix_consultation_message_consultation_id"),
        "consultation_message",
        ["consultation_id"],
        unique=False,
    )
    op.create_table(
        "consultation_publication",
        sa.Column("consultation_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("title", sa.LargeBinary(), nullable=False),
        sa.Column("question", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("redactions", sa.LargeBinary(), nullable=False),
        sa.Column("proposed_by_id", sa.Uuid(), nullable=False),
        sa.Column("confirmed_by_id", sa.Uuid(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state <> 'published' OR (confirmed_by_id IS NOT NULL AND published_at IS NOT NULL)",
            name=op.f("ck_consultation_publication_confirmed_by_a_person"),
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by_id"],
            ["staff_member.id"],
            name=op.f("fk_consultation_publication_confirmed_by_id"),
        ),
        sa.ForeignKeyConstraint(
            ["consultation_id"],
            ["consultation.id"],
            name=op.f("fk_consultation_publication_consultation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by_id"],
            ["staff_member.id"],
            name=op.f("fk_consultation_publication_proposed_by_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultation_publication")),
        sa.UniqueConstraint(
            "consultation_id", name=op.f("uq_consultation_publication_consultation_id")
        ),
    )
    op.create_index(
        "ix_consultation_publication_state_published_at",
        "consultation_publication",
        ["state", "published_at"],
        unique=False,
    )
    op.create_table(
        "consultation_answer_citation",
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("law", sa.String(length=200), nullable=False),
        sa.Column("article", sa.String(length=40), nullable=False),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_id"],
            ["consultation_answer.id"],
            name=op.f("fk_consultation_answer_citation_answer_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultation_answer_citation")),
        sa.UniqueConstraint("answer_id", "position", name="uq_answer_citation_answer_position"),
    )
    op.create_index(
        op.f("ix_consultation_answer_citation_answer_id"),
        "consultation_answer_citation",
        ["answer_id"],
        unique=False,
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index(
        op.f("ix_consultation_answer_citation_answer_id"), table_name="consultation_answer_citation"
    )
    op.drop_table("consultation_answer_citation")
    op.drop_index(
        "ix_consultation_publication_state_published_at", table_name="consultation_publication"
    )
    op.drop_table("consultation_publication")
    op.drop_index(
        op.f("ix_consultation_message_consultation_id"), table_name="consultation_message"
    )
    op.drop_table("consultation_message")
    op.drop_index(op.f("ix_consultation_event_consultation_id"), table_name="consultation_event")
    op.drop_table("consultation_event")
    op.drop_index(
        "uq_consultation_answer_open",
        table_name="consultation_answer",
        sqlite_where=sa.text("state <> 'signed'"),
        postgresql_where=sa.text("state <> 'signed'"),
    )
    op.drop_index(op.f("ix_consultation_answer_consultation_id"), table_name="consultation_answer")
    op.drop_table("consultation_answer")
    op.drop_index("ix_consultation_state_id", table_name="consultation")
    op.drop_index("ix_consultation_resident_id_id", table_name="consultation")
    op.drop_index("ix_consultation_lawyer_id_state", table_name="consultation")
    op.drop_table("consultation")
