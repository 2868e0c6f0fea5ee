"""The district's thesaurus, `content/thesaurus.yaml`: short names of laws, and the law's words for everyday ones."""

from __future__ import annotations

from marshmallow import fields

from portal.config import settings
from portal.core.content_files import settings_of
from portal.web.schemas import CleanString, Schema
from search_index import Thesaurus

FILE = "thesaurus.yaml"


def _word(longest: int) -> CleanString:
    return CleanString(min_length=1, max_length=longest)


class ThesaurusFile(Schema):
    """The whole of thesaurus.yaml."""

    law_names = fields.Dict(keys=_word(100), values=_word(300), load_default=dict, allow_none=True)
    words = fields.Dict(
        keys=_word(100), values=fields.List(_word(100)), load_default=dict, allow_none=True
    )


def thesaurus() -> Thesaurus:
    """Return what the file says now; nothing without the file. Raises BrokenFile."""
    stated = settings_of(settings().content_dir / FILE, ThesaurusFile())
    return Thesaurus.of(stated["law_names"] or {}, stated["words"] or {})
