"""Articles that a sentence names without repeating the law, and numbers as notes and questions write them."""

from __future__ import annotations

import pytest

from search_index import LawNames, find_citations

CIVIL = "中华人民共和国民法典"
CRIMINAL = "中华人民共和国刑法"
LABOUR = "中华人民共和国劳动法"
NAMES = LawNames([CIVIL, CRIMINAL, LABOUR])


def found(text: str) -> list[tuple[str | None, str]]:
    return [(citation.law, citation.number) for citation in find_citations(text, NAMES)]


@pytest.mark.parametrize(
    "text",
    [
        "根据《民法典》第577条关于违约责任的规定和第584条的规定",
        "根据《民法典》第577条和关于损害赔偿的第584条",
        "民法典第577条规定了违约责任，第584条规定了赔偿的范围",
        "有民法典第577条规定的情形之一，或者违反第584条规定的",
        "民法典第577条所称的“违约责任”、第584条所称的“损失”",
        "符合民法典第577条的规定，且不属于第584条规定情形的",
        "民法典第577条规定的违约责任、第584条",
        "民法典第577条：“应当承担违约责任”和第584条：“损失赔偿额”",
        "依据《民法典》第577条（违约责任）的要求，以及第584条的要求",
    ],
)
def test_a_sentence_goes_on_to_another_article_of_the_law_it_cites(text: str) -> None:
    assert found(text) == [(CIVIL, "577"), (CIVIL, "584")]


@pytest.mark.parametrize(
    "text", ["民法典第577条第584条", "《民法典》第五百七十七条 第五百八十四条"]
)
def test_articles_one_behind_the_other_need_nothing_between_them(text: str) -> None:
    assert found(text) == [(CIVIL, "577"), (CIVIL, "584")]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("劳动法第44条加班费，第50条拖欠工资", "44 50"),
        ("劳动法第44条加班费，第50条拖欠工资，第36条工时。", "44 50 36"),
        ("问：劳动法第44条：加班费，第50条：拖欠工资？", "44 50"),
        ("劳动法第四十四条加班费，还有第五十条拖欠工资", "44 50"),
        ("劳动法第16条书面劳动合同，第20条无固定期限合同，第44条加班费", "16 20 44"),
        ("没有签。劳动法第44条加班费，第50条第1款拖欠工资怎么算", "44 50"),
    ],
)
def test_points_each_behind_its_article_are_all_of_the_law_named_first(
    text: str, numbers: str
) -> None:
    assert found(text) == [(LABOUR, number) for number in numbers.split()]


@pytest.mark.parametrize(
    "text",
    [
        # The article of a contract, which was named or is spoken of as one.
        "租房合同不退押金，民法典第577条违约责任，第5条押金不退",
        "合同第3条写了押金，民法典第577条违约责任，第5条押金不退",
        "合同是去年签的，民法典第577条违约责任，第5条写着押金不退",
        "民法典第577条违约责任，第5条约定押金不退",
        "民法典第577条违约责任，第5条说押金不退",
        "民法典第577条违约责任，协议里第5条押金不退",
        "民法典第577条违约责任，第五条押金不退",
        "按照民法典第577条主张责任，第5条押金不退",
        # Another sentence, or more than a point between the two.
        "民法典第577条违约责任；第5条押金不退",
        "民法典第577条违约责任\n第5条押金不退",
        "民法典第577条违约责任，房东不退押金，第5条押金不退",
    ],
)
def test_behind_a_comma_what_may_be_of_a_contract_is_left_alone(text: str) -> None:
    assert found(text)[:1] == [(CIVIL, "577")]
    assert (CIVIL, "5") not in found(text)


def test_it_goes_on_in_the_law_cited_last() -> None:
    text = (
        "民法典第3条规定的权利，该法第5条规定的自愿和第7条规定的诚信；刑法第20条规定的防卫和第21条"
    )
    assert found(text) == [
        (CIVIL, "3"),
        (CIVIL, "5"),
        (CIVIL, "7"),
        (CRIMINAL, "20"),
        (CRIMINAL, "21"),
    ]


def test_it_goes_on_in_a_law_that_is_not_held() -> None:
    text = "合同法第五十五条规定的“1年”、第七十五条规定的“5年”"
    written = [(each.law_as_written, each.number) for each in find_citations(text, NAMES)]
    assert written == [("合同法", "55"), ("合同法", "75")]


