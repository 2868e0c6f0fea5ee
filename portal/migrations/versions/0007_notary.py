"""Notary"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""

    op.create_table(
        "notary_matter",
        sa.Column("code", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("in_person", sa.Boolean(), nullable=False),
        sa.Column("agency_allowed", sa.Boolean(), nullable=False),
        sa.Column("general_place_for_immovables", sa.Boolean(), nullable=False),
        sa.Column("for_organisations", sa.Boolean(), nullable=False),
        sa.Column("checklist", sa.JSON(), nullable=False),
        sa.Column("checklist_confirmed", sa.Boolean(), nullable=False),
        sa.Column("fee_note", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.String(length=40), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("minutes BETWEEN 5 AND 480", name=op.f("ck_notary_matter_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_matter")),
        sa.UniqueConstraint("code", name="uq_notary_matter_code"),
    )
    op.create_table(
        "notary_person",
        sa.Column("person_index", sa.String(length=64), nullable=False),
        sa.Column("active", sa.Integer(), nullable=False),
        sa.CheckConstraint("active >= 0", name=op.f("ck_notary_person_active")),
        sa.PrimaryKeyConstraint("person_index", name=op.f("pk_notary_person")),
    )
    op.create_table(
        "notary_feed",
        sa.Column("resident_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["resident.id"], name=op.f("fk_notary_feed_resident_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_feed")),
        sa.UniqueConstraint("resident_id", name="uq_notary_feed_resident_id"),
        sa.UniqueConstraint("token_hash", name="uq_notary_feed_token_hash"),
    )
    op.create_table(
        "notary_office",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=False),
        sa.Column("grid_from", sa.Time(), nullable=False),
        sa.Column("slot_minutes", sa.Integer(), nullable=False),
        sa.Column("lead_workdays", sa.Integer(), nullable=False),
        sa.Column("horizon_workdays", sa.Integer(), nullable=False),
        sa.Column("open_on_holidays", sa.Boolean(), nullable=False),
        sa.Column("make_up_weekday", sa.Integer(), nullable=True),
        sa.Column("closes_on", sa.Date(), nullable=True),
        sa.Column("hold_minutes", sa.Integer(), nullable=False),
        sa.Column("offer_minutes", sa.Integer(), nullable=False),
        sa.Column("move_offer_minutes", sa.Integer(), nullable=False),
        sa.Column("cool_off_least_minutes", sa.Integer(), nullable=False),
        sa.Column("cool_off_most_minutes", sa.Integer(), nullable=False),
        sa.Column("person_limit", sa.Integer(), nullable=False),
        sa.Column("no_show_limit", sa.Integer(), nullable=False),
        sa.Column("no_show_months", sa.Integer(), nullable=False),
        sa.Column("seat_per_party", sa.Boolean(), nullable=False),
        sa.Column("slots_until", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "cool_off_least_minutes >= 0 AND cool_off_most_minutes >= cool_off_least_minutes AND cool_off_most_minutes <= 1440",
            name=op.f("ck_notary_office_cool_off_range"),
        ),
        sa.CheckConstraint(
            "hold_minutes BETWEEN 1 AND 60", name=op.f("ck_notary_office_hold_length")
        ),
        sa.CheckConstraint(
            "lead_workdays >= 0 AND horizon_workdays BETWEEN 1 AND 120 AND horizon_workdays > lead_workdays",
            name=op.f("ck_notary_office_lead_before_horizon"),
        ),
        sa.CheckConstraint(
            "make_up_weekday IS NULL OR make_up_weekday BETWEEN 0 AND 6",
            name=op.f("ck_notary_office_make_up_weekday"),
        ),
        sa.CheckConstraint(
            "offer_minutes BETWEEN 5 AND 2880 AND move_offer_minutes BETWEEN 5 AND 20160",
            name=op.f("ck_notary_office_offer_length"),
        ),
        sa.CheckConstraint(
            "person_limit >= 1 AND no_show_limit >= 1 AND no_show_months >= 1",
            name=op.f("ck_notary_office_limits"),
        ),
        sa.CheckConstraint(
            "slot_minutes BETWEEN 10 AND 240", name=op.f("ck_notary_office_slot_length")
        ),
        sa.ForeignKeyConstraint(["id"], ["office.id"], name=op.f("fk_notary_office_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_office")),
    )
    op.create_table(
        "notary_counter",
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("kept_priority", sa.Integer(), nullable=False),
        sa.Column("kept_walk_in", sa.Integer(), nullable=False),
        sa.Column("matter_codes", sa.JSON(), nullable=False),
        sa.Column("active_from", sa.Date(), nullable=False),
        sa.Column("active_until", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "active_until IS NULL OR active_until >= active_from",
            name=op.f("ck_notary_counter_active_range"),
        ),
        sa.CheckConstraint("capacity BETWEEN 1 AND 50", name=op.f("ck_notary_counter_capacity")),
        sa.CheckConstraint(
            "kept_priority >= 0 AND kept_walk_in >= 0 AND kept_priority + kept_walk_in <= capacity",
            name=op.f("ck_notary_counter_kept_within_capacity"),
        ),
        sa.ForeignKeyConstraint(
            ["office_id"], ["notary_office.id"], name=op.f("fk_notary_counter_office_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_counter")),
        sa.UniqueConstraint("office_id", "name", name="uq_notary_counter_office_name"),
    )
    op.create_table(
        "notary_waiting",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=True),
        sa.Column("matter_id", sa.Uuid(), nullable=False),
        sa.Column("party_count", sa.Integer(), nullable=False),
        sa.Column("priority", sa.String(length=40), nullable=True),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("until_day", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("party_count BETWEEN 1 AND 20", name=op.f("ck_notary_waiting_parties")),
        sa.CheckConstraint("until_day >= from_day", name=op.f("ck_notary_waiting_range")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["resident.id"], name=op.f("fk_notary_waiting_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["matter_id"], ["notary_matter.id"], name=op.f("fk_notary_waiting_matter_id")
        ),
        sa.ForeignKeyConstraint(
            ["office_id"], ["notary_office.id"], name=op.f("fk_notary_waiting_office_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_waiting")),
    )
    with op.batch_alter_table("notary_waiting", schema=None) as batch_op:
        batch_op.create_index(
            "ix_notary_waiting_waiting",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )
        batch_op.create_index(
            "one_place_in_the_list",
            ["account_id", "matter_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('waiting', 'offered')"),
            postgresql_where=sa.text("state IN ('waiting', 'offered')"),
        )

    op.create_table(
        "notary_booking",
        sa.Column("reference", sa.String(length=24), nullable=True),
        sa.Column("check_in_code", sa.String(length=12), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("matter_id", sa.Uuid(), nullable=False),
        sa.Column("counter_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("quota", sa.String(length=10), nullable=False),
        sa.Column("party_count", sa.Integer(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waiting_id", sa.Uuid(), nullable=True),
        sa.Column("replaces_id", sa.Uuid(), nullable=True),
        sa.Column("priority", sa.String(length=40), nullable=True),
        sa.Column("connection_basis", sa.String(length=40), nullable=True),
        sa.Column("immovable", sa.Boolean(), nullable=False),
        sa.Column("foreign_use", sa.Boolean(), nullable=False),
        sa.Column("foreign_country", sa.String(length=60), nullable=True),
        sa.Column("dispute", sa.Boolean(), nullable=False),
        sa.Column("fee_relief", sa.Boolean(), nullable=False),
        sa.Column("agent", sa.LargeBinary(), nullable=True),
        sa.Column("contact_phone", sa.LargeBinary(), nullable=True),
        sa.Column("contact_safety", sa.String(length=40), nullable=False),
        sa.Column("checklist_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("link_nonce", sa.String(length=32), nullable=True),
        sa.Column("affected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("affected_reason", sa.String(length=100), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(state IN ('held', 'offered')) = (kept_until IS NOT NULL)",
            name=op.f("ck_notary_booking_kept_while_pending"),
        ),
        sa.CheckConstraint(
            "state IN ('held', 'offered', 'expired', 'released') OR reference IS NOT NULL",
            name=op.f("ck_notary_booking_confirmed_has_reference"),
        ),
        sa.CheckConstraint(
            "party_count BETWEEN 1 AND 20 AND seats >= 1", name=op.f("ck_notary_booking_seats")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["resident.id"], name=op.f("fk_notary_booking_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["counter_id"], ["notary_counter.id"], name=op.f("fk_notary_booking_counter_id")
        ),
        sa.ForeignKeyConstraint(
            ["matter_id"], ["notary_matter.id"], name=op.f("fk_notary_booking_matter_id")
        ),
        sa.ForeignKeyConstraint(
            ["office_id"], ["notary_office.id"], name=op.f("fk_notary_booking_office_id")
        ),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["notary_booking.id"], name=op.f("fk_notary_booking_replaces_id")
        ),
        sa.ForeignKeyConstraint(
            ["waiting_id"], ["notary_waiting.id"], name=op.f("fk_notary_booking_waiting_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_booking")),
        sa.UniqueConstraint("check_in_code", name="uq_notary_booking_check_in_code"),
        sa.UniqueConstraint("reference", name="uq_notary_booking_reference"),
    )
    with op.batch_alter_table("notary_booking", schema=None) as batch_op:
        batch_op.create_index("ix_notary_booking_account_id_id", ["account_id", "id"], unique=False)
        batch_op.create_index(
            "ix_notary_booking_kept_until",
            ["kept_until"],
            unique=False,
            sqlite_where=sa.text("kept_until IS NOT NULL"),
            postgresql_where=sa.text("kept_until IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_notary_booking_office_id_day_state", ["office_id", "day", "state"], unique=False
        )
        batch_op.create_index(
            "one_hold_per_account",
            ["account_id"],
            unique=True,
            sqlite_where=sa.text("state = 'held'"),
            postgresql_where=sa.text("state = 'held'"),
        )
        batch_op.create_index(
            "one_offer_per_waiting_entry",
            ["waiting_id"],
            unique=True,
            sqlite_where=sa.text("state = 'offered'"),
            postgresql_where=sa.text("state = 'offered'"),
        )
        batch_op.create_index(
            "one_other_time_per_booking",
            ["replaces_id"],
            unique=True,
            sqlite_where=sa.text("state = 'offered'"),
            postgresql_where=sa.text("state = 'offered'"),
        )

    op.create_table(
        "notary_exception",
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("counter_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("opens", sa.Time(), nullable=True),
        sa.Column("closes", sa.Time(), nullable=True),
        sa.Column("reason", sa.String(length=100), nullable=False),
        sa.Column("entered_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind <> 'extra' OR opens IS NOT NULL", name=op.f("ck_notary_exception_extra_has_hours")
        ),
        sa.CheckConstraint(
            "(opens IS NULL AND closes IS NULL) OR (opens IS NOT NULL AND closes > opens)",
            name=op.f("ck_notary_exception_hours"),
        ),
        sa.CheckConstraint("last_day >= first_day", name=op.f("ck_notary_exception_range")),
        sa.ForeignKeyConstraint(
            ["counter_id"], ["notary_counter.id"], name=op.f("fk_notary_exception_counter_id")
        ),
        sa.ForeignKeyConstraint(
            ["entered_by"], ["staff_member.id"], name=op.f("fk_notary_exception_entered_by")
        ),
        sa.ForeignKeyConstraint(
            ["office_id"], ["notary_office.id"], name=op.f("fk_notary_exception_office_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_exception")),
    )
    with op.batch_alter_table("notary_exception", schema=None) as batch_op:
        batch_op.create_index(
            "ix_notary_exception_office_id_last_day", ["office_id", "last_day"], unique=False
        )

    op.create_table(
        "notary_hours",
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("counter_id", sa.Uuid(), nullable=True),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("opens", sa.Time(), nullable=False),
        sa.Column("closes", sa.Time(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("closes > opens", name=op.f("ck_notary_hours_range")),
        sa.CheckConstraint(
            "valid_until IS NULL OR valid_until >= valid_from",
            name=op.f("ck_notary_hours_validity"),
        ),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_notary_hours_weekday")),
        sa.ForeignKeyConstraint(
            ["counter_id"], ["notary_counter.id"], name=op.f("fk_notary_hours_counter_id")
        ),
        sa.ForeignKeyConstraint(
            ["office_id"], ["notary_office.id"], name=op.f("fk_notary_hours_office_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_hours")),
    )
    with op.batch_alter_table("notary_hours", schema=None) as batch_op:
        batch_op.create_index("ix_notary_hours_office_id", ["office_id"], unique=False)

    op.create_table(
        "notary_slot",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("counter_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("quota", sa.String(length=10), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("claimed", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "claimed >= 0 AND claimed <= capacity",
            name=op.f("ck_notary_slot_seats_within_capacity"),
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_notary_slot_range")),
        sa.CheckConstraint("ordinal BETWEEN 0 AND 62", name=op.f("ck_notary_slot_ordinal")),
        sa.ForeignKeyConstraint(
            ["counter_id"], ["notary_counter.id"], name=op.f("fk_notary_slot_counter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_slot")),
        sa.UniqueConstraint(
            "counter_id", "starts_at", "quota", name="uq_notary_slot_counter_start_quota"
        ),
    )
    with op.batch_alter_table("notary_slot", schema=None) as batch_op:
        batch_op.create_index("ix_notary_slot_changed_at", ["changed_at"], unique=False)
        batch_op.create_index("ix_notary_slot_day", ["day"], unique=False)

    op.create_table(
        "notary_claim",
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("occupies_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cooling", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "NOT cooling OR occupies_until IS NOT NULL OR released_at IS NOT NULL",
            name=op.f("ck_notary_claim_cooling_ends"),
        ),
        sa.CheckConstraint("seats >= 1", name=op.f("ck_notary_claim_seats")),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["notary_booking.id"], name=op.f("fk_notary_claim_booking_id")
        ),
        sa.ForeignKeyConstraint(
            ["slot_id"], ["notary_slot.id"], name=op.f("fk_notary_claim_slot_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_claim")),
    )
    with op.batch_alter_table("notary_claim", schema=None) as batch_op:
        batch_op.create_index("ix_notary_claim_booking_id", ["booking_id"], unique=False)
        batch_op.create_index(
            "ix_notary_claim_occupies_until",
            ["occupies_until", "slot_id", "seats"],
            unique=False,
            sqlite_where=sa.text("released_at IS NULL AND occupies_until IS NOT NULL"),
            postgresql_where=sa.text("released_at IS NULL AND occupies_until IS NOT NULL"),
        )
        batch_op.create_index(
            "one_live_claim_per_slot_and_booking",
            ["slot_id", "booking_id"],
            unique=True,
            sqlite_where=sa.text("released_at IS NULL AND NOT cooling"),
            postgresql_where=sa.text("released_at IS NULL AND NOT cooling"),
        )

    op.create_table(
        "notary_no_show",
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("person_index", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("appeal", sa.String(length=40), nullable=False),
        sa.Column("appeal_text", sa.LargeBinary(), nullable=True),
        sa.Column("appealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_note", sa.LargeBinary(), nullable=True),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["notary_booking.id"], name=op.f("fk_notary_no_show_booking_id")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["staff_member.id"], name=op.f("fk_notary_no_show_decided_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_no_show")),
        sa.UniqueConstraint("booking_id", "person_index", name="uq_notary_no_show_booking_person"),
    )
    with op.batch_alter_table("notary_no_show", schema=None) as batch_op:
        batch_op.create_index("ix_notary_no_show_appeal", ["appeal"], unique=False)
        batch_op.create_index(
            "ix_notary_no_show_person_index_expires_on",
            ["person_index", "expires_on"],
            unique=False,
        )

    op.create_table(
        "notary_party",
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("matter_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("person_index", sa.String(length=64), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("document_type", sa.String(length=40), nullable=True),
        sa.Column("document_number", sa.LargeBinary(), nullable=False),
        sa.Column("birth_date", sa.LargeBinary(), nullable=True),
        sa.Column("lacks_capacity", sa.Boolean(), nullable=False),
        sa.Column("by_agent", sa.Boolean(), nullable=False),
        sa.Column("guardian", sa.LargeBinary(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["booking_id"],
            ["notary_booking.id"],
            name=op.f("fk_notary_party_booking_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["matter_id"], ["notary_matter.id"], name=op.f("fk_notary_party_matter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_party")),
        sa.UniqueConstraint("booking_id", "position", name="uq_notary_party_booking_position"),
    )
    with op.batch_alter_table("notary_party", schema=None) as batch_op:
        batch_op.create_index(
            "one_active_booking_per_person_and_matter",
            ["person_index", "matter_id"],
            unique=True,
            sqlite_where=sa.text("active"),
            postgresql_where=sa.text("active"),
        )

    op.create_table(
        "notary_ticket",
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("counter_id", sa.Uuid(), nullable=True),
        sa.Column("matter_id", sa.Uuid(), nullable=True),
        sa.Column("booking_id", sa.Uuid(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Boolean(), nullable=False),
        sa.Column("party_count", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("served_by_id", sa.Uuid(), nullable=True),
        sa.Column("not_accepted_ground", sa.String(length=40), nullable=True),
        sa.Column("not_accepted_note", sa.LargeBinary(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_notary_ticket_number")),
        sa.CheckConstraint(
            "not_accepted_ground IS NULL OR not_accepted_note IS NOT NULL",
            name=op.f("ck_notary_ticket_not_accepted_with_reasons"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["notary_booking.id"], name=op.f("fk_notary_ticket_booking_id")
        ),
        sa.ForeignKeyConstraint(
            ["counter_id"], ["notary_counter.id"], name=op.f("fk_notary_ticket_counter_id")
        ),
        sa.ForeignKeyConstraint(
            ["matter_id"], ["notary_matter.id"], name=op.f("fk_notary_ticket_matter_id")
        ),
        sa.ForeignKeyConstraint(
            ["office_id"], ["notary_office.id"], name=op.f("fk_notary_ticket_office_id")
        ),
        sa.ForeignKeyConstraint(
            ["served_by_id"], ["staff_member.id"], name=op.f("fk_notary_ticket_served_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_ticket")),
        sa.UniqueConstraint("booking_id", name="uq_notary_ticket_booking_id"),
        sa.UniqueConstraint(
            "office_id", "day", "number", name="uq_notary_ticket_office_day_number"
        ),
    )
    with op.batch_alter_table("notary_ticket", schema=None) as batch_op:
        batch_op.create_index(
            "ix_notary_ticket_office_id_day_state", ["office_id", "day", "state"], unique=False
        )

    op.create_table(
        "notary_case",
        sa.Column("reference", sa.String(length=24), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=True),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("matter_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("parties", sa.LargeBinary(), nullable=False),
        sa.Column("agent", sa.LargeBinary(), nullable=True),
        sa.Column("contact_safety", sa.String(length=40), nullable=False),
        sa.Column("accepted_on", sa.Date(), nullable=False),
        sa.Column("notary_id", sa.Uuid(), nullable=False),
        sa.Column("approver_id", sa.Uuid(), nullable=True),
        sa.Column("closing_form", sa.String(length=60), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("certificate_number", sa.String(length=60), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=True),
        sa.Column("refusal_ground", sa.String(length=40), nullable=True),
        sa.Column("termination_ground", sa.String(length=40), nullable=True),
        sa.Column("closing_note", sa.LargeBinary(), nullable=True),
        sa.Column("review_by", sa.String(length=40), nullable=True),
        sa.Column("review_asked_on", sa.Date(), nullable=True),
        sa.Column("review_late", sa.Boolean(), nullable=False),
        sa.Column("review_request", sa.LargeBinary(), nullable=True),
        sa.Column("reviewer_id", sa.Uuid(), nullable=True),
        sa.Column("reviewed_on", sa.Date(), nullable=True),
        sa.Column("review_note", sa.LargeBinary(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state <> 'refused' OR refusal_ground IS NOT NULL",
            name=op.f("ck_notary_case_refused_with_ground"),
        ),
        sa.CheckConstraint(
            "state <> 'terminated' OR termination_ground IS NOT NULL",
            name=op.f("ck_notary_case_terminated_with_ground"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('issued', 'review', 'maintained', 'correcting', 'revoking', 'corrected', 'revoked') OR (certificate_number IS NOT NULL AND issued_on IS NOT NULL)",
            name=op.f("ck_notary_case_issued_with_number"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('issued', 'refused', 'terminated') OR (closed_on IS NOT NULL AND closing_form IS NOT NULL)",
            name=op.f("ck_notary_case_closed_with_form"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["resident.id"], name=op.f("fk_notary_case_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["approver_id"], ["staff_member.id"], name=op.f("fk_notary_case_approver_id")
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["notary_booking.id"], name=op.f("fk_notary_case_booking_id")
        ),
        sa.ForeignKeyConstraint(
            ["matter_id"], ["notary_matter.id"], name=op.f("fk_notary_case_matter_id")
        ),
        sa.ForeignKeyConstraint(
            ["notary_id"], ["staff_member.id"], name=op.f("fk_notary_case_notary_id")
        ),
        sa.ForeignKeyConstraint(
            ["office_id"], ["notary_office.id"], name=op.f("fk_notary_case_office_id")
        ),
        sa.ForeignKeyConstraint(
            ["reviewer_id"], ["staff_member.id"], name=op.f("fk_notary_case_reviewer_id")
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["notary_ticket.id"], name=op.f("fk_notary_case_ticket_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_case")),
        sa.UniqueConstraint("booking_id", name="uq_notary_case_booking_id"),
        sa.UniqueConstraint(
            "office_id", "certificate_number", name="uq_notary_case_certificate_number"
        ),
        sa.UniqueConstraint("reference", name="uq_notary_case_reference"),
        sa.UniqueConstraint("ticket_id", name="uq_notary_case_ticket_id"),
    )
    with op.batch_alter_table("notary_case", schema=None) as batch_op:
        batch_op.create_index("ix_notary_case_account_id", ["account_id"], unique=False)
        batch_op.create_index(
            "ix_notary_case_office_id_state", ["office_id", "state"], unique=False
        )

    op.create_table(
        "notary_case_pause",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("ground", sa.String(length=40), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("to_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "to_at IS NULL OR to_at >= from_at",
            name=op.f("ck_notary_case_pause_ends_after_start"),
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["notary_case.id"], name=op.f("fk_notary_case_pause_case_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_case_pause")),
    )
    with op.batch_alter_table("notary_case_pause", schema=None) as batch_op:
        batch_op.create_index("ix_notary_case_pause_case_id", ["case_id"], unique=False)
        batch_op.create_index(
            "one_lasting_pause_per_case_and_ground",
            ["case_id", "ground"],
            unique=True,
            sqlite_where=sa.text("to_at IS NULL"),
            postgresql_where=sa.text("to_at IS NULL"),
        )

    op.create_table(
        "notary_history",
        sa.Column("booking_id", sa.Uuid(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("label", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "booking_id IS NOT NULL OR case_id IS NOT NULL",
            name=op.f("ck_notary_history_about_something"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["notary_booking.id"], name=op.f("fk_notary_history_booking_id")
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["notary_case.id"], name=op.f("fk_notary_history_case_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notary_history")),
    )
    with op.batch_alter_table("notary_history", schema=None) as batch_op:
        batch_op.create_index("ix_notary_history_booking_id", ["booking_id"], unique=False)
        batch_op.create_index(
            "ix_notary_history_case_id",
            ["case_id"],
            unique=False,
            sqlite_where=sa.text("case_id IS NOT NULL"),
            postgresql_where=sa.text("case_id IS NOT NULL"),
        )


def downgrade() -> None:
    """Go back to the revision before."""

    with op.batch_alter_table("notary_history", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_notary_history_case_id",
            sqlite_where=sa.text("case_id IS NOT NULL"),
            postgresql_where=sa.text("case_id IS NOT NULL"),
        )
        batch_op.drop_index("ix_notary_history_booking_id")

    op.drop_table("notary_history")
    with op.batch_alter_table("notary_case_pause", schema=None) as batch_op:
        batch_op.drop_index(
            "one_lasting_pause_per_case_and_ground",
            sqlite_where=sa.text("to_at IS NULL"),
            postgresql_where=sa.text("to_at IS NULL"),
        )
        batch_op.drop_index("ix_notary_case_pause_case_id")

    op.drop_table("notary_case_pause")
    with op.batch_alter_table("notary_case", schema=None) as batch_op:
        batch_op.drop_index("ix_notary_case_office_id_state")
        batch_op.drop_index("ix_notary_case_account_id")

    op.drop_table("notary_case")
    with op.batch_alter_table("notary_ticket", schema=None) as batch_op:
        batch_op.drop_index("ix_notary_ticket_office_id_day_state")

    op.drop_table("notary_ticket")
    with op.batch_alter_table("notary_party", schema=None) as batch_op:
        batch_op.drop_index(
            "one_active_booking_per_person_and_matter",
            sqlite_where=sa.text("active"),
            postgresql_where=sa.text("active"),
        )

    op.drop_table("notary_party")
    with op.batch_alter_table("notary_no_show", schema=None) as batch_op:
        batch_op.drop_index("ix_notary_no_show_person_index_expires_on")
        batch_op.drop_index("ix_notary_no_show_appeal")

    op.drop_table("notary_no_show")
    with op.batch_alter_table("notary_claim", schema=None) as batch_op:
        batch_op.drop_index(
            "one_live_claim_per_slot_and_booking",
            sqlite_where=sa.text("released_at IS NULL AND NOT cooling"),
            postgresql_where=sa.text("released_at IS NULL AND NOT cooling"),
        )
        batch_op.drop_index(
            "ix_notary_claim_occupies_until",
            sqlite_where=sa.text("released_at IS NULL AND occupies_until IS NOT NULL"),
            postgresql_where=sa.text("released_at IS NULL AND occupies_until IS NOT NULL"),
        )
        batch_op.drop_index("ix_notary_claim_booking_id")

    op.drop_table("notary_claim")
    with op.batch_alter_table("notary_slot", schema=None) as batch_op:
        batch_op.drop_index("ix_notary_slot_day")
        batch_op.drop_index("ix_notary_slot_changed_at")

    op.drop_table("notary_slot")
    with op.batch_alter_table("notary_hours", schema=None) as batch_op:
        batch_op.drop_index("ix_notary_hours_office_id")

    op.drop_table("notary_hours")
    with op.batch_alter_table("notary_exception", schema=None) as batch_op:
        batch_op.drop_index("ix_notary_exception_office_id_last_day")

    op.drop_table("notary_exception")
    with op.batch_alter_table("notary_booking", schema=None) as batch_op:
        batch_op.drop_index(
            "one_other_time_per_booking",
            sqlite_where=sa.text("state = 'offered'"),
            postgresql_where=sa.text("state = 'offered'"),
        )
        batch_op.drop_index(
            "one_offer_per_waiting_entry",
            sqlite_where=sa.text("state = 'offered'"),
            postgresql_where=sa.text("state = 'offered'"),
        )
        batch_op.drop_index(
            "one_hold_per_account",
            sqlite_where=sa.text("state = 'held'"),
            postgresql_where=sa.text("state = 'held'"),
        )
        batch_op.drop_index("ix_notary_booking_office_id_day_state")
        batch_op.drop_index(
            "ix_notary_booking_kept_until",
            sqlite_where=sa.text("kept_until IS NOT NULL"),
            postgresql_where=sa.text("kept_until IS NOT NULL"),
        )
        batch_op.drop_index("ix_notary_booking_account_id_id")

    op.drop_table("notary_booking")
    with op.batch_alter_table("notary_waiting", schema=None) as batch_op:
        batch_op.drop_index(
            "one_place_in_the_list",
            sqlite_where=sa.text("state IN ('waiting', 'offered')"),
            postgresql_where=sa.text("state IN ('waiting', 'offered')"),
        )
        batch_op.drop_index(
            "ix_notary_waiting_waiting",
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )

    op.drop_table("notary_waiting")
    op.drop_table("notary_counter")
    op.drop_table("notary_office")
    op.drop_table("notary_feed")
    op.drop_table("notary_person")
    op.drop_table("notary_matter")
