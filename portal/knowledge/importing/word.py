"""Texts of law as Word documents of the national law database (flk.npc.gov.cn).

Title, a note in parentheses with the dates of adoption and amendment, mostly a table of contents,
then headings and articles as paragraphs. Styles say little there, so the text decides.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from pathlib import Path

import docx
from docx.opc.exceptions import PackageNotFoundError

from portal.knowledge.importing import lines, word_text
from portal.knowledge.importing.contents import Row, names_contents, without_contents
from portal.knowledge.importing.lines import ArticleBuilder, Preamble
from portal.knowledge.importing.markdown import LARGEST_BYTES, Frame, Sheet, has_items, version_of
from portal.knowledge.importing.printed import without_print
from portal.knowledge.importing.texts import Unreadable
from search_index import is_document_number

# What a document may unfold to: the longest code is a few megabytes of XML, and reading takes many
# times that of memory.
LARGEST_UNFOLDED = 30 * 1024 * 1024
# What opening a broken archive, or one that is no Word document, ends in.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    PackageNotFoundError,
    LookupError,
    ValueError,
    SyntaxError,
    AttributeError,
    TypeError,
    EOFError,
    # Of an archive: with a password, or (as its kind NotImplementedError) packed in a way that is not known.
    RuntimeError,
)
# How Word files before 2007 begin, and those of today that are locked with a password.
_OLD_WORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOCKED = "EncryptedPackage".encode("utf-16-le")
# Below a title, on a line of its own.
_OF_TITLE = re.compile(r"[（(](?:试行|暂行|\d{4}\s*年?(?:修正|修订|修改)(?:本|版|文本)?)[）)]")
# An article whose number stands in a cell beside it.
_IN_CELLS = re.compile(r"(第[^|\s]{1,12}条(?:之[^|\s]{1,3})?) \| ")
_SAVE_AGAIN = "请用 Word 或者 WPS 打开，另存为 .docx"


def read(path: Path) -> Sheet:
    """Read one document; raises Unreadable with the paragraph's number and the reason."""
    rows, notes = _rows(path)
    (title, edition), rows = _title(rows)
    preamble = Preamble()
    rows = _preamble(rows, preamble)
    rows, told = without_print(rows)
    rows = without_contents(rows)
    frame = Frame(title, preamble, edition=edition)
    builder = ArticleBuilder(items=has_items(title, [text for _, text in rows]))
    for number, text in rows:
        rank = lines.plain_rank(text)
        if rank is not None:
            builder.heading(text, rank, number)
        else:
            builder.paragraph(text, number)
    return Sheet(
        path,
        *version_of(
            path.stem,
            frame,
            builder.finish(rows[-1][0] if rows else 1),
            f"文件 {path.name}",
            [*notes, *told],
        ),
    )


def _rows(path: Path) -> tuple[list[Row], list[str]]:
    """The paragraphs with their numbers (from 1, empty ones counted), a table's row as one; and notes."""
    if path.stat().st_size > LARGEST_BYTES:
        raise Unreadable(None, "文件超过 20 MB，不像一部法律")
    try:
        with zipfile.ZipFile(path) as archive:
            unfolded = sum(entry.file_size for entry in archive.infolist())
        if unfolded <= LARGEST_UNFOLDED:
            document = docx.Document(str(path))
            numbering = word_text.Numbering(document)
            texts = list(word_text.paragraphs(document, numbering))
            left_out = word_text.left_out(document)
    except _BROKEN:
        raise Unreadable(None, _why(path)) from None
    if unfolded > LARGEST_UNFOLDED:
        raise Unreadable(None, "文件展开后超过 30 MB，不像一部法律")
    rows = []
    for number, text in enumerate(texts, 1):
        # A line break inside a paragraph begins a new line of the law.
        for piece in text.split("\n"):
            cleaned = _in_one(lines.clean(piece, number))
            if cleaned:
                rows.append((number, cleaned))
    notes = [f"里面的{'、'.join(left_out)}没有读，请核对有没有正文"] if left_out else []
    if numbering.unread:
        notes.append("有的自动编号样式读不出来，按阿拉伯数字处理，请核对")
    return rows, notes


def _in_one(text: str) -> str:
    found = _IN_CELLS.match(text)
    return f"{found[1]} {text[found.end() :]}" if found is not None else text


def _why(path: Path) -> str:
    """Say what is wrong with a file that does not open."""
    content = path.read_bytes()
    if not content:
        return "文件是空的"
    if content.startswith(_OLD_WORD):
        if _LOCKED in content:
            return f"Word 文档加了打开密码，{_SAVE_AGAIN}，不设密码"
        return f"是旧格式的 Word 文档（.doc）或者其他旧 Office 文件，{_SAVE_AGAIN}"
    if content.startswith(b"PK"):
        return f"不是能打开的 Word 文档（.docx）：不完整、已损坏，或者是别的文件，{_SAVE_AGAIN}"
    return f"不是 Word 文档（.docx），{_SAVE_AGAIN}"


def _title(rows: list[Row]) -> tuple[tuple[str, int | None], list[Row]]:
    """The lines before the note, as one title and its edition: long names stand on two lines."""
    parts: list[str] = []
    for place, (number, text) in enumerate(rows):
        if is_document_number(text):
            continue
        begins = (
            (text.startswith(("（", "(")) and not _OF_TITLE.fullmatch(text))
            or names_contents(text)
            or lines.heading_rank(text) is not None
            or lines.split_article(text) is not None
            or text.endswith(("。", "："))
            or lines.is_adoption(text)
        )
        if begins:
            title = lines.heading_title("".join(parts))
            if not title:
                raise Unreadable(number, "正文之前没有标题")
            return lines.law_title(title, rows[0][0]), rows[place:]
        parts.append(text if len(text.split()) < 2 else lines.heading_title(text))
    raise Unreadable(None, "没有正文")


def _preamble(rows: list[Row], preamble: Preamble) -> list[Row]:
    """Read the note in parentheses, which may run over several paragraphs; returns what follows."""
    if not rows or not rows[0][1].startswith(("（", "(")):
        bare = 0
        while bare < len(rows) and lines.is_adoption(rows[bare][1]):
            preamble.read(rows[bare][1], rows[bare][0])
            bare += 1
        return rows[bare:]
    depth = 0
    for place, (number, text) in enumerate(rows):
        depth += len(re.findall(r"[（(]", text)) - len(re.findall(r"[）)]", text))
        preamble.read(text, number)
        if depth <= 0:
            return rows[place + 1 :]
    raise Unreadable(rows[0][0], "题注的括号没有结束")