def test_the_second_article_is_cited_by_its_number_alone() -> None:
    text = "根据《民法典》第577条关于违约责任的规定和第584条第一款的规定"
    second = find_citations(text, NAMES)[1]
    assert (text[second.start : second.end], second.part) == ("第584条第一款", "第一款")


@pytest.mark.parametrize(
    "text",
    [
        # Of a contract, or of another text.
        "根据民法典第577条和双方签订的合同第五条",
        "根据民法典第577条的规定、双方签订的合同和第五条",
        "按照民法典第577条的规定签订租约，并且第八条规定了租金",
        "民法典第577条规定的责任和第五条约定的违约金",
        "根据民法典第577条的规定和公司规定的第五条",
        "根据民法典第577条和房东写的第三条",
        "民法典第577条规定的责任，合同第三条规定的租金和第五条",
        "根据民法典第577条的规定、本办法和第五条",
        "民法典第577条规定的违约责任、劳动法规定的加班费和第四十四条",
        "民法典第577条规定了责任，《租赁合同》的内容和第四条",
        # Another sentence, or a list of what is said.
        "依据民法典第577条主张责任。第四条规定了平等",
        "依据民法典第577条主张责任；和第四条",
        "民法典第577条规定责任，第二，第四条规定平等",
        "民法典第577条主张责任，第四条",
        "依据民法典第577条" + "主张责任" * 20 + "和第四条",
    ],
)
def test_what_may_be_the_article_of_another_text_is_left_alone(text: str) -> None:
    assert found(text) == [(CIVIL, "577")]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("民法典§1079", "1079"),
        ("《民法典》 § 1079", "1079"),
        ("民法典§1079、§1080", "1079 1080"),
        ("民法典§§1079", "1079"),
        ("§1079民法典", "1079"),
        ("§1079 民法典", "1079"),
        ("民法典→1079", "1079"),
        ("民法典→第1079条", "1079"),
        ("《民法典》 → 第一千零七十九条", "1079"),
    ],
)
def test_section_signs_and_arrows_are_read_as_notes_write_them(text: str, numbers: str) -> None:
    assert found(text) == [(CIVIL, number) for number in numbers.split()]


@pytest.mark.parametrize(
    ("articles", "numbers"),
    [
        ("§§1079、1080", "1079 1080"),
        ("§§1079，1080，1090", "1079 1080 1090"),
        ("§§1079和1080", "1079 1080"),
        ("§§ 1079, 1080 及 1090", "1079 1080 1090"),
        ("§§1079至1081", "1079 1080 1081"),
        ("§§1079-1081、1090", "1079 1080 1081 1090"),
        ("§§1079—1081条", "1079 1080 1081"),
        ("§§133-1、133-2、264", "133-1 133-2 264"),
        ("§§1079第2款、1080", "1079 1080"),
        ("§§一千零七十九、一千零八十", "1079 1080"),
        ("§1079、1080", "1079 1080"),
        ("§133-1", "133-1"),
    ],
)
def test_a_section_sign_holds_for_the_whole_list_behind_it(articles: str, numbers: str) -> None:
    assert found(f"民法典{articles}") == [(CIVIL, number) for number in numbers.split()]


@pytest.mark.parametrize(
    "text",
    [
        "民法典§§577、3000元",
        "民法典§577、3 万元",
        "民法典§577，2人",
        "民法典§577，3 个月",
        "民法典§§577、2020年",
        "民法典§§577、3楼",
        "民法典§§577、两人",
    ],
)
def test_what_is_counted_behind_a_section_sign_is_no_article(text: str) -> None:
    assert found(text) == [(CIVIL, "577")]


@pytest.mark.parametrize("text", ["合同§5", "§5", "→1079", "民法典→离婚→5天", "见§1079。民法典"])
def test_a_sign_without_a_law_is_no_citation(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "1079条民法典离婚",
        "第1079条民法典离婚怎么判",
        "第一千零七十九条民法典离婚",
        "1079条《民法典》离婚",
    ],
)
def test_a_question_may_go_on_behind_a_number_and_its_law(text: str) -> None:
    assert found(text) == [(CIVIL, "1079")]


@pytest.mark.parametrize(
    "text",
    [
        "100条民法典知识",
        "10条民法典新规",
        "38条劳动法拖欠工资",
        "1079民法典离婚",
        "第二条 中华人民共和国刑法的任务",
        "我看到第1079条民法典离婚",
        "第1079条民法典" + "离婚的时候孩子归谁抚养、房子归谁" * 3,
    ],
)
def test_what_is_counted_or_stands_in_a_text_is_no_such_question(text: str) -> None:
    assert found(text) == []
