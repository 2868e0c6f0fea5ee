"""Whether search gets better as the district answers: its own questions, asked of its own articles.

Every published FAQ and answer that cites articles in force is a question whose right result is known.
Each run's figures are kept, so that the series can be seen.
"""

from __future__ import annotations

import time

from portal.core import clock
from portal.core.db import db
from portal.core.errors import Invalid
from portal.core.unit_of_work import unit_of_work
from portal.knowledge import documents, index
from portal.knowledge.documents import TO_INDEX
from portal.knowledge.models import SearchEvaluation, Validity
from portal.knowledge.search import PLAIN_KINDS
from portal.knowledge.thesaurus import thesaurus
from search_index import Document
from search_index.own_questions import evaluate_own

# One standard error of success@5 over fifty questions is about 0.07; below that a series shows chance.
FEWEST = 50
_LAW_OF_TODAY = tuple(TO_INDEX[validity] for validity in Validity if validity.is_law)


def run(progress: index.Progress = index.silent) -> SearchEvaluation:
    """Measure, keep the figures and return them; raises Invalid when there are too few questions.

    The measuring itself, half a minute on sixty thousand articles, is outside any transaction.
    """
    began = time.monotonic()
    articles, questions = _collect(progress)
    db.session.rollback()
    if not articles:
        raise Invalid(
            "没有现行有效的法律条文，无从评测检索。",
            code="no_law",
            next_step="请先运行 flask --app wsgi law import-starter，或者导入法律文本。",
        )
    if len(questions) < FEWEST:
        raise Invalid(
            f"引用了现行条文的已发布问答和答复只有 {len(questions)} 个，至少要有 {FEWEST} 个才能评测。",
            code="too_few_questions",
            next_step=f"请再发布 {FEWEST - len(questions)} 个引用条文的问答或者答复，然后重新运行。",
        )
    found = evaluate_own(
        articles,
        questions,
        thesaurus(),
        lambda done, total: progress("evaluate", done, total),
    )
    with unit_of_work():
        evaluation = SearchEvaluation(
            evaluated_at=clock.now(),
            questions=len(questions),
            articles=len(articles),
            mrr_at_10=round(found.mrr_at_10, 4),
            success_at_5=round(found.success_at_5, 4),
            recall_at_10=round(found.recall_at_10, 4),
            recall_at_100=round(found.recall_at_100, 4),
            seconds=round(time.monotonic() - began, 1),
        )
        db.session.add(evaluation)
    return evaluation


def _collect(progress: index.Progress) -> tuple[list[Document], list[Document]]:
    """The articles in force, and the questions that cite one of them."""
    everything = list(documents.everything())
    if everything:
        progress("collect", len(everything), len(everything))
    articles = [
        document
        for document in everything
        if document.kind == "article" and document.validity in _LAW_OF_TODAY
    ]
    asked = [document for document in everything if document.kind in PLAIN_KINDS]
    keys = {article.key for article in articles}
    return articles, [question for question in asked if keys.intersection(question.cites)]
