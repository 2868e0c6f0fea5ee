"""Small laws for tests: made-up texts under real names, in the tables, without the starter package."""

from __future__ import annotations

import hashlib
from datetime import date

from portal.core.db import db, new_id
from portal.core.unit_of_work import unit_of_work
from portal.knowledge.models import Article, Category, Law, LawLevel, LawVersion, Validity
from search_index import format_article_number

LABOUR_CONTRACT_LAW = "中华人民共和国劳动合同法"


def make_category(code: str = "labour", label: str = "劳动") -> None:
    """Add a category."""
    with unit_of_work():
        db.session.add(Category(code=code, label=label, description=label, position=1))


def make_law(
    name: str = LABOUR_CONTRACT_LAW,
    numbers: tuple[str, ...] = ("30", "38"),
    status: Validity = Validity.IN_FORCE,
) -> list[Article]:
    """Add a law of one version with the given article numbers; returns its articles."""
    with unit_of_work():
        law = Law(
            id=new_id(), name=name, short_name=name.removeprefix("中华人民共和国"), aliases=[]
        )
        version = LawVersion(
            id=new_id(),
            law=law,
            version_date=date(2012, 12, 28),
            effective_from=date(2013, 7, 1),
            declared=status,
            status=status,
            is_current=True,
            level=LawLevel.LAW,
            document_type="法律",
            source="测试",
            content_hash=hashlib.sha256(name.encode()).hexdigest(),
            article_count=len(numbers),
        )
        db.session.add_all([law, version])
        db.session.flush()
        articles = [
            Article(
                id=new_id(),
                law_id=law.id,
                version_id=version.id,
                position=position,
                number=number,
                label=format_article_number(number),
                chapter=[],
                text=f"测试条文{number}。",
                text_hash=hashlib.sha256(number.encode()).hexdigest(),
            )
            for position, number in enumerate(numbers)
        ]
        db.session.add_all(articles)
    return articles
