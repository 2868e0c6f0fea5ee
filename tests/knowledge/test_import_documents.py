"""Reading Markdown and Word documents: every line becomes what it is, and a broken one is named."""

from __future__ import annotations

import re
import zipfile
from datetime import date
from pathlib import Path

import docx
import pytest
from docx.enum.text import WD_ALIGN_PARAGRAPH

from portal.knowledge.importing import lines, markdown, repeals, word
from portal.knowledge.importing.texts import Unreadable
from portal.knowledge.models import LawLevel, Validity

SMALL = """\
# 测试市养犬管理条例

2011年3月25日 测试市第三届人民代表大会常务委员会第二十三次会议通过

2019年9月26日 测试市第五届人民代表大会常务委员会第十二次会议修正）

<!-- INFO END -->

## 第一章 总 则 第二章 处罚

## 第一章 总 则

第一条 测试：为了规范养犬行为，制定本条例。

第二条 测试：市区内养犬适用本条例。

前款所称市区由市人民政府划定。

### 第一节 登 记

第三条 测试：养犬应当登记。

第三条之一 测试：登记每年办理一次。

## 第二章 处罚

第四条 测试：不登记的，责令改正。

第五条 本条例自2011年6月1日起施行。

## 附件一

登记机关名单

1．测试区公安分局
"""


def sheet(folder: Path, text: str | bytes, name: str = "养犬条例(2019-09-26).md") -> markdown.Sheet:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return markdown.read(path)


def test_markdown_gives_articles_headings_annexes_and_dates(tmp_path):
    read = sheet(tmp_path, SMALL)
    version = read.version
    assert (version.law, version.version_date) == ("测试市养犬管理条例", date(2019, 9, 26))
    assert version.level is LawLevel.LOCAL_REGULATION
    assert version.issuing_body == "测试市人民代表大会常务委员会"
    # The first day is that of the first text: the amendment cannot have held before its own date.
    assert (version.effective_from, version.dates_exact) == (date(2019, 9, 26), False)
    assert [a.number for a in version.articles] == ["1", "2", "3", "3-1", "4", "5", ""]
    assert version.articles[1].text.endswith("本条例。\n前款所称市区由市人民政府划定。")
    assert version.articles[3].chapter == ("第一章 总则", "第一节 登记")
    assert version.articles[4].chapter == ("第二章 处罚",)
    annex = version.articles[6]
    assert (annex.label, annex.chapter) == ("附件一", ("附件一",))
    assert annex.text == "登记机关名单\n1．测试区公安分局"
    assert read.notes == ()


def test_a_date_in_the_file_name_wins_over_the_newest_above_the_text(tmp_path):
    named = sheet(tmp_path, SMALL, "养犬条例(2019-10-08).md")
    unnamed = sheet(tmp_path, SMALL, "养犬条例.md")
    assert named.version.version_date == date(2019, 10, 8)
    assert unnamed.version.version_date == date(2019, 9, 26)


def test_the_first_day_in_force_is_read_in_any_writing(tmp_path):
    text = SMALL.replace("2011年6月1日起", "２０20年 1 月１日起")
    version = sheet(tmp_path, text).version
    assert (version.effective_from, version.dates_exact) == (date(2020, 1, 1), True)


def test_a_repealed_text_says_since_when(tmp_path):
    repealed = "2024年5月1日 测试市人民代表大会常务委员会决定废止\n\n<!-- INFO END -->"
    version = sheet(tmp_path, SMALL.replace("<!-- INFO END -->", repealed)).version
    assert (version.declared, version.repealed_by) == (Validity.REPEALED, date(2024, 5, 1))
    assert version.version_date == date(2019, 9, 26)


def test_text_without_articles_is_one_passage_and_a_decision_its_items(tmp_path):
    whole = "# 测试规定\n\n2020年1月1日 国务院公布\n\n<!-- INFO END -->\n\n测试：一段话。\n\n测试：又一段。\n"
    (article,) = sheet(tmp_path, whole, "x.md").version.articles
    assert (article.label, article.number, article.text) == (
        "全文",
        "",
        "测试：一段话。\n测试：又一段。",
    )
    decision = (
        "# 关于修改测试条例的决定\n\n2020年1月1日 国务院公布\n\n<!-- INFO END -->\n\n决定如下：\n\n"
        "一、将第三条修改为：\n\n第三条 测试新文字。\n\n二、删去第五条。\n"
    )
    articles = sheet(tmp_path, decision, "y.md").version.articles
    assert [a.label for a in articles] == ["前言", "一、", "二、"]
    assert articles[1].text == "将第三条修改为：\n第三条 测试新文字。"


