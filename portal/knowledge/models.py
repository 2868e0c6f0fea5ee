"""Tables of the knowledge room. Texts of law live here, never in the repository."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.core.db import (
    LabelledEnum,
    Model,
    PublicId,
    Timestamped,
    UTCDateTime,
    Versioned,
    enum_column,
)
from portal.core.encryption import EncryptedText


class Validity(LabelledEnum):
    """What a version of a law is worth on a given day."""

    IN_FORCE = "in_force", "现行有效"
    AMENDED = "amended", "已被部分修改"
    NOT_YET = "not_yet", "尚未施行"
    HISTORICAL = "historical", "历史版本"
    REPEALED = "repealed", "已废止"

    @property
    def is_law(self) -> bool:
        """True for a text that binds today; an amended one does but for what changed since."""
        return self in (Validity.IN_FORCE, Validity.AMENDED)


class LawLevel(LabelledEnum):
    """Rank of a text."""

    CONSTITUTION = "constitution", "宪法"
    LAW = "law", "法律"
    ADMINISTRATIVE_REGULATION = "administrative_regulation", "行政法规"
    LOCAL_REGULATION = "local_regulation", "地方性法规"
    JUDICIAL_INTERPRETATION = "judicial_interpretation", "司法解释"
    RULE = "rule", "规章"
    OTHER = "other", "其他规范性文件"


class PublicationState(LabelledEnum):
    """Whether residents see an FAQ or a guide."""

    DRAFT = "draft", "草稿"
    PUBLISHED = "published", "已发布"
    WITHDRAWN = "withdrawn", "已撤下"


class Origin(LabelledEnum):
    """Where an entry comes from. What staff have edited is not overwritten by the content files."""

    CONTENT = "content", "内容文件"
    STAFF = "staff", "工作人员"


class MissState(LabelledEnum):
    """What staff made of a question that search could not answer."""

    OPEN = "open", "待处理"
    ANSWERED = "answered", "已补充问答"
    DISMISSED = "dismissed", "不处理"


class ReviewState(LabelledEnum):
    """Whether someone has looked at text whose legal basis changed."""

    OPEN = "open", "待复核"
    DONE = "done", "已复核"


class ReviewReason(LabelledEnum):
    """Why text that cites an article must be read again."""

    TEXT_CHANGED = "text_changed", "所引条文的文字有修改"
    RENUMBERED = "renumbered", "所引条文的序号变了"
    GONE = "gone", "所引条文在现行版本中已不存在"
    OUT_OF_FORCE = "out_of_force", "所引法律已废止或者失效"


# Put behind the source of a text that came without a version date, until a dated one is found.
UNDATED = "（版本日期为推定）"


class Law(PublicId, Timestamped, Model):
    """A law under its one canonical name; its texts are its versions."""

    __tablename__ = "law"

    name: Mapped[str] = mapped_column(String(300), unique=True)
    short_name: Mapped[str] = mapped_column(String(300), index=True)
    aliases: Mapped[list[str]] = mapped_column(JSON, default=list)
    subject: Mapped[str | None] = mapped_column(String(60))
    versions: Mapped[list[LawVersion]] = relationship(
        back_populates="law", order_by="LawVersion.version_date"
    )


class LawVersion(PublicId, Timestamped, Model):
    """One text of a law.

    `declared` is what the source said; `status` is what follows from it and from the dates today
    (`validity.refresh`). `effective_to` is the first day no longer in force. With `dates_exact`
    false at least one of the two days is inferred: a source that names only the first version's day
    leaves the amendment's own open. `header_days` are the days of the amendments that the text's own
    header names, `changes_not_held` those days between its first and last one on which the law was
    changed by what is not held as a full text (`amendments`). `aligned_with` is the version before it whose articles its own
    were matched with (`lineage`); None before that was done.
    """

    __tablename__ = "law_version"
    __table_args__ = (
        UniqueConstraint("law_id", "version_date"),
        Index(
            "uq_law_version_current",
            "law_id",
            unique=True,
            sqlite_where=text("is_current"),
            postgresql_where=text("is_current"),
        ),
    )

    law_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("law.id"))
    version_date: Mapped[date]
    effective_from: Mapped[date]
    effective_to: Mapped[date | None]
    dates_exact: Mapped[bool] = mapped_column(default=True)
    header_days: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    changes_not_held: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    declared: Mapped[Validity] = mapped_column(enum_column(Validity))
    status: Mapped[Validity] = mapped_column(enum_column(Validity))
    is_current: Mapped[bool] = mapped_column(default=False)
    level: Mapped[LawLevel] = mapped_column(enum_column(LawLevel))
    document_type: Mapped[str] = mapped_column(String(40))
    issuing_body: Mapped[str | None] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(200))
    content_hash: Mapped[str] = mapped_column(String(64))
    article_count: Mapped[int] = mapped_column(default=0)
    aligned_with: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    law: Mapped[Law] = relationship(back_populates="versions")

    @property
    def days_are_exact(self) -> bool:
        """True when this was the law on every day between its first and its last one, and both are told."""
        return self.dates_exact and not self.changes_not_held


class Article(PublicId, Model):
    """One article of a version.

    `number` is canonical ("1254", "120-1") and empty for a passage without one (a decision's whole
    text, the items of an amendment); `label` is how the law writes it. A number may stand twice in
    a decision that quotes treaties; `position` is unique. `text_hash` is the same for the same words
    in other widths and spaces (`fingerprints`).
    """

    __tablename__ = "law_article"
    __table_args__ = (
        UniqueConstraint("version_id", "position"),
        Index("ix_law_article_number", "law_id", "number"),
    )

    law_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("law.id"))
    version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("law_version.id"))
    position: Mapped[int]
    number: Mapped[str] = mapped_column(String(20))
    label: Mapped[str] = mapped_column(String(60))
    chapter: Mapped[list[str]] = mapped_column(JSON)
    text: Mapped[str] = mapped_column(Text)
    text_hash: Mapped[str] = mapped_column(String(64))
    law: Mapped[Law] = relationship(viewonly=True)
    version: Mapped[LawVersion] = relationship(viewonly=True)

    @property
    def title(self) -> str:
        """The article as a person names it: 《民法典》第一千二百五十四条."""
        return f"《{self.law.short_name}》{self.label}"


class ArticleLineage(Model):
    """Which article of the version before an article continues, under whatever number (`lineage`).

    At most one continues each. `likeness` is 1 for the same text and 0 for another one in its place.
    """

    __tablename__ = "law_article_lineage"
    __table_args__ = (CheckConstraint("likeness BETWEEN 0 AND 1", name="likeness"),)

    article_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("law_article.id", ondelete="CASCADE"), primary_key=True
    )
    previous_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("law_article.id", ondelete="CASCADE"), unique=True
    )
    likeness: Mapped[float]


class Category(Model):
    """A field of residents' questions; shared by FAQ, guides and consultations.

    One that left the file of categories is shown in no list and taken for nothing new, but its row stays: what was
    withdrawn or drafted under it still names it.
    """

    __tablename__ = "category"
    # The place of one that left.
    NOWHERE: ClassVar = -1

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    label: Mapped[str] = mapped_column(String(40))
    description: Mapped[str] = mapped_column(String(200))
    keywords: Mapped[list[str]] = mapped_column(JSON, default=list)
    position: Mapped[int]

    @property
    def listed(self) -> bool:
        """False for one that left."""
        return self.position != self.NOWHERE


class Faq(PublicId, Timestamped, Versioned, Model):
    """A question residents ask, a short answer, steps, and the articles that carry it."""

    __tablename__ = "faq"
    __table_args__ = (Index("ix_faq_list", "state", "category_code", "id"),)

    slug: Mapped[str] = mapped_column(String(80), unique=True)
    category_code: Mapped[str] = mapped_column(ForeignKey("category.code"))
    question: Mapped[str] = mapped_column(String(200))
    other_wordings: Mapped[list[str]] = mapped_column(JSON, default=list)
    answer: Mapped[str] = mapped_column(Text)
    steps: Mapped[list[str]] = mapped_column(JSON, default=list)
    see_also: Mapped[list[str]] = mapped_column(JSON, default=list)
    reviewed_on: Mapped[date]
    state: Mapped[PublicationState] = mapped_column(enum_column(PublicationState))
    published_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    origin: Mapped[Origin] = mapped_column(enum_column(Origin))
    content_hash: Mapped[str | None] = mapped_column(String(64))
    citations: Mapped[list[CitedArticle]] = relationship(
        order_by="CitedArticle.position",
        cascade="all, delete-orphan",
        foreign_keys="CitedArticle.faq_id",
    )
    category: Mapped[Category] = relationship(viewonly=True)


class Guide(PublicId, Timestamped, Versioned, Model):
    """How to get something done, as a short page in Markdown."""

    __tablename__ = "guide"

    slug: Mapped[str] = mapped_column(String(80), unique=True)
    category_code: Mapped[str] = mapped_column(ForeignKey("category.code"))
    title: Mapped[str] = mapped_column(String(200))
    summary: Mapped[str] = mapped_column(String(300))
    body: Mapped[str] = mapped_column(Text)
    reviewed_on: Mapped[date]
    state: Mapped[PublicationState] = mapped_column(enum_column(PublicationState))
    published_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    content_hash: Mapped[str | None] = mapped_column(String(64))
    citations: Mapped[list[CitedArticle]] = relationship(
        order_by="CitedArticle.position",
        cascade="all, delete-orphan",
        foreign_keys="CitedArticle.guide_id",
    )
    category: Mapped[Category] = relationship(viewonly=True)


class CitedArticle(PublicId, Model):
    """An article that an FAQ or a guide rests on.

    Written by law and number, because content may be there before the law is; `article_id` is the
    article of the current version once it is loaded, and moves on with it. `text_hash` is that of
    the article when a person last looked; a difference puts the subject on the review list, where
    `read_text`, the text of that time, shows what changed. None where it is not known.
    """

    __tablename__ = "cited_article"
    __table_args__ = (
        CheckConstraint("(faq_id IS NULL) <> (guide_id IS NULL)", name="one_subject"),
        Index("ix_cited_article_faq", "faq_id"),
        Index("ix_cited_article_guide", "guide_id"),
        Index("ix_cited_article_article", "article_id"),
    )

    faq_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("faq.id", ondelete="CASCADE"))
    guide_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("guide.id", ondelete="CASCADE"))
    position: Mapped[int]
    law_name: Mapped[str] = mapped_column(String(300))
    number: Mapped[str] = mapped_column(String(20))
    point: Mapped[str] = mapped_column(String(200))
    article_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("law_article.id"))
    text_hash: Mapped[str | None] = mapped_column(String(64))
    read_text: Mapped[str | None] = mapped_column(Text)
    article: Mapped[Article | None] = relationship(viewonly=True)

    def note_read(self, article: Article) -> None:
        """Note that the subject agrees with the article as it is now."""
        self.text_hash, self.read_text = article.text_hash, article.text


class SearchMiss(PublicId, Timestamped, Versioned, Model):
    """A question that search could not answer, counted without knowing who asked (`misses`)."""

    __tablename__ = "search_miss"
    __table_args__ = (Index("ix_search_miss_list", "state", "last_seen_on"),)

    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    text: Mapped[str] = mapped_column(EncryptedText("search_miss.text"))
    count: Mapped[int] = mapped_column(default=1)
    first_seen_on: Mapped[date]
    last_seen_on: Mapped[date]
    category_code: Mapped[str | None] = mapped_column(String(40))
    state: Mapped[MissState] = mapped_column(enum_column(MissState), default=MissState.OPEN)
    handled_by: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    handled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    faq_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("faq.id"))


class ReviewItem(PublicId, Timestamped, Versioned, Model):
    """Text to be read again, because an article it cites changed. At most one open per pair.

    `basis` is the state of the law that gave cause; once someone has read the text against it, only
    another state gives cause again.
    """

    __tablename__ = "knowledge_review"
    __table_args__ = (
        Index(
            "uq_knowledge_review_open",
            "subject_kind",
            "subject_id",
            "article_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    subject_kind: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    title: Mapped[str] = mapped_column(String(300))
    article_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("law_article.id"))
    reason: Mapped[ReviewReason] = mapped_column(enum_column(ReviewReason))
    basis: Mapped[str] = mapped_column(String(120))
    state: Mapped[ReviewState] = mapped_column(enum_column(ReviewState), default=ReviewState.OPEN)
    handled_by: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    handled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    article: Mapped[Article] = relationship(viewonly=True)


class SearchEvaluation(PublicId, Model):
    """How well search found the district's own published questions on one day (`evaluation`).

    The figures are means over questions, each asked of an index that did not hold it.
    """

    __tablename__ = "search_evaluation"
    __table_args__ = (
        CheckConstraint("questions > 0 AND articles > 0", name="counts"),
        CheckConstraint(
            "mrr_at_10 BETWEEN 0 AND 1 AND success_at_5 BETWEEN 0 AND 1"
            " AND recall_at_10 BETWEEN 0 AND 1 AND recall_at_100 BETWEEN 0 AND 1",
            name="figures",
        ),
    )

    evaluated_at: Mapped[datetime] = mapped_column(UTCDateTime)
    questions: Mapped[int]
    articles: Mapped[int]
    mrr_at_10: Mapped[float]
    success_at_5: Mapped[float]
    recall_at_10: Mapped[float]
    recall_at_100: Mapped[float]
    seconds: Mapped[float]


class IndexChange(Model):
    """A document that the search index holds in an old state; any number of changes is one row."""

    __tablename__ = "index_change"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    subject_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    token: Mapped[str] = mapped_column(String(32))


class IndexState(Model):
    """Which built index belongs to this database; out of date while the two revisions differ."""

    __tablename__ = "index_state"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    build: Mapped[str | None] = mapped_column(String(32))
    revision: Mapped[int] = mapped_column(default=1)
    built_revision: Mapped[int] = mapped_column(default=0)
    built_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
