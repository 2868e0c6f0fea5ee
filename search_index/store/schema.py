"""The Whoosh side: the staff's query language over the same words as the matrix.

Whoosh keeps the inverted index that staff query by field (`law:民法典 number:1254`); the matrix
ranks what residents ask. Whoosh pickles parts of its own files, therefore a folder is only ever
opened that this program wrote.
"""

from __future__ import annotations

import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from whoosh import fields, index
from whoosh.analysis import Analyzer, Token
from whoosh.codec.whoosh3 import W3Codec
from whoosh.qparser import MultifieldParser, QueryParserError
from whoosh.qparser.plugins import PhrasePlugin, WildcardPlugin
from whoosh.query import NullQuery, Or, Query, Term
from whoosh.reading import IndexReader

from search_index import analysis
from search_index.documents import OUT_OF_FORCE, Document
from search_index.numerals import parse_article_number
from search_index.store.files import reading

# How whoosh.formats.Frequency stores a count.
_FREQUENCY = struct.Struct("!I")
SEARCHED = ("title", "text", "questions")
_WORD_FIELDS = (*SEARCHED, "heading")
# Longer words that a word is looked for in; 第 or 公司 would be in thousands.
MOST_LONGER = 200


class WordAnalyzer(Analyzer):
    """The library's own words, for parsing queries."""

    def __call__(self, value: str, **kwargs: Any) -> Iterator[Token]:
        token = Token()
        for position, word in enumerate(analysis.content_words(value)):
            token.text = token.original = word
            token.boost = 1.0
            token.pos = position
            token.stopped = False
            yield token


