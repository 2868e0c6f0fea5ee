"""Notes on a law in square, black or tortoise-shell brackets, read as those in round ones: 《商标法》【2019年修正】第七条."""

from __future__ import annotations

import re

# The ends of names of laws, or of another note. The number of a document has such brackets too: 法释〔2020〕17号.
_BEHIND_A_NAME = r"[》法典例定释则办案批见)】〕\]]"
_INNER = r"[^()【】〔〕\[\]\n]"
_YEAR = "(?:19|20)[0-9]{2}"
_NOTE = re.compile(
    r"[【〔\[](?:"
    # A year with what was done then: 2019年修正; 2019; 根据2019年…修正; 以下简称… may follow.
    rf"(?:根据)?{_YEAR}(?:年{_INNER}{{0,60}}|{_INNER}{{0,8}})"
    "|试行|草案"
    # The number of the document: 法释〔2020〕17号,2020年修正.
    rf"|{_INNER}{{1,12}}[(〔\[]{_YEAR}[)〕\]]第?[0-9]{{1,5}}号{_INNER}{{0,60}}"
    # What says that it is the law no more.
    rf"|现[行在]?(?:为|是|见|参见|对应)?《{_INNER}{{2,60}}"
    rf"|(?:该法|该条|现)?已经?(?:被{_INNER}{{1,20}})?(?:废止|失效|修[改订正]){_INNER}{{0,20}}"
    r")[】〕\]](?!\s*第?\s*[0-9]+\s*号)"
)
_NAME = re.compile(rf"(?:{_BEHIND_A_NAME}|条(?:之[\w]{{1,3}})?|[款项])\s*$")


# The year in the number of a document, whatever brackets it is written in: 法释(2020)17号. That of a case comes first.
_DOCUMENT_YEAR = re.compile(
    rf"(?<=[\u4e00-\u9fff])[(〔\[【]({_YEAR})[)〕\]】](?=\s*第?[0-9]{{1,5}}号)"
)


def round_notes(normal: str) -> str:
    """Return a normalised text of the same length, the brackets around notes on a law as round ones.

    Notes on an article (第五百七十七条【违约责任】) stay as they are; the year of a document has those of its own (〔〕).
    """
    if "号" in normal:
        normal = _DOCUMENT_YEAR.sub(r"〔\1〕", normal)
    if not any(bracket in normal for bracket in "【〔["):
        return normal
    return _NOTE.sub(_rounded, normal)


def _rounded(note: re.Match[str]) -> str:
    if not _NAME.search(note.string, max(0, note.start() - 8), note.start()):
        return note[0]
    return f"({note[0][1:-1]})"
