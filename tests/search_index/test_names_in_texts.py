"""Which law a citation names: longer names, names that a text gives itself, names among prose."""

from __future__ import annotations

import pytest

from search_index import LawNames, find_citations, one_law, own_names

CIVIL = "中华人民共和国民法典"
CRIMINAL = "中华人民共和国刑法"
ARBITRATION = "中华人民共和国仲裁法"
LABOUR_DISPUTES = "中华人民共和国劳动争议调解仲裁法"
LAND_DISPUTES = "中华人民共和国农村土地承包经营纠纷调解仲裁法"
PROCEDURE = "中华人民共和国民事诉讼法"
GUARANTEE = "最高人民法院关于适用《中华人民共和国民法典》有关担保制度的解释"
RENT = "最高人民法院关于审理城镇房屋租赁合同纠纷案件具体应用法律若干问题的解释"
TAX = "中华人民共和国税收征收管理法"
PROPERTY = "物业管理条例"
CHONGQING = "重庆市物业管理条例"
AMENDMENTS = tuple(f"中华人民共和国宪法修正案（{year}年）" for year in (1999, 2004, 2018))
NAMES = LawNames(
    [
        CIVIL,
        CRIMINAL,
        ARBITRATION,
        LABOUR_DISPUTES,
        LAND_DISPUTES,
        PROCEDURE,
        GUARANTEE,
        RENT,
        TAX,
        PROPERTY,
        CHONGQING,
        *AMENDMENTS,
        "中华人民共和国体育法",
        "中华人民共和国保险法",
        "工伤保险条例",
        "中华人民共和国产品质量法",
        "中华人民共和国农产品质量安全法",
        "中华人民共和国劳动法",
        "中华人民共和国劳动合同法",
        "中华人民共和国土地管理法",
        "中华人民共和国农村集体经济组织法",
        "最高人民法院关于适用《中华人民共和国合同法》若干问题的解释（二）",
        *(f"中华人民共和国刑法修正案（{number}）" for number in ("八", "十", "十一")),
    ],
    {"物权法": "中华人民共和国物权法"},
)


def laws(text: str) -> list[tuple[str, ...] | str]:
    """The full names meant by each citation, the name as written where none is held."""
    return [
        citation.law or citation.candidates or citation.law_as_written
        for citation in find_citations(text, NAMES)
    ]


def cited(text: str) -> list[tuple[str, str, str]]:
    return [
        (citation.law or citation.law_as_written, citation.number, citation.part)
        for citation in find_citations(text, NAMES)
    ]


# --- a known name at the end of a longer one ---


@pytest.mark.parametrize(
    "before", ["", "根据", "当事人在", "第三十条第二款和", "劳动者依据", "欠薪"]
)
def test_the_end_of_two_longer_names_is_neither_the_law_of_the_short_name(before: str) -> None:
    (meant,) = laws(f"{before}调解仲裁法第五条")
    assert set(meant) == {LABOUR_DISPUTES, LAND_DISPUTES}


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("劳动调解仲裁法第五条", LABOUR_DISPUTES),
        ("按照土地纠纷仲裁法第五条", LAND_DISPUTES),
        ("邻居的土地纠纷仲裁法第五条", LAND_DISPUTES),
        ("邻居土地纠纷仲裁法第五条", LAND_DISPUTES),
        ("劳动争议调解仲裁法第五条", LABOUR_DISPUTES),
        ("农产品质量法第五条", "中华人民共和国农产品质量安全法"),
        ("重庆物业管理条例第五条", CHONGQING),
        ("我市物业管理条例第五条", CHONGQING),
    ],
)
def test_a_longer_name_means_the_one_title_that_it_shortens(text: str, law: str) -> None:
    assert laws(text) == [law]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("工伤保险法第14条", "工伤保险法"),
        ("根据体育仲裁法第五条", "体育仲裁法"),
        ("体育仲裁法第五条", "体育仲裁法"),
        ("应当适用体育仲裁法第五条", "体育仲裁法"),
        # Of both words laws are named, and of the last as their subject.
        ("集体土地仲裁法第五条", "集体土地仲裁法"),
        ("请问集体土地仲裁法第五条", "集体土地仲裁法"),
        ("应当适用集体土地仲裁法第五条", "集体土地仲裁法"),
        ("德国民法典第823条", "德国民法典"),
        ("依照德国《民法典》第823条", "德国民法典"),
        ("台湾地区民法典第184条", "台湾地区民法典"),
        ("违反北京市物业管理条例第五条", "北京市物业管理条例"),
        ("大足区物业管理条例第五条", "大足区物业管理条例"),
        ("四川物业管理条例第五条", "四川物业管理条例"),
    ],
)
def test_a_longer_name_that_no_held_law_has_is_not_cut_to_one(text: str, written: str) -> None:
    assert laws(text) == [written]