def test_misprinted_numbers_are_read_where_they_are_the_next(tmp_path):
    text = SMALL.replace("第二条 测试", "第二 条测试").replace("第四条 ", "第四条")
    assert [a.number for a in sheet(tmp_path, text).version.articles][:6] == [
        "1",
        "2",
        "3",
        "3-1",
        "4",
        "5",
    ]
    assert lines.split_article("第三十－条 测试", "30") == ("第三十一条", "测试")
    assert lines.split_article("第三十一条规定的情形", "30") is None
    assert lines.split_article("第九条测试", "30") is None


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lines_that_end_as_other_systems_end_them_are_the_same_text(tmp_path, end):
    plain = sheet(tmp_path, SMALL)
    other = sheet(tmp_path, SMALL.replace("\n", end).encode())
    assert other.version.articles == plain.version.articles


@pytest.mark.parametrize(
    "change",
    [
        lambda text: (
            text.replace("第一条", "第１条").replace("第二条", "第2条").replace("第三条", "第３条")
        ),
        lambda text: text.replace("第一条 ", "**第一条** ").replace("第二条 ", "**第二条**　"),
        lambda text: text.replace("第一条 ", "第一条：").replace("第二条 ", "第二条: "),
        lambda text: text.replace("第一条 测", "### 第一条\n\n测").replace("第二条", "### 第二条"),
    ],
)
def test_an_article_is_one_however_its_number_is_set(tmp_path, change):
    plain, other = sheet(tmp_path, SMALL), sheet(tmp_path, change(SMALL))
    assert other.version.articles == plain.version.articles


def test_a_law_whose_numbers_cannot_be_read_is_no_single_passage(tmp_path):
    """As one passage it would answer no citation, in the place of a version that does."""
    strange = SMALL.replace("条 ", "條 ").replace("三条之", "三條之")
    with pytest.raises(Unreadable, match="“第一條”像是条文序号") as caught:
        sheet(tmp_path, strange)
    assert caught.value.line == 13


def test_headings_that_stand_above_the_text_hold_where_their_names_come_again(tmp_path):
    """As one regulation of the corpus has them."""
    listed = "## 第一章 总 则\n\n## 第二章 处 罚\n\n## 第三章 附 则\n\n"
    text = (
        SMALL[: SMALL.index("## ")]
        + listed
        + "总 则\n\n第一条 测试。\n\n处罚\n\n第二条 处罚。\n\n附则\n\n第三条 测试。\n\n处罚\n"
    )
    articles = sheet(tmp_path, text).version.articles
    assert [(a.number, a.chapter, a.text) for a in articles] == [
        ("1", ("第一章 总则",), "测试。"),
        ("2", ("第二章 处罚",), "处罚。"),
        ("3", ("第三章 附则",), "测试。\n处罚"),
    ]


def test_dates_are_read_also_where_they_are_written_out(tmp_path):
    text = SMALL.replace("2011年3月25日", "（二〇一一年三月二十五日）").replace(
        "2019年9月26日", "二○一九年九月二十六日"
    )
    text = text.replace("2011年6月1日", "二○二○年十月三十一日")
    version = sheet(tmp_path, text, "x.md").version
    assert version.version_date == date(2019, 9, 26)
    assert (version.effective_from, version.dates_exact) == (date(2020, 10, 31), True)


def test_what_is_odd_is_pointed_out_and_goes_in(tmp_path):
    later = sheet(tmp_path, SMALL, "养犬条例(2999-09-26).md")
    assert later.notes == ("版本日期 2999-09-26 在今天之后，请核对",)
    whole = SMALL[: SMALL.index("## ")] + "测试：一段话。\n"
    assert sheet(tmp_path, whole).notes == ("没有条文序号，全文作为一段，不能按条号引用",)


@pytest.mark.parametrize(
    ("text", "law", "kept"),
    [
        ("测试甲。\n第二编 继 承\n第一章　一般规定", "测试法", "测试甲。"),
        ("测试甲。\n附 则", "测试法", "测试甲。"),
        ("测试甲。\n第三章规定的情形除外。", "测试法", "测试甲。\n第三章规定的情形除外。"),
        ("增加一节：\n第七节 监察委员会", "宪法修正案（2018年）", "增加一节：\n第七节 监察委员会"),
    ],
)
def test_the_heading_of_the_next_part_is_no_text_of_the_article_before_it(text, law, kept):
    assert lines.without_headings_behind(text, law) == kept