class Words(fields.TEXT):
    """A text field that counts the library's words itself.

    Whoosh's own path makes a token object per word, which takes twice as long as all the rest of a
    build; titles and headings repeat over hundreds of articles, hence the cache.
    """

    def __init__(self) -> None:
        super().__init__(analyzer=WordAnalyzer(), phrase=False)
        # Schemas are pickled into the index; the cache must not be part of that.
        self._cache: dict[str, list[tuple[bytes, int, float, bytes]]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": {}}

    def index(self, value: str, **kwargs: Any) -> Iterable[tuple[bytes, int, float, bytes]]:
        """The postings of one value: word, how often, weight, encoded frequency."""
        found = self._cache.get(value)
        if found is None:
            counts = Counter(analysis.content_words(value))
            found = [
                (word.encode("utf-8"), count, float(count), _FREQUENCY.pack(count))
                for word, count in counts.items()
            ]
            if len(self._cache) > 256:
                self._cache.clear()
            self._cache[value] = found
        return found


class Code(fields.ID):
    """A field of one term, the value as it is, without a token object for each document."""

    def index(self, value: str, **kwargs: Any) -> Iterable[tuple[bytes, int, float, bytes]]:
        """The only posting of a value; that it occurs is all that is kept."""
        return [(value.encode("utf-8"), 1, 1.0, b"")]


class NumberAnalyzer(Analyzer):
    """One token: an article number in canonical form, however it was written."""

    def __call__(self, value: str, **kwargs: Any) -> Iterator[Token]:
        token = Token()
        plain = analysis.normalise(value).strip()
        token.text = token.original = parse_article_number(plain) or plain
        token.boost = 1.0
        token.pos = 0
        token.stopped = False
        yield token


def build_schema() -> fields.Schema:
    """The staff's fields. Positions are left out: phrases are not part of the staff's language."""
    return fields.Schema(
        key=Code(stored=True, unique=True),
        kind=Code(),
        level=Code(),
        validity=Code(),
        category=Code(),
        source=Code(),
        number=fields.TEXT(analyzer=NumberAnalyzer(), phrase=False),
        law=Words(),
        title=Words(),
        heading=Words(),
        text=Words(),
        questions=Words(),
    )


class Postings:
    """What Whoosh collects to write at its commit, by term.

    Documents come in the order of their rows, so only the terms are sorted. Whoosh's own pool sorts every posting,
    and through files where they are many.
    """

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._fields: defaultdict[str, dict[bytes, list[Any]]] = defaultdict(dict)

    def add(self, posting: tuple[str, bytes, int, float, bytes]) -> None:
        """Note a posting: field, term, row, weight, encoded frequency."""
        name, term, row, weight, value = posting
        terms = self._fields[name]
        found = terms.get(term)
        if found is None:
            terms[term] = [row, weight, value]
        else:
            found += (row, weight, value)

    def iter_postings(self) -> Iterator[tuple[str, bytes, int, float, bytes]]:
        """Yield all of them, by field, term and row; each is forgotten then.

        Most of the time of a commit, in which whoever asks for a stop would wait: so it tells its progress.
        """
        for name in sorted(self._fields):
            terms = self._fields.pop(name)
            for place, term in enumerate(sorted(terms)):
                if place % 4096 == 0:
                    self._progress("order", 0, 1)
                numbers = iter(terms.pop(term))
                for row, weight, value in zip(numbers, numbers, numbers, strict=True):
                    yield name, term, row, weight, value
        self._progress("order", 1, 1)

    def cleanup(self) -> None:
        """Forget what was not written."""
        self._fields.clear()


class Codec(W3Codec):
    """Whoosh's own, without the lengths of texts in the statistics of each term.

    They would let a search skip blocks of a term's postings, but are read from a file for each posting.
    """

    length_stats = False


def write_whoosh(folder: Path, documents: Sequence[Document], progress: Any) -> None:
    """Write a Whoosh index of the documents into a new folder."""
    folder.mkdir()
    whoosh_index = index.create_in(str(folder), build_schema())
    writer = whoosh_index.writer(codec=Codec())
    writer.pool = Postings(progress)
    try:
        _write(writer, documents, progress)
    except BaseException:
        writer.cancel()
        raise
    whoosh_index.close()
    progress("words", len(documents), len(documents))


def _write(writer: Any, documents: Sequence[Document], progress: Any) -> None:
    for row, document in enumerate(documents):
        values = {
            "key": _without_lone_surrogates(document.key),
            "kind": _without_lone_surrogates(document.kind),
            "level": _without_lone_surrogates(document.level),
            "validity": document.validity,
            "category": _without_lone_surrogates(document.category),
            "source": _without_lone_surrogates(document.source),
            "number": document.article_number,
            "law": document.law,
            "title": document.title,
            "heading": document.heading,
            "text": document.text,
            "questions": "\n".join(document.questions),
        }
        writer.add_document(**{name: value for name, value in values.items() if value})
        if row % 1024 == 0:
            progress("words", row, len(documents))
    writer.commit()


def _without_lone_surrogates(text: str) -> str:
    """UTF-8 cannot carry them; everything else, AND and OR in capitals among it, stays as typed."""
    return text.encode("utf-8", "replace").decode("utf-8")


@reading(opened=True)
def staff_keys(folder: Path, text: str, limit: int) -> tuple[list[str], list[str]]:
    """Keys of the documents that match a query in the staff's language, best first.

    Those in force, and those that are not (`OUT_OF_FORCE`), each up to `limit`.
    """
    whoosh_index = index.open_dir(str(folder))
    try:
        query = parse_staff_query(text)
        if query == NullQuery:
            return [], []
        with whoosh_index.searcher() as searcher:
            wide = _widened(query, searcher.reader())
            gone = Or([Term("validity", value) for value in OUT_OF_FORCE])
            in_force = searcher.search(wide, limit=limit, mask=gone)
            others = searcher.search(wide, limit=limit, filter=gone)
            return [hit["key"] for hit in in_force], [hit["key"] for hit in others]
    finally:
        whoosh_index.close()


def _widened(query: Query, reader: IndexReader) -> Query:
    """The query with every word also taken as a part of longer ones: 工资 finds 拖欠工资.

    The segmenter keeps such compounds whole. Looking through the vocabulary costs a tenth of a second
    over sixty thousand articles, which a person at a desk does not notice.
    """
    if isinstance(query, Term):
        # 中华人民共和国宪法 is one word of the dictionary.
        if query.fieldname not in (*_WORD_FIELDS, "law") or len(query.text) < 2:
            return query
        part = query.text.encode("utf-8")
        longer = [word for word in reader.lexicon(query.fieldname) if part in word][:MOST_LONGER]
        return Or([query, *(Term(query.fieldname, word.decode("utf-8")) for word in longer)])
    return query.apply(lambda child: _widened(child, reader))


def staff_words(text: str) -> tuple[str, ...]:
    """The words that a query in the staff's language asks the texts for; for marking them."""
    terms = parse_staff_query(text).all_terms()
    return tuple(sorted({word for name, word in terms if name in _WORD_FIELDS}))


def parse_staff_query(text: str) -> Query:
    """Parse `law:民法典 AND number:1254`; any text parses, an unreadable one to the empty query."""
    parser = MultifieldParser(list(SEARCHED), build_schema())
    for plugin in (WildcardPlugin, PhrasePlugin):  # no positions are kept, scans are not offered
        parser.remove_plugin_class(plugin)
    try:
        return parser.parse(_without_lone_surrogates(text)[:1000])
    except (QueryParserError, ValueError, TypeError, AttributeError, LookupError, RuntimeError):
        # Whoosh's parser fails in many ways on unbalanced ranges and quotes; for the person at the
        # desk each of them means the same: nothing readable was asked.
        return NullQuery