@pytest.mark.parametrize(
    "before",
    "根据 依据 违反 我国 现行 新 对于 按 修订后的 和 与 关于 法律依据 中国 （ “ 、 审理 不符合 请问 最新".split(),
)
@pytest.mark.parametrize("law", ["仲裁法", "民法典", "劳动法", "物业管理条例"])
def test_what_leads_to_a_law_is_no_part_of_its_name(before: str, law: str) -> None:
    assert laws(f"{before}{law}第五条") == laws(f"{law}第五条")


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("离婚民法典1079", CIVIL),
        ("醉驾刑法第133条", CRIMINAL),
        ("加班费劳动法第44条", "中华人民共和国劳动法"),
        ("企业劳动合同法第38条", "中华人民共和国劳动合同法"),
        ("农村土地管理法第62条", "中华人民共和国土地管理法"),
        ("小区物业管理条例第五条", PROPERTY),
        ("城市物业管理条例第五条", PROPERTY),
        ("根据有关法律民法典第五条", CIVIL),
        ("根据目前劳动法第44条", "中华人民共和国劳动法"),
        ("依照最新修订劳动法第44条", "中华人民共和国劳动法"),
        ("依据公司劳动合同法第38条", "中华人民共和国劳动合同法"),
        # Subjects of which no law is; and a law in whose name no two others end.
        ("欠薪仲裁法第五条", ARBITRATION),
        ("全民体育仲裁法第五条", ARBITRATION),
        # The last word is no subject; the words before it are none; the matter is what the law itself is about.
        ("体育合同仲裁法第五条", ARBITRATION),
        ("邻居集体土地仲裁法第五条", ARBITRATION),
        ("劳动仲裁仲裁法第五条", ARBITRATION),
        # A word that another title has as well is not yet the beginning of that title.
        ("合同纠纷仲裁法第五条", ARBITRATION),
        ("买卖合同纠纷仲裁法第五条", ARBITRATION),
        ("根据合同纠纷仲裁法第五条", ARBITRATION),
        ("借款纠纷仲裁法第五条", ARBITRATION),
        ("体育民法典第五条", CIVIL),
        ("体育劳动法第五条", "中华人民共和国劳动法"),
    ],
)
def test_what_is_asked_about_before_a_law_is_no_part_of_its_name(text: str, law: str) -> None:
    assert laws(text) == [law]


# --- names that a text gives itself ---


@pytest.mark.parametrize(
    ("definition", "short"),
    [
        ("（以下简称“担保解释”）", "“担保解释”"),
        ("（法释〔2020〕28号，以下简称担保解释）", "担保解释"),
        ("（法释〔2020〕28号）（以下简称《担保解释》）", "《担保解释》"),
        ("，以下简称“解释”，", "解释"),
        ("（下称“担保司法解释”）", "依照担保司法解释"),
    ],
)
def test_a_short_name_means_the_title_that_the_text_gave_it_to(definition: str, short: str) -> None:
    text = f"依照《{GUARANTEE}》{definition}的规定……{short}第四条"
    assert cited(text)[-1] == (GUARANTEE, "4", "")


def test_the_number_of_a_document_and_the_short_name_stand_between_law_and_article() -> None:
    assert cited(f"《{GUARANTEE}》（法释〔2020〕28号，以下简称“担保解释”）第三条") == [
        (GUARANTEE, "3", "")
    ]