DECISION = """\
# 测试市人民代表大会常务委员会关于修改《测试市养犬条例》的决定

2024年3月25日 测试市第三届人民代表大会常务委员会第二十三次会议通过

<!-- INFO END -->

决定对《测试市养犬条例》作如下修改：

一、第三条修改为：

“第三条 测试：登记每年办理一次。

“本条例自2011年6月1日起施行。”

二、删去第五条。

本决定自2024年5月1日起施行。
"""


def test_a_decision_names_its_own_first_day_and_not_that_of_what_it_quotes(tmp_path):
    version = sheet(tmp_path, DECISION).version
    assert (version.effective_from, version.dates_exact) == (date(2024, 5, 1), True)
    silent = DECISION.replace("本决定自2024年5月1日起施行", "本决定自公布之日起施行")
    assert sheet(tmp_path, silent).version.effective_from is None


def test_a_decision_without_items_is_one_passage(tmp_path):
    text = DECISION.replace("一、第三条", "第三条").replace("二、删去第五条。", "")
    (whole,) = sheet(tmp_path, text.replace("第三条修改为", "将第三条修改为")).version.articles
    assert (whole.label, "“第三条 测试" in whole.text) == ("全文", True)


def test_headings_without_a_mark_are_no_text_of_the_article_before_them(tmp_path):
    """As a Word document turned into Markdown has them, with its table of contents."""
    contents = "目　录\n\n第一章　总则\n\n第二章　处罚\n\n附　则\n\n"
    text = re.sub("^#+ (?=第|附)", "", SMALL, flags=re.MULTILINE)
    text = text.replace("第一章 总 则 第二章 处罚\n\n", contents)
    marked, plain = sheet(tmp_path, SMALL).version, sheet(tmp_path, text).version
    assert plain.articles == marked.articles


@pytest.mark.parametrize(
    "heading", ["附件", "附件1", "附件：收费标准", "附表一 处罚标准", "附件二：登记表（样式）"]
)
def test_an_annex_with_its_title_is_no_part_of_the_last_article(tmp_path, heading):
    text = f"{SMALL}\n{heading}\n\n每只犬一百元。\n"
    annex = sheet(tmp_path, text).version.articles[-1]
    assert (annex.number, annex.label, annex.text) == ("", heading, "每只犬一百元。")


def test_a_list_of_annexes_begins_none(tmp_path):
    text = SMALL.rstrip() + "\n\n附件：1.收费标准\n"
    annex = sheet(tmp_path, text).version.articles[-1]
    assert (annex.label, annex.text.splitlines()[-1]) == ("附件一", "附件：1.收费标准")


@pytest.mark.parametrize("year", ["2020修正", "2020年修订", "2020修正文本"])
def test_an_edition_in_the_title_is_a_version_of_the_law(tmp_path, year):
    text = SMALL.replace("管理条例\n", f"管理条例（{year}）\n", 1)
    version = sheet(tmp_path, text, "x(2020-01-01).md").version
    assert (version.law, version.version_date) == ("测试市养犬管理条例", date(2020, 1, 1))
    with pytest.raises(Unreadable, match="标题写的是 2020 年的版本，读到的版本日期却是 2019"):
        sheet(tmp_path, text, "x(2019-01-01).md")


