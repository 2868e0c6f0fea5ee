"""What a Word document shows, paragraph by paragraph: also what python-docx's own `text` leaves out.

That leaves out what was inserted with changes tracked, what stands in content controls and smart tags
(the database's older documents mark every date so), and the numbers that Word counts by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from docx.document import Document
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement as Element
from docx.table import Table

from search_index.numerals import format_numeral

# Paragraphs and tables may stand in these.
_AROUND_BLOCKS = {qn("w:sdt"), qn("w:sdtContent"), qn("w:customXml"), qn("w:ins"), qn("w:moveTo")}
# No text of the document: settings, what was deleted, commands of fields, boxes that float.
_NO_TEXT = {
    qn("w:pPr"),
    qn("w:rPr"),
    qn("w:sdtPr"),
    qn("w:del"),
    qn("w:moveFrom"),
    qn("w:txbxContent"),
    # The reading above a character.
    qn("w:rt"),
}
_SIGNS = {
    qn("w:tab"): " ",
    qn("w:ptab"): " ",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
_CHINESE = {
    "chineseCounting",
    "chineseCountingThousand",
    "chineseLegalSimplified",
    "ideographDigital",
    "japaneseCounting",
    "taiwaneseCounting",
    "taiwaneseCountingThousand",
}
_FIGURES = {"decimal", "decimalFullWidth", "decimalFullWidth2", "decimalHalfWidth", "decimalZero"}
_NO_NUMBER = {"bullet", "none"}


@dataclass(frozen=True, slots=True)
class _Level:
    form: str
    text: str
    start: int


@dataclass(slots=True)
class Numbering:
    """The numbers of a document's lists, counted in the order in which paragraphs come."""

    document: Document
    unread: set[str] = field(default_factory=set)
    _counts: dict[str, dict[int, int]] = field(default_factory=dict)
    _started: set[str] = field(default_factory=set)
    _styles: dict[str | None, tuple[str | None, int]] = field(default_factory=dict)
    _kinds: dict[str, tuple[str, dict[int, _Level], bool] | None] = field(default_factory=dict)

    def label(self, paragraph: Element) -> str:
        """Return the number that Word shows before a paragraph, "" without one."""
        number, depth = self._place(paragraph)
        if number in (None, "0"):
            return ""
        if number not in self._kinds:
            self._kinds[number] = self._levels(number)
        found = self._kinds[number]
        if found is None or depth not in found[1]:
            return ""
        abstract, levels, restart = found
        # Lists of one kind go on counting, unless one says where it begins anew.
        counts = self._counts.setdefault(abstract, {})
        if restart and number not in self._started:
            self._started.add(number)
            counts.clear()
        counts[depth] = counts.get(depth, levels[depth].start - 1) + 1
        for deeper in [other for other in counts if other > depth]:
            del counts[deeper]
        level = levels[depth]
        if level.form in _NO_NUMBER:
            return ""

        def written(found: re.Match[str]) -> str:
            place = int(found.group(1)) - 1
            other = levels.get(place, level)
            return self._written(other.form, counts.get(place, other.start))

        return re.sub(r"%(\d)", written, level.text)

    def _written(self, form: str, count: int) -> str:
        if form in _CHINESE:
            return format_numeral(count)
        if form in ("lowerLetter", "upperLetter") and count <= 26:
            return chr((97 if form == "lowerLetter" else 65) + count - 1)
        if form not in _FIGURES:
            self.unread.add(form)
        return str(count)

    def _place(self, paragraph: Element) -> tuple[str | None, int]:
        """The list and depth of a paragraph, by itself or by its style."""
        properties = paragraph.find(qn("w:pPr"))
        if properties is None:
            return None, 0
        number, depth = _number_of(properties)
        if number is not None:
            return number, depth
        style = _value(properties, "w:pStyle")
        if style not in self._styles:
            self._styles[style] = self._place_of_style(style)
        return self._styles[style]

    def _place_of_style(self, style: str | None) -> tuple[str | None, int]:
        # A style may rest on another, and a broken document on itself.
        for _ in range(10):
            found = _child_by(self.document.styles.element, "w:style", "w:styleId", style)
            if found is None:
                break
            number, depth = _number_of(found.find(qn("w:pPr")))
            if number is not None:
                return number, depth
            style = _value(found, "w:basedOn")
        return None, 0

    def _levels(self, number: str) -> tuple[str, dict[int, _Level], bool] | None:
        """The kind of a list, its levels, and whether it begins anew."""
        numbering = _part_of(self.document)
        if numbering is None:
            return None
        listed = _child_by(numbering, "w:num", "w:numId", number)
        if listed is None:
            return None
        name = _value(listed, "w:abstractNumId")
        kind = _child_by(numbering, "w:abstractNum", "w:abstractNumId", name)
        if kind is None or name is None:
            return None
        levels = {}
        for level in kind.findall(qn("w:lvl")):
            levels[int(level.get(qn("w:ilvl"), "0"))] = _Level(
                _value(level, "w:numFmt") or "decimal",
                _value(level, "w:lvlText") or "",
                int(_value(level, "w:start") or 1),
            )
        restart = False
        for override in listed.findall(qn("w:lvlOverride")):
            start = _value(override, "w:startOverride")
            depth = int(override.get(qn("w:ilvl"), "0"))
            if start is not None and depth in levels:
                restart = True
                levels[depth] = _Level(levels[depth].form, levels[depth].text, int(start))
        return name, levels, restart


