"""What `/readyz` says about this room."""

from __future__ import annotations

from portal.knowledge import index, queries
from portal.observability.health import Report, readiness


def init_app() -> None:
    """Register the checks. Without law the portal serves the rest, so that check is optional."""
    readiness.register("search_index", check_index)
    readiness.register("law", check_law, required=False)


def check_index() -> Report:
    """The index is there, readable, and built from this database."""
    reason = index.why_rebuild()
    if reason is None:
        return Report(ok=True, detail="检索索引可以使用。")
    # An old index still answers; only one that cannot be opened keeps residents from searching.
    if index.is_open():
        return Report(ok=True, detail=f"{reason}目前由旧索引提供检索。")
    return Report(
        ok=False,
        detail=f"{reason}后台任务会自动建立；它没有运行时，请运行 flask --app wsgi search rebuild。",
    )


def check_law() -> Report:
    """Texts of law are loaded."""
    counts = queries.counts()
    if counts["articles"]:
        return Report(
            ok=True, detail=f"已收录法律 {counts['laws']} 部、条文 {counts['articles']} 条。"
        )
    return Report(
        ok=False,
        detail="没有法律条文，引用核对和条文检索不可用。请安装数据包后运行 flask --app wsgi law import-starter。",
    )