def test_missing_numbers_are_pointed_out(tmp_path):
    read = sheet(tmp_path, SMALL.replace("第四条 测试：不登记的，责令改正。", ""))
    assert read.notes == ("条文序号不连续，缺第四条",)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "空的"),
        (SMALL.replace("2011年3月25日", "0011年3月25日"), 3, "早于 1900 年"),
        (SMALL.replace("6月1日起", "16月1日起"), None, "第五条：日期“2011年16月1日”不存在"),
        (SMALL.encode("gb18030"), 1, "不是 UTF-8 编码，请用记事本"),
        ("\n第一条 测试。\n", 2, "标题"),
        ("# 测试\n\n2020年1月1日 通过\n<!-- INFO END -->\n\n", 6, "没有正文"),
        ("# 测试\n\n<!-- INFO END -->\n第一条 测试。", None, "版本日期"),
        ("# 测试\n\n2020年2月30日 通过\n<!-- INFO END -->\n第一条 测试。", 3, "2月30日"),
        (SMALL.replace("第四条", "第二条"), 27, "第二条重复"),
        (SMALL.replace("第四条", "第一条"), 27, "文件里像是有两部法律，请分成两个文件"),
        (SMALL.replace("第二条 ", "※ 第二条 "), 15, "“第二条”像是条文序号"),
        (
            SMALL.replace("# 测试市养犬管理条例", "# 测试市人民政府令（第345号）"),
            1,
            "是公布令，不是法律名称",
        ),
        (SMALL.replace("第一条 ", "第七条 "), 15, "次序"),
        (SMALL.replace("第四条 测试：不登记的，责令改正。", "第四条"), 27, "没有文字"),
        (SMALL.replace("养犬应当", "养犬\x00应当"), 21, "U+0000"),
        (SMALL.replace("养犬应当", "养犬" * 50_000), 21, "第三条超过 10 万字"),
        ("# 测试\n\n2020年1月1日 通过\n<!-- INFO END -->\n" + "测试" * 50_001, 5, "超过 10 万字"),
        (SMALL.encode().replace("登记每年".encode(), b"\xff\xfe"), 23, "UTF-8"),
    ],
)
def test_a_broken_file_is_named_with_line_and_reason(tmp_path, text, line, reason):
    with pytest.raises(Unreadable) as caught:
        sheet(tmp_path, text, "x.md")
    assert caught.value.line == line
    assert reason in caught.value.reason


def test_a_date_in_a_file_name_must_exist(tmp_path):
    with pytest.raises(Unreadable, match="2019-13-01"):
        sheet(tmp_path, SMALL, "养犬条例(2019-13-01).md")


def test_whole_texts_are_repealed_and_single_articles_are_not(tmp_path):
    text = SMALL.replace(
        "起施行。", "起施行。《甲条例》、《乙〈丙法〉办法》同时废止。《丁条例》第三条同时废止。"
    )
    assert repeals.named_in(sheet(tmp_path, text).version.articles) == [
        "甲条例",
        "乙〈丙法〉办法",
    ]


@pytest.mark.parametrize(
    ("clause", "names"),
    [
        ("《甲条例》（渝府令〔2003〕1号）同时废止。", ["甲条例"]),
        ("《甲规定》（法（研）发〔1987〕32号）、《乙规定》（法释〔2001〕2号）同时废止；另有规定的除外。",
         ["甲规定", "乙规定"]),
        ("1988年3月9日国务院发布的《甲条例》，1991年9月22日国务院发布的《乙办法》，同时废止。", ["甲条例", "乙办法"]),
        ("最高人民法院、最高人民检察院《关于审理甲案件的解释》（法释〔2009〕9号）同时废止。",
         ["最高人民法院、最高人民检察院关于审理甲案件的解释"]),
        ("最高人民法院2012年12月20日发布的《关于适用〈甲法〉的解释》同时废止。", ["最高人民法院关于适用〈甲法〉的解释"]),
        ("《甲规则（试行）》、《乙规则》（试行）（高检发释字〔2012〕2号）同时废止。", ["甲规则（试行）", "乙规则（试行）"]),
        ("《甲条例》中关于登记的规定、《乙条例》同时废止。", ["乙条例"]),
        ("《甲条例》中关于登记的规定同时废止。", []),
    ],
)  # fmt: skip
def test_a_repealed_text_is_named_in_many_ways(tmp_path, clause, names):
    """By its document's number, its maker outside the book marks, or in a list that ends with a comma."""
    text = SMALL.replace("起施行。", f"起施行。{clause}")
    assert repeals.named_in(sheet(tmp_path, text).version.articles) == names


# --- Word ---


def document(path: Path, *paragraphs: str, table: list[list[str]] | None = None) -> Path:
    """Write a document as the national law database lays it out: headings centred, no styles."""
    made = docx.Document()
    for text in paragraphs:
        paragraph = made.add_paragraph(text)
        if lines.heading_rank(text.strip("　").replace("　", " ")) is not None:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for row in table or []:
        if row is (table or [])[0]:
            grid = made.add_table(rows=0, cols=len(row))
        for cell, text in zip(grid.add_row().cells, row, strict=True):
            cell.text = text
    made.save(str(path))
    return path


