"""People, their sessions, and the record of what was done"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "audit_event",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("subject_kind", sa.String(length=60), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("reference", sa.String(length=40), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_audit_event_sequence_positive")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_event")),
    )
    op.create_index("ix_audit_event_action", "audit_event", ["action", "sequence"], unique=False)
    op.create_index("ix_audit_event_actor", "audit_event", ["actor_id", "sequence"], unique=False)
    op.create_index(op.f("ix_audit_event_at"), "audit_event", ["at"], unique=False)
    op.create_index(
        "ix_audit_event_subject",
        "audit_event",
        ["subject_kind", "subject_id", "sequence"],
        unique=False,
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "office",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "valid_until IS NULL OR valid_until >= valid_from", name=op.f("ck_office_validity")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office")),
        sa.UniqueConstraint("code", name="uq_office_code"),
    )
    op.create_table(
        "resident",
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("phone_index", sa.String(length=64), nullable=True),
        sa.Column("nickname", sa.LargeBinary(), nullable=True),
        sa.Column("contact_safety", sa.String(length=40), nullable=False),
        sa.Column("real_name", sa.LargeBinary(), nullable=True),
        sa.Column("real_name_raw", sa.LargeBinary(), nullable=True),
        sa.Column("document_type", sa.String(length=40), nullable=True),
        sa.Column("document_number", sa.LargeBinary(), nullable=True),
        sa.Column("document_index", sa.String(length=64), nullable=True),
        sa.Column("birth_date", sa.LargeBinary(), nullable=True),
        sa.Column("guardian_name", sa.LargeBinary(), nullable=True),
        sa.Column("guardian_phone", sa.LargeBinary(), nullable=True),
        sa.Column("real_named_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state != 'deleted' OR (phone IS NULL AND phone_index IS NULL AND nickname IS NULL AND real_name IS NULL AND real_name_raw IS NULL AND document_number IS NULL AND document_index IS NULL AND birth_date IS NULL AND guardian_name IS NULL AND guardian_phone IS NULL)",
            name=op.f("ck_resident_deleted_is_empty"),
        ),
        sa.CheckConstraint(
            "state = 'deleted' OR phone IS NOT NULL", name=op.f("ck_resident_active_has_phone")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resident")),
    )
    op.create_index("ix_resident_document", "resident", ["document_index"], unique=False)
    op.create_index("ix_resident_phone", "resident", ["phone_index"], unique=False)
    op.create_table(
        "sign_in_throttle",
        sa.Column("name_index", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name_index", name=op.f("pk_sign_in_throttle")),
    )
    op.create_table(
        "sms_code",
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("phone_index", sa.String(length=64), nullable=False),
        sa.Column("code_mac", sa.String(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_code")),
    )
    op.create_index("ix_sms_code_created", "sms_code", ["created_at"], unique=False)
    op.create_index("ix_sms_code_phone", "sms_code", ["phone_index", "created_at"], unique=False)
    op.create_table(
        "staff_member",
        sa.Column("user_name", sa.String(length=40), nullable=False),
        sa.Column("display_name", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("totp_enrolled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("totp_last_step", sa.Integer(), nullable=True),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_member")),
        sa.UniqueConstraint("user_name", name="uq_staff_member_user_name"),
    )
    op.create_table(
        "account_session",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("resident_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoke_reason", sa.String(length=40), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'resident' AND resident_id IS NOT NULL AND staff_id IS NULL) OR (kind IN ('staff', 'staff_setup') AND staff_id IS NOT NULL AND resident_id IS NULL)",
            name=op.f("ck_account_session_one_owner"),
        ),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["resident.id"], name=op.f("fk_account_session_resident_id")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_member.id"], name=op.f("fk_account_session_staff_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_session")),
        sa.UniqueConstraint("token_hash", name="uq_account_session_token_hash"),
    )
    op.create_index("ix_account_session_expires", "account_session", ["expires_at"], unique=False)
    op.create_index("ix_account_session_resident", "account_session", ["resident_id"], unique=False)
    op.create_index("ix_account_session_staff", "account_session", ["staff_id"], unique=False)
    op.create_table(
        "consent_record",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("version_text", sa.String(length=40), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("keep_until", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["resident.id"], name=op.f("fk_consent_record_resident_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_record")),
    )
    op.create_index(
        "ix_consent_record_resident",
        "consent_record",
        ["resident_id", "kind", "version_text"],
        unique=False,
    )
    op.create_table(
        "role_grant",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["granted_by"], ["staff_member.id"], name=op.f("fk_role_grant_granted_by")
        ),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_role_grant_office_id")),
        sa.ForeignKeyConstraint(
            ["revoked_by"], ["staff_member.id"], name=op.f("fk_role_grant_revoked_by")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_member.id"], name=op.f("fk_role_grant_staff_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
    )
    op.create_index("ix_role_grant_role", "role_grant", ["role", "office_id"], unique=False)
    op.create_index(
        "uq_role_grant_everywhere",
        "role_grant",
        ["staff_id", "role"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL AND office_id IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL AND office_id IS NULL"),
    )
    op.create_index(
        "uq_role_grant_in_office",
        "role_grant",
        ["staff_id", "role", "office_id"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL AND office_id IS NOT NULL"),
        postgresql_where=sa.text("revoked_at IS NULL AND office_id IS NOT NULL"),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index(
        "uq_role_grant_in_office",
        table_name="role_grant",
        sqlite_where=sa.text("revoked_at IS NULL AND office_id IS NOT NULL"),
        postgresql_where=sa.text("revoked_at IS NULL AND office_id IS NOT NULL"),
    )
    op.drop_index(
        "uq_role_grant_everywhere",
        table_name="role_grant",
        sqlite_where=sa.text("revoked_at IS NULL AND office_id IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL AND office_id IS NULL"),
    )
    op.drop_index("ix_role_grant_role", table_name="role_grant")
    op.drop_table("role_grant")
    op.drop_index("ix_consent_record_resident", table_name="consent_record")
    op.drop_table("consent_record")
    op.drop_index("ix_account_session_staff", table_name="account_session")
    op.drop_index("ix_account_session_resident", table_name="account_session")
    op.drop_index("ix_account_session_expires", table_name="account_session")
    op.drop_table("account_session")
    op.drop_table("staff_member")
    op.drop_index("ix_sms_code_phone", table_name="sms_code")
    op.drop_index("ix_sms_code_created", table_name="sms_code")
    op.drop_table("sms_code")
    op.drop_table("sign_in_throttle")
    op.drop_index("ix_resident_phone", table_name="resident")
    op.drop_index("ix_resident_document", table_name="resident")
    op.drop_table("resident")
    op.drop_table("office")
    op.drop_table("audit_head")
    op.drop_index("ix_audit_event_subject", table_name="audit_event")
    op.drop_index(op.f("ix_audit_event_at"), table_name="audit_event")
    op.drop_index("ix_audit_event_actor", table_name="audit_event")
    op.drop_index("ix_audit_event_action", table_name="audit_event")
    op.drop_table("audit_event")
