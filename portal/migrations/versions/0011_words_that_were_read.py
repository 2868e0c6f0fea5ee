"""The words an editor read an article in, and hashes of articles that look past widths and spaces"""

import hashlib
import unicodedata
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_QUOTES = str.maketrans("“”„‟‘’", '""""\'\'')
_CHUNK = 1000

_article = sa.table(
    "law_article",
    sa.column("id", sa.Uuid()),
    sa.column("text", sa.Text()),
    sa.column("text_hash", sa.String()),
)
_cited = sa.table("cited_article", sa.column("id", sa.Uuid()), sa.column("text_hash", sa.String()))
_review = sa.table("knowledge_review", sa.column("id", sa.Uuid()), sa.column("basis", sa.String()))


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("cited_article", sa.Column("read_text", sa.Text(), nullable=True))
    _rehash(_folded)


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_column("cited_article", "read_text")
    _rehash(str)


def _folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).translate(_QUOTES).split())


def _rehash(form: Callable[[str], str]) -> None:
    """Hash each article in this form, and let what was read against it name the new hash.

    Else everything that cites a law would come up for review. A hash that no article has any more
    stays as it is: that text changed, and still has to be read.
    """
    connection = op.get_bind()
    known: dict[str, str] = {}
    articles = []
    for row in connection.execute(sa.select(_article)):
        new = hashlib.sha256(form(row.text).encode()).hexdigest()
        known[row.text_hash] = new
        articles.append({"key": row.id, "new": new})
    _update(_article, "text_hash", articles)
    _update(
        _cited,
        "text_hash",
        [
            {"key": row.id, "new": known[row.text_hash]}
            for row in connection.execute(sa.select(_cited))
            if row.text_hash in known
        ],
    )
    bases = []
    for row in connection.execute(sa.select(_review)):
        cause, _, old = row.basis.rpartition(":")
        if old in known:
            bases.append({"key": row.id, "new": f"{cause}:{known[old]}"})
    _update(_review, "basis", bases)


def _update(table: sa.TableClause, column: str, rows: list[dict[str, object]]) -> None:
    statement = (
        sa.update(table)
        .where(table.c.id == sa.bindparam("key"))
        .values({column: sa.bindparam("new")})
    )
    for start in range(0, len(rows), _CHUNK):
        op.get_bind().execute(statement, rows[start : start + _CHUNK])