def test_a_short_name_of_a_title_that_is_not_held_is_told_by_the_title() -> None:
    assert laws("《火星移民办法》（以下简称《办法》）……《办法》第四条，依照办法第五条") == [
        "火星移民办法",
        "火星移民办法",
    ]


def test_a_short_name_is_not_the_end_of_another_name_and_holds_only_once_it_is_given() -> None:
    text = "某某实施办法第二条；《民法典》（以下简称《办法》）；某某实施办法第三条"
    assert laws(text) == ["某某实施办法", "某某实施办法"]


@pytest.mark.parametrize("definition", ["（以下简称本典）", "(下称“本典”)", "（以下简称《本典》）"])
@pytest.mark.parametrize(
    ("name", "law"),
    [("民法典", CIVIL), ("中华人民共和国火星移民条例", "中华人民共和国火星移民条例")],
)
def test_a_law_without_book_marks_may_be_given_a_short_name_too(
    name: str, law: str, definition: str
) -> None:
    text = f"依照{name}{definition}第七条，……又见本典第八条、《本典》第九条"
    assert cited(text) == [(law, number, "") for number in "789"]


def test_what_is_no_law_gets_no_short_name() -> None:
    text = "房屋租赁合同（以下简称合同）第三条，张三（以下简称甲方）依照合同第四条、公司规定（下称规定）第五条、规定第六条"
    assert laws(text) == []


def test_the_short_names_of_a_text_are_told_unless_one_means_two_laws() -> None:
    text = "《民法典》（以下简称民典）、火星移民条例（以下简称移民条例）、《刑法》（下称本法）、《仲裁法》（下称本法）"
    assert own_names(text, NAMES) == {"民典": "民法典", "移民条例": "火星移民条例"}


@pytest.mark.parametrize(
    ("written", "other", "same"),
    [
        ("《中华人民共和国火星移民条例》", "火星移民条例（2010年修订）", True),
        ("国务院火星移民条例", "火星移民条例", True),
        ("最高人民法院关于审理移民案件的规定", "审理移民案件的规定", True),
        ("最高人民法院关于审理移民案件的规定", "最高人民检察院关于审理移民案件的规定", False),
        ("实施火星移民条例", "火星移民条例", False),
        ("重庆市火星移民条例", "火星移民条例", False),
        ("火星移民条例", "火星移民条例实施细则", False),
    ],
)
def test_two_names_are_one_law_only_where_nothing_but_its_maker_tells_them_apart(
    written: str, other: str, same: bool
) -> None:
    assert one_law(written, other) is same
    assert one_law(other, written) is same


@pytest.mark.parametrize("before", ["见", "又见", "参见", "详见"])
def test_what_points_to_a_law_is_no_part_of_its_name(before: str) -> None:
    assert laws(f"{before}火星移民条例第五条") == ["火星移民条例"]
    assert laws("见义勇为奖励条例第五条") == ["见义勇为奖励条例"]


# --- notes in other brackets ---


@pytest.mark.parametrize("brackets", ["（）", "()", "【】", "〔〕", "[]", "［］"])
@pytest.mark.parametrize(
    "name",
    [
        "《民法典》<2020年修正>",
        "民法典<2020修正>",
        "《民法典<2020年修正>》",
        "《民法典》 <2020> ",
        "《民法典》<根据2020年5月28日会议的决定修正>",
        "《民法典》<法释〔2020〕1号，2020年修正>",
        "《民法典》<2020年修正><试行>",
        "《民法典》<已废止>",
        "《民法典》<2020年修正，以下简称本典>",
    ],
)
def test_a_note_on_a_law_may_stand_in_any_brackets(name: str, brackets: str) -> None:
    text = name.replace("<", brackets[0]).replace(">", brackets[1]) + "第七条"
    (found,) = find_citations(text, NAMES)
    assert (found.law, text[found.start : found.end]) == (CIVIL, text)


def test_the_number_of_another_document_is_no_note_on_a_law() -> None:
    assert laws("《民法典》〔2020〕7号第三条") == []


