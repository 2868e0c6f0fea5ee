"""Articles through renumbered versions, and how well search finds the district's own questions"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision. Articles are matched by the next import or daily round."""
    op.create_table(
        "law_article_lineage",
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column("previous_id", sa.Uuid(), nullable=False),
        sa.Column("likeness", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "likeness BETWEEN 0 AND 1", name=op.f("ck_law_article_lineage_likeness")
        ),
        sa.ForeignKeyConstraint(
            ["article_id"],
            ["law_article.id"],
            name=op.f("fk_law_article_lineage_article_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["previous_id"],
            ["law_article.id"],
            name=op.f("fk_law_article_lineage_previous_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("article_id", name=op.f("pk_law_article_lineage")),
        sa.UniqueConstraint("previous_id", name=op.f("uq_law_article_lineage_previous_id")),
    )
    op.create_table(
        "search_evaluation",
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("questions", sa.Integer(), nullable=False),
        sa.Column("articles", sa.Integer(), nullable=False),
        sa.Column("mrr_at_10", sa.Double(), nullable=False),
        sa.Column("success_at_5", sa.Double(), nullable=False),
        sa.Column("recall_at_10", sa.Double(), nullable=False),
        sa.Column("recall_at_100", sa.Double(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "questions > 0 AND articles > 0", name=op.f("ck_search_evaluation_counts")
        ),
        sa.CheckConstraint(
            "mrr_at_10 BETWEEN 0 AND 1 AND success_at_5 BETWEEN 0 AND 1"
            " AND recall_at_10 BETWEEN 0 AND 1 AND recall_at_100 BETWEEN 0 AND 1",
            name=op.f("ck_search_evaluation_figures"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_evaluation")),
    )
    op.add_column("law_version", sa.Column("aligned_with", sa.Uuid(), nullable=True))


def downgrade() -> None:
    """Go back to the revision before."""
    with op.batch_alter_table("law_version") as batch:
        batch.drop_column("aligned_with")
    op.drop_table("search_evaluation")
    op.drop_table("law_article_lineage")
