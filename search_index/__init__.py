"""The search library: a layperson's words find the article.

It owns the index on disk and everything that reads it: analysis, ranking, citations, suggestions.
It knows neither Flask nor the portal; `portal.knowledge` is its only user. `Document` goes in
through `IndexWriter`, `SearchRequest` goes in and `SearchResult` comes out through `SearchIndex`.
"""

from search_index.analysis import content_words, tokens
from search_index.citations import Citation, find_citations, own_names
from search_index.documents import (
    CitationMatch,
    Document,
    Fragment,
    Hit,
    SearchRequest,
    SearchResult,
    Suggestion,
)
from search_index.errors import (
    BuildInProgress,
    IndexDamaged,
    IndexFormatError,
    IndexMissing,
    IndexWriteError,
    SearchIndexError,
    WriterBusy,
)
from search_index.highlight import to_utf16
from search_index.laws import LawNames, names_no_law, one_law, simplify
from search_index.numerals import (
    article_order,
    format_article_number,
    format_numeral,
    parse_article_number,
)
from search_index.paragraphs import Absent, absent_part
from search_index.searcher import SearchIndex
from search_index.store.writer import IndexWriter
from search_index.thesaurus import Thesaurus
from search_index.titles import is_document_number

__all__ = [
    "Absent",
    "BuildInProgress",
    "Citation",
    "CitationMatch",
    "Document",
    "Fragment",
    "Hit",
    "IndexDamaged",
    "IndexFormatError",
    "IndexMissing",
    "IndexWriteError",
    "IndexWriter",
    "LawNames",
    "SearchIndex",
    "SearchIndexError",
    "SearchRequest",
    "SearchResult",
    "Suggestion",
    "Thesaurus",
    "WriterBusy",
    "absent_part",
    "article_order",
    "content_words",
    "find_citations",
    "format_article_number",
    "format_numeral",
    "is_document_number",
    "names_no_law",
    "one_law",
    "own_names",
    "parse_article_number",
    "simplify",
    "to_utf16",
    "tokens",
]