# --- what points back ---


@pytest.mark.parametrize(
    "text", ["依照本规则第五条", "本细则第五条", "有本实施细则第五条", "致使发生本实施条例第五条"]
)
def test_a_text_that_speaks_of_itself_names_no_law(text: str) -> None:
    assert laws(text) == []


def test_what_points_back_finds_a_law_that_was_named_without_an_article() -> None:
    assert cited("《民法典》自2021年起施行，该法第一千零七十九条") == [(CIVIL, "1079", "")]


def test_this_law_is_the_law_that_was_cited_and_not_one_that_it_names() -> None:
    text = "《劳动合同法》第五条：依照《民事诉讼法》的规定，依照本法第三十八条"
    assert laws(text) == ["中华人民共和国劳动合同法", "中华人民共和国劳动合同法"]


def test_the_same_article_is_cited_again_with_another_paragraph() -> None:
    text = "依照民法典第三十六条第一款，该条第二款规定的组织"
    first, second = find_citations(text, NAMES)
    assert (second.law, second.number, second.part) == (CIVIL, "36", "第二款")
    assert text[second.start : second.end] == "该条第二款"
    assert first.end <= second.start


def test_the_same_article_is_not_that_of_a_text_which_is_no_law() -> None:
    assert len(cited("民法典第三十六条第一款，合同第五条，该条第二款")) == 1
    assert cited("该条第二款") == []


# --- among prose ---


@pytest.mark.parametrize(
    "before", ["当事人以", "应当认定为", "未按", "转让人将", "如无", "债权人主张其为", "双方均有"]
)
@pytest.mark.parametrize("law", ["担保法", "物权法"])
def test_the_name_of_a_law_that_is_not_held_begins_behind_the_prose(before: str, law: str) -> None:
    assert laws(f"{before}{law}第三十四条") == [law]


def test_prose_before_a_shortened_name_does_not_hide_it() -> None:
    assert laws("税务机关执行税收征管法第三十七条") == [TAX]


@pytest.mark.parametrize(
    "text", ["第四章 一般规定\n第九条 土地", "第五章 行政复议决定\n\n第六十一条 行政复议机关"]
)
def test_the_heading_of_a_chapter_is_no_name(text: str) -> None:
    assert laws(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "《房屋租赁合同》第五条",
        "依《员工手册》第3条",
        "《公司章程》第十条",
        "《起诉状》1份",
        "《民法典》1本",
        "（2020）渝01民终12号《民事判决书》第二项",
    ],
)
def test_a_contract_or_a_document_is_no_law(text: str) -> None:
    assert laws(text) == []


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("民法总则第一百八十八条", "民法总则"),
        ("民法通则第一百三十五条", "民法通则"),
        ("刑法修正案（九）第一条", "刑法修正案(九)"),
        ("九民会议纪要第29条", "九民会议纪要"),
    ],
)
def test_laws_of_other_kinds_are_not_passed_over(text: str, law: str) -> None:
    assert laws(text) == [law]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("民法典总则第一百八十八条", "188"),
        ("《民法典》附则第一千二百五十九条", "1259"),
        ("民法典分则部分第三百条", "300"),
        ("《民法典》“合同编”第五百七十七条", "577"),
        ("《民法典》第三编第一分编第五百条", "500"),
        ("| 《民法典》 | 第1079条 |", "1079"),
    ],
)
def test_a_part_of_a_code_may_stand_before_the_article(text: str, number: str) -> None:
    assert cited(text) == [(CIVIL, number, "")]


def test_a_year_tells_laws_of_one_name_apart() -> None:
    assert laws("《中华人民共和国宪法修正案》（2018年）第三十二条") == [AMENDMENTS[2]]
    assert laws("宪法修正案第三十二条") == [AMENDMENTS]


@pytest.mark.parametrize("name", ["合同法司法解释二", "合同法解释（二）", "合同法解释二"])
def test_an_interpretation_is_found_by_what_it_is_called_in_speech(name: str) -> None:
    assert [law[-8:] for law in laws(f"{name}第29条")] == ["问题的解释（二）"]