def paragraphs(document: Document, numbering: Numbering) -> Iterator[str]:
    """Return the document's paragraphs in order; of a table, each row as one."""
    yield from _blocks(document, document.element.body, numbering)


def left_out(document: Document) -> list[str]:
    """Say what stands in the document and is not read, for whoever compares."""
    body = document.element.body
    marks = {
        "文本框": qn("w:txbxContent"),
        "脚注": qn("w:footnoteReference"),
        "图片": qn("w:drawing"),
    }
    found = [name for name, tag in marks.items() if body.find(f".//{tag}") is not None]
    if "文本框" in found and "图片" in found:
        # A box is drawn too.
        found.remove("图片")
    return found


def _blocks(document: Document, parent: Element, numbering: Numbering) -> Iterator[str]:
    for block in parent:
        if block.tag == qn("w:p"):
            yield _with_label(numbering.label(block), _text(block))
        elif block.tag == qn("w:tbl"):
            yield from _rows(document, block, numbering)
        elif block.tag in _AROUND_BLOCKS and not _is_contents(block):
            yield from _blocks(document, block, numbering)


def _rows(document: Document, element: Element, numbering: Numbering) -> Iterator[str]:
    table = Table(element, document)
    if len(table.columns) == 1:
        # A frame around text, no table.
        for cell in element.iterfind(f"{qn('w:tr')}/{qn('w:tc')}"):
            yield from _blocks(document, cell, numbering)
        return
    for row in table.rows:
        # A cell that spans several columns comes once for each of them.
        cells = {id(cell._tc): cell._tc for cell in row.cells}.values()
        texts = [" ".join(_cell(cell, numbering).split()) for cell in cells]
        if any(texts):
            yield " | ".join(texts)


def _cell(cell: Element, numbering: Numbering) -> str:
    shown = [_with_label(numbering.label(p), _text(p)) for p in cell.iter(qn("w:p"))]
    return " ".join(shown)


def _with_label(label: str, text: str) -> str:
    if not label or not text.strip():
        return text
    # The law writes 第一条 with a space behind it, and （一） without.
    space = " " if re.search(r"[\w编章节条]$", label) else ""
    return f"{label}{space}{text.lstrip()}"


def _text(element: Element) -> str:
    parts = []
    for child in element:
        if child.tag in _NO_TEXT:
            continue
        if child.tag == qn("w:t"):
            parts.append(child.text or "")
        elif child.tag in _SIGNS:
            parts.append(_SIGNS[child.tag])
        elif child.tag == qn("w:br"):
            parts.append("" if child.get(qn("w:type")) in ("page", "column") else "\n")
        else:
            parts.append(_text(child))
    return "".join(parts)


def _is_contents(block: Element) -> bool:
    """True for a table of contents that Word made: its entries are no headings of the text."""
    gallery = block.find(f"{qn('w:sdtPr')}/{qn('w:docPartObj')}/{qn('w:docPartGallery')}")
    return gallery is not None and gallery.get(qn("w:val")) == "Table of Contents"


def _number_of(properties: Element | None) -> tuple[str | None, int]:
    found = properties.find(qn("w:numPr")) if properties is not None else None
    if found is None:
        return None, 0
    return _value(found, "w:numId"), int(_value(found, "w:ilvl") or 0)


def _part_of(document: Document) -> Element | None:
    for relation in document.part.rels.values():
        if relation.reltype.endswith("/numbering") and not relation.is_external:
            element: Element = relation.target_part.element
            return element
    return None


def _child_by(parent: Element, tag: str, key: str, value: str | None) -> Element | None:
    if value is None:
        return None
    return next((c for c in parent.findall(qn(tag)) if c.get(qn(key)) == value), None)


def _value(parent: Element, tag: str) -> str | None:
    found = parent.find(qn(tag))
    return found.get(qn("w:val")) if found is not None else None
