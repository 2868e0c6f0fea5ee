"""Word documents as offices make them: whatever a reader of the page sees goes in, and what cannot go in is said."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pytest
from docx.document import Document
from docx.oxml import parse_xml

from portal.knowledge.importing import word
from portal.knowledge.importing.texts import Unreadable
from portal.knowledge.operations import import_law

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
NOTE = "（2020年1月1日测试市第三届人民代表大会常务委员会第二十三次会议通过）"
BODY = (
    "第一章　总　则",
    "　　第一条　测试：为了试验，制定本条例。",
    "　　第二条　本条例自2020年3月1日起施行。",
)


def written(
    path: Path,
    change: Callable[[Document], object] = lambda made: None,
    *,
    note: str = NOTE,
    body: tuple[str, ...] = BODY,
) -> Path:
    made = docx.Document()
    for text in ("测试市办公条例", note, *body):
        made.add_paragraph(text)
    change(made)
    made.save(str(path))
    return path


def texts(path: Path) -> dict[str, str]:
    return {article.label: article.text for article in word.read(path).version.articles}


def numbered(made: Document, text: str, depth: int, *, list_: int = 90) -> None:
    paragraph = made.add_paragraph(text)
    number = f'<w:numPr {W}><w:ilvl w:val="{depth}"/><w:numId w:val="{list_}"/></w:numPr>'
    paragraph._p.get_or_add_pPr().append(parse_xml(number))


def with_lists(made: Document) -> None:
    levels = "".join(
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
        for depth, form, text in (
            (0, "chineseCountingThousand", "第%1条"),
            (1, "chineseCounting", "（%2）"),
            (2, "decimal", "%3."),
        )
    )
    element = made.part.numbering_part.element
    element.insert(
        0, parse_xml(f'<w:abstractNum {W} w:abstractNumId="90">{levels}</w:abstractNum>')
    )
    kind = '<w:abstractNumId w:val="90"/>'
    element.append(parse_xml(f'<w:num {W} w:numId="90">{kind}</w:num>'))
    start = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="30"/></w:lvlOverride>'
    element.append(parse_xml(f'<w:num {W} w:numId="91">{kind}{start}</w:num>'))


def test_numbers_that_word_counts_by_itself_are_read(tmp_path):
    def change(made: Document) -> None:
        with_lists(made)
        for place in range(12):
            numbered(made, f"测试：第{place}项内容：", 0)
            numbered(made, "甲；", 1)
            numbered(made, "细目。", 2)
            numbered(made, "乙。", 1)
        numbered(made, "测试：接着从三十数起。", 0, list_=91)
        numbered(made, "本条例自2020年3月1日起施行。", 0, list_=91)

    path = written(tmp_path / "x.docx", change, body=BODY[:1])
    version = word.read(path).version
    assert [a.number for a in version.articles] == [*map(str, range(1, 13)), "30", "31"]
    assert version.articles[11].text == "测试：第11项内容：\n（一）甲；\n1.细目。\n（二）乙。"
    assert version.effective_from is not None


def test_a_style_numbers_its_paragraphs(tmp_path):
    def change(made: Document) -> None:
        with_lists(made)
        style = made.styles.add_style("条文", 1)
        number = f'<w:numPr {W}><w:numId w:val="90"/></w:numPr>'
        style.element.get_or_add_pPr().append(parse_xml(number))
        for text in ("测试：甲。", "测试：乙。"):
            made.add_paragraph(text, style=style)

    assert texts(written(tmp_path / "x.docx", change, body=())) == {
        "第一条": "测试：甲。",
        "第二条": "测试：乙。",
    }


@pytest.mark.parametrize(
    ("xml", "read"),
    [
        ('<w:ins {w} w:id="1"><w:r><w:t>新增的</w:t></w:r></w:ins>', "新增的"),
        ('<w:del {w} w:id="1"><w:r><w:delText>删去的</w:delText></w:r></w:del>', ""),
        ('<w:smartTag {w} w:element="date"><w:r><w:t>2020年</w:t></w:r></w:smartTag>', "2020年"),
        ("<w:sdt {w}><w:sdtContent><w:r><w:t>控件</w:t></w:r></w:sdtContent></w:sdt>", "控件"),
        ("<w:hyperlink {w}><w:r><w:t>《民法典》</w:t></w:r></w:hyperlink>", "《民法典》"),
        ("<w:r {w}><w:instrText>PAGE</w:instrText></w:r>", ""),
    ],
)
def test_within_a_paragraph_that_is_read_which_is_seen(tmp_path, xml, read):
    def change(made: Document) -> None:
        paragraph = made.add_paragraph("　　第三条　测试：前")
        paragraph._p.append(parse_xml(xml.format(w=W)))
        paragraph.add_run("后。")

    assert texts(written(tmp_path / "x.docx", change))["第三条"] == f"测试：前{read}后。"


def test_articles_in_a_control_or_a_frame_are_articles(tmp_path):
    def control(made: Document) -> None:
        inner = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in BODY)
        made.element.body.insert(
            2, parse_xml(f"<w:sdt {W}><w:sdtContent>{inner}</w:sdtContent></w:sdt>")
        )

    def frame(made: Document) -> None:
        cell = made.add_table(1, 1).cell(0, 0)
        cell.text = BODY[0]
        for text in BODY[1:]:
            cell.add_paragraph(text)

    for change in (control, frame):
        path = written(tmp_path / "x.docx", change, body=())
        version = word.read(path).version
        assert [a.number for a in version.articles] == ["1", "2"]
        assert version.articles[0].chapter == ("第一章 总则",)


def test_a_table_of_contents_that_word_made_is_no_text(tmp_path):
    def change(made: Document) -> None:
        gallery = '<w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr>'
        entry = "<w:p><w:r><w:t>附　则 4</w:t></w:r></w:p>"
        made.element.body.insert(
            2, parse_xml(f"<w:sdt {W}>{gallery}<w:sdtContent>{entry}</w:sdtContent></w:sdt>")
        )

    assert list(texts(written(tmp_path / "x.docx", change))) == ["第一条", "第二条"]


def test_what_is_not_read_is_said(tmp_path):
    def change(made: Document) -> None:
        box = f"<w:txbxContent {W}><w:p><w:r><w:t>框里</w:t></w:r></w:p></w:txbxContent>"
        made.add_paragraph("　　第三条　测试：前").add_run()._r.append(parse_xml(box))

    read = word.read(written(tmp_path / "x.docx", change))
    assert read.version.articles[2].text == "测试：前"
    assert read.notes == ("里面的文本框没有读，请核对有没有正文",)


def test_a_note_without_brackets_does_not_become_part_of_the_name(tmp_path):
    path = written(tmp_path / "x(2020-01-01).docx", note=NOTE.strip("（）"))
    version = word.read(path).version
    assert version.law == "测试市办公条例"
    assert version.issuing_body == "测试市人民代表大会常务委员会"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "文件是空的"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "旧格式.*另存为 .docx"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "打开密码.*另存为 .docx",
        ),
        (b"PK\x03\x04 cut off", "不完整、已损坏"),
        ("<html>第一条</html>".encode(), "不是 Word 文档"),
    ],
)
def test_a_file_that_does_not_open_is_told_what_it_is(tmp_path, content, reason):
    (tmp_path / "x.docx").write_bytes(content)
    with pytest.raises(Unreadable, match=reason):
        word.read(tmp_path / "x.docx")


def test_a_damaged_document_never_stops_the_others(settings, tmp_path):
    """Whatever is wrong with its bytes: it is named, and the one beside it goes in."""
    folder = tmp_path / "laws"
    folder.mkdir()
    good = written(folder / "b.docx", with_lists)
    content = good.read_bytes()
    dice = random.Random(3)
    for place in range(40):
        damaged = bytearray(content)
        for _ in range(place % 4 + 1):
            damaged[dice.randrange(len(damaged))] ^= dice.randrange(1, 256)
        (folder / f"a{place}.docx").write_bytes(bytes(damaged))
    # One that is packed well and says nothing sensible.
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(folder / "c.docx", "w") as target:
        for name in source.namelist():
            broken = source.read(name).replace(b'w:ilvl="0"', b'w:ilvl="x"')
            target.writestr(name, broken)
    report = import_law([folder], dry_run=True)
    assert "b.docx" in [file.file for file in report.files]
    assert len(report.files) + len(report.problems) == 42
