"""How well a collection's own published questions find the articles that they cite.

Five folds: each question is asked against an index, in memory, that holds neither it nor its fold,
with the weights of the second ranking as they are shipped. `experiments` fits them anew; here they
are part of what is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from search_index.documents import Document
from search_index.evaluate import Measures, measure
from search_index.experiments import OUTER_FOLDS, Settings, Workbench, split
from search_index.reranking import weights
from search_index.thesaurus import Thesaurus

Progress = Callable[[int, int], None]


def evaluate_own(
    articles: Sequence[Document],
    questions: Sequence[Document],
    thesaurus: Thesaurus,
    progress: Progress,
    seed: int = 0,
) -> Measures:
    """Ask every question for its articles; each cites at least one of `articles`.

    `progress(done, total)` counts the preparation and the folds.
    """
    steps = OUTER_FOLDS + 1
    progress(0, steps)
    bench = Workbench(articles, questions, thesaurus)
    rankings = []
    for done, (train, held_out) in enumerate(split(range(len(questions)), OUTER_FOLDS, seed), 1):
        progress(done, steps)
        model = bench.model(train, Settings())
        for number in held_out:
            rows = model.ranking(number, weights())
            keys = [bench.articles[row].key for row in rows]
            relevant = frozenset(bench.articles[row].key for row in bench.relevant[number])
            rankings.append((keys, relevant))
    progress(steps, steps)
    return measure(rankings)
