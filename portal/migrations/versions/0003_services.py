"""Working days, attachments, messages and deadlines"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "attachment",
        sa.Column("uploader_kind", sa.String(length=40), nullable=False),
        sa.Column("uploader_id", sa.Uuid(), nullable=False),
        sa.Column("subject_kind", sa.String(length=60), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("attached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("file_name", sa.LargeBinary(), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("scan_state", sa.String(length=40), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(subject_kind IS NULL) = (subject_id IS NULL) AND (subject_kind IS NULL) = (position IS NULL) AND (subject_kind IS NULL) = (attached_at IS NULL)",
            name=op.f("ck_attachment_attached_whole"),
        ),
        sa.CheckConstraint("position >= 1", name=op.f("ck_attachment_position_positive")),
        sa.CheckConstraint("size > 0", name=op.f("ck_attachment_size_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
        sa.UniqueConstraint("subject_kind", "subject_id", "position", name="uq_attachment_place"),
    )
    op.create_index(
        "ix_attachment_unattached", "attachment", ["attached_at", "created_at"], unique=False
    )
    op.create_index(
        "ix_attachment_uploader",
        "attachment",
        ["uploader_kind", "uploader_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "calendar_year",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.Uuid(), nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_calendar_year")),
    )
    op.create_table(
        "message",
        sa.Column("recipient_kind", sa.String(length=40), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.String(length=80), nullable=False),
        sa.Column("params", sa.LargeBinary(), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("subject_kind", sa.String(length=60), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("reference", sa.String(length=40), nullable=True),
        sa.Column("safety", sa.String(length=40), nullable=True),
        sa.Column("silent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("gateway_id", sa.String(length=120), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state <> 'failed' OR reason IS NOT NULL", name=op.f("ck_message_failed_reason")
        ),
        sa.CheckConstraint(
            "state <> 'sent' OR sent_at IS NOT NULL", name=op.f("ck_message_sent_at_set")
        ),
        sa.CheckConstraint(
            "state <> 'suppressed' OR reason IS NOT NULL", name=op.f("ck_message_suppressed_reason")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    op.create_index(
        "ix_message_recipient",
        "message",
        ["recipient_kind", "recipient_id", "channel", "id"],
        unique=False,
    )
    op.create_index("ix_message_subject", "message", ["subject_kind", "subject_id"], unique=False)
    op.create_table(
        "calendar_day",
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("is_workday", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("notice_year", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "is_workday = (kind IN ('workday', 'moved_work'))",
            name=op.f("ck_calendar_day_workday_by_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["notice_year"],
            ["calendar_year.year"],
            name=op.f("fk_calendar_day_notice_year"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("date", "notice_year", name=op.f("pk_calendar_day")),
    )
    op.create_index(
        op.f("ix_calendar_day_notice_year"), "calendar_day", ["notice_year"], unique=False
    )
    op.create_table(
        "deadline",
        sa.Column("rule_id", sa.String(length=20), nullable=False),
        sa.Column("subject_kind", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=True),
        sa.Column("office_id", sa.Uuid(), nullable=True),
        sa.Column("responsible_role", sa.String(length=40), nullable=False),
        sa.Column("responsible_staff_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_raw", sa.Date(), nullable=False),
        sa.Column("due_rolled", sa.Date(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("alarm_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("next_step_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("met_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_reason", sa.String(length=200), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'met') = (met_at IS NOT NULL)", name=op.f("ck_deadline_met_has_time")
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_deadline_amount_not_negative")),
        sa.CheckConstraint("due_rolled >= due_raw", name=op.f("ck_deadline_rolled_after_raw")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_deadline_office_id")),
        sa.ForeignKeyConstraint(
            ["responsible_staff_id"],
            ["staff_member.id"],
            name=op.f("fk_deadline_responsible_staff_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadline")),
    )
    op.create_index(
        "ix_deadline_responsible_staff", "deadline", ["responsible_staff_id"], unique=False
    )
    op.create_index("ix_deadline_rule_met", "deadline", ["rule_id", "met_at"], unique=False)
    op.create_index("ix_deadline_subject", "deadline", ["subject_kind", "subject_id"], unique=False)
    op.create_index("ix_deadline_sweep", "deadline", ["state", "next_step_at"], unique=False)
    op.create_index("ix_deadline_time_left", "deadline", ["state", "due_at", "id"], unique=False)
    op.create_index(
        "uq_deadline_running",
        "deadline",
        ["subject_kind", "subject_id", "rule_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('open', 'paused')"),
        postgresql_where=sa.text("state IN ('open', 'paused')"),
    )
    op.create_table(
        "deadline_pause",
        sa.Column("deadline_id", sa.Uuid(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("to_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("basis", sa.String(length=200), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "to_at IS NULL OR to_at >= from_at", name=op.f("ck_deadline_pause_ends_after_start")
        ),
        sa.ForeignKeyConstraint(
            ["deadline_id"],
            ["deadline.id"],
            name=op.f("fk_deadline_pause_deadline_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadline_pause")),
    )
    op.create_index(
        op.f("ix_deadline_pause_deadline_id"), "deadline_pause", ["deadline_id"], unique=False
    )
    op.create_index(
        "uq_deadline_pause_lasting",
        "deadline_pause",
        ["deadline_id"],
        unique=True,
        sqlite_where=sa.text("to_at IS NULL"),
        postgresql_where=sa.text("to_at IS NULL"),
    )
    op.create_table(
        "deadline_step",
        sa.Column("deadline_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["deadline_id"],
            ["deadline.id"],
            name=op.f("fk_deadline_step_deadline_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deadline_id", "step", name=op.f("pk_deadline_step")),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("deadline_step")
    op.drop_index(
        "uq_deadline_pause_lasting",
        table_name="deadline_pause",
        sqlite_where=sa.text("to_at IS NULL"),
        postgresql_where=sa.text("to_at IS NULL"),
    )
    op.drop_index(op.f("ix_deadline_pause_deadline_id"), table_name="deadline_pause")
    op.drop_table("deadline_pause")
    op.drop_index(
        "uq_deadline_running",
        table_name="deadline",
        sqlite_where=sa.text("state IN ('open', 'paused')"),
        postgresql_where=sa.text("state IN ('open', 'paused')"),
    )
    op.drop_index("ix_deadline_time_left", table_name="deadline")
    op.drop_index("ix_deadline_sweep", table_name="deadline")
    op.drop_index("ix_deadline_subject", table_name="deadline")
    op.drop_index("ix_deadline_rule_met", table_name="deadline")
    op.drop_index("ix_deadline_responsible_staff", table_name="deadline")
    op.drop_table("deadline")
    op.drop_index(op.f("ix_calendar_day_notice_year"), table_name="calendar_day")
    op.drop_table("calendar_day")
    op.drop_index("ix_message_subject", table_name="message")
    op.drop_index("ix_message_recipient", table_name="message")
    op.drop_table("message")
    op.drop_table("calendar_year")
    op.drop_index("ix_attachment_uploader", table_name="attachment")
    op.drop_index("ix_attachment_unattached", table_name="attachment")
    op.drop_table("attachment")