@pytest.mark.parametrize("name", ["刑法修正案（十）", "刑法修正案十", "《刑法修正案十》"])
def test_the_number_of_an_amendment_may_lack_its_brackets(name: str) -> None:
    assert laws(f"{name}第一条") == ["中华人民共和国刑法修正案（十）"]


def test_a_title_may_stand_within_the_name_of_an_interpretation() -> None:
    name = "最高人民法院关于适用《民法典》婚姻家庭编的解释(九)"
    assert laws(f"依照{name}第25条") == [name]


@pytest.mark.parametrize(
    "name",
    [
        "最高人民法院关于适用《中华人民共和国行政诉讼法》的解释",
        "重庆市实施《中华人民共和国老年人权益保障法》办法",
        "重庆市实施《中华人民共和国老年人权益保障法》规定",
        "最高人民法院关于适用《民法典》的规定",
    ],
)
def test_nothing_but_a_kind_may_stand_behind_the_title_within_a_name(name: str) -> None:
    assert laws(f"依照{name}第五条") == [name]


@pytest.mark.parametrize(
    "name",
    [
        "《民法典·合同编》",
        "《中华人民共和国民法典.总则编》",
        "《民法典：婚姻家庭编》",
        "《民法典合同编》",
    ],
)
def test_a_book_of_a_code_in_book_marks_is_the_code(name: str) -> None:
    assert cited(f"{name}第577条") == [(CIVIL, "577", "")]


def test_a_bracket_that_opens_before_a_name_is_no_part_of_it() -> None:
    assert laws("无效（现民法典婚姻家庭编解释九第七十八条）") == ["民法典婚姻家庭编解释九"]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("《民法典》（第1165条）", "《民法典》（第1165条"),
        ("民法典(第1165条)", "民法典(第1165条"),
        ("民法典规定：第1165条", "民法典规定：第1165条"),
        ("依照《民法典》规定的第1165条", "《民法典》规定的第1165条"),
        ("依照《民法典》的规定，第1165条", "《民法典》的规定，第1165条"),
        ("民法典（主席令第四十五号）第1165条", "民法典（主席令第四十五号）第1165条"),
        ("《民法典》第一O七九条", "《民法典》第一O七九条"),
    ],
)
def test_what_stands_between_the_law_and_its_article_is_no_part_of_the_name(
    text: str, span: str
) -> None:
    (found,) = find_citations(text, NAMES)
    assert (found.law, text[found.start : found.end]) == (CIVIL, span)


def test_the_note_behind_a_title_may_name_another_law() -> None:
    assert laws("《民法典》（根据刑法第三条）") == [CRIMINAL]


def test_what_is_counted_in_a_text_is_no_article() -> None:
    text = "第一，《民法典》第五百八十五条；第二，第五百八十六条。"
    assert cited(text) == [(CIVIL, "585", "")]


@pytest.mark.parametrize("before", ["当时有效的", "双方主张的", "签约时施行的"])
def test_a_law_that_is_not_held_begins_behind_what_is_said_of_it(before: str) -> None:
    assert laws(f"{before}合同法第五十二条") == ["合同法"]


# --- paragraphs without 条 ---


@pytest.mark.parametrize(
    ("text", "number", "part"),
    [
        ("民法典1079第9款", "1079", "第9款"),
        ("民法典1079第二款第（三）项", "1079", "第二款第(三)项"),
        ("民法典第1079第9款", "1079", "第9款"),
        ("民法典一千零七十九第二款", "1079", "第二款"),
        ("《民法典》１０７９第９款", "1079", "第9款"),
        ("刑法133-1第2款", "133-1", "第2款"),
    ],
)
def test_a_number_with_a_paragraph_behind_it_is_an_article(
    text: str, number: str, part: str
) -> None:
    assert [(each, told) for _, each, told in cited(text)] == [(number, part)]


@pytest.mark.parametrize("text", ["民法典2020第3款", "合同12第9款", "第一款第二项", "一、第二款"])
def test_a_year_and_what_no_law_stands_before_is_no_article(text: str) -> None:
    assert cited(text) == []