LAW = (
    "中华人民共和国测试法",
    "",
    "（1999年4月29日第九届全国人民代表大会常务委员会第九次会议通过　根据2017年9月1日第十二届全国人民",
    "代表大会常务委员会第二十九次会议《关于修改〈中华人民共和国法官法〉等八部法律的决定》修正　",
    "2023年9月1日第十四届全国人民代表大会常务委员会第五次会议修订）",
    "",
    "目　　录",
    "第一章　总　　则\t1",
    "第二章　申　　请……2",
    "　第一节　申请人\t3",
    "附　　则\t4",
    "",
    "第一章　总　　则",
    "　　第一条　测试：为了试验，制定本法。",
    "　　第二条　测试：本法适用于试验。",
    "　　试验包括下列情形：",
    "　　（一）第一种；",
    "第二章　申　　请",
    "第一节　申请人",
    "　　第三条　测试：申请人可以申请。",
    "　　第三条之一　测试：第三条规定的申请人应当到场。",
    "附　　则",
    "　　第四条　本法自2024年1月1日起施行。",
)


def test_a_word_document_gives_title_note_headings_and_articles(tmp_path):
    path = document(tmp_path / "测试法_20230901.docx", *LAW)
    version = word.read(path).version
    assert (version.law, version.version_date) == ("中华人民共和国测试法", date(2023, 9, 1))
    assert (version.effective_from, version.dates_exact) == (date(2024, 1, 1), True)
    assert (version.level, version.issuing_body) == (
        LawLevel.LAW,
        "全国人民代表大会常务委员会",
    )
    assert [a.number for a in version.articles] == ["1", "2", "3", "3-1", "4"]
    assert version.articles[0].chapter == ("第一章 总则",)
    assert version.articles[1].text == "测试：本法适用于试验。\n试验包括下列情形：\n（一）第一种；"
    assert version.articles[3].chapter == ("第二章 申请", "第一节 申请人")
    assert version.articles[4].chapter == ("附则",)


def test_a_word_document_without_contents_and_with_a_table_as_annex(tmp_path):
    rows = [text for text in LAW if "\t" not in text and "……" not in text and "目" not in text]
    path = document(tmp_path / "x.docx", *rows, "附件", table=[["机关", "电话"], ["测试局", "无"]])
    version = word.read(path).version
    assert [a.number for a in version.articles] == ["1", "2", "3", "3-1", "4", ""]
    assert (version.articles[5].label, version.articles[5].text) == (
        "附件",
        "机关 | 电话\n测试局 | 无",
    )


def test_a_cell_over_several_columns_is_read_once(tmp_path):
    path = document(tmp_path / "x.docx", *LAW, "附件", table=[["收费标准", ""], ["一件", "十元"]])
    opened = docx.Document(str(path))
    (table,) = opened.tables
    table.cell(0, 0).merge(table.cell(0, 1))
    opened.save(str(path))
    assert word.read(path).version.articles[-1].text == "收费标准\n一件 | 十元"


def test_the_order_before_a_text_is_not_taken_for_its_name(tmp_path):
    """Else the law would go in under the number of the order, where the file's name has a date."""
    order = (
        "中华人民共和国国务院令",
        "第711号",
        "《测试条例》已经通过，现予公布，自2019年5月15日起施行。",
    )
    path = document(tmp_path / "测试条例(2019-04-03).docx", *order, *LAW)
    with pytest.raises(Unreadable, match="“中华人民共和国国务院令第711号”是公布令") as caught:
        word.read(path)
    assert caught.value.line == 1


def test_broken_word_documents_are_named_with_paragraph_and_reason(tmp_path):
    twice = document(tmp_path / "a.docx", *[t.replace("第四条　", "第二条　") for t in LAW])
    with pytest.raises(Unreadable, match="第二条重复") as caught:
        word.read(twice)
    assert caught.value.line == 23
    (tmp_path / "b.docx").write_text("no archive", encoding="utf-8")
    with pytest.raises(Unreadable, match="Word 文档"):
        word.read(tmp_path / "b.docx")
    with zipfile.ZipFile(tmp_path / "c.docx", "w") as archive:
        archive.writestr("word/document.xml", "<broken")
    with pytest.raises(Unreadable, match="Word 文档"):
        word.read(tmp_path / "c.docx")
    with zipfile.ZipFile(tmp_path / "g.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", "字" * (word.LARGEST_UNFOLDED // 3 + 1))
    with pytest.raises(Unreadable, match="展开后超过 30 MB"):
        word.read(tmp_path / "g.docx")
    with pytest.raises(Unreadable, match="没有正文"):
        word.read(document(tmp_path / "d.docx", "中华人民共和国测试法"))
    with pytest.raises(Unreadable, match="目录之后"):
        word.read(document(tmp_path / "e.docx", *LAW[:11]))
    with pytest.raises(Unreadable, match="括号"):
        word.read(document(tmp_path / "f.docx", "测试法", "（2020年1月1日通过", "第一条　测试。"))
