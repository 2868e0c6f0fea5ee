"""What a search over HTTP says about the laws and articles that a question names."""

from __future__ import annotations

import pytest

from portal.knowledge import index, operations
from tests.knowledge.conftest import TRADEMARK

RULES = "测试河道管理办法"
OF_2020 = f"""\
# {RULES}

2020年3月1日 测试市人民政府第三次常务会议通过

<!-- INFO END -->

第一条 测试：为了管理河道，制定本办法。

第二条 测试：河道禁止倾倒垃圾。

第三条 本办法自2020年5月1日起施行。
"""
OF_2024 = (
    OF_2020.replace("2020年3月1日", "2024年2月1日")
    .replace("第三条 本办法自2020年5月1日起施行。", "第三条 测试：河道禁止采砂。")
    .rstrip()
    + "\n\n第四条 本办法自2024年4月1日起施行。\n"
)


def cited(api, query: str, **parameters):
    answer = api.get("/search", query_string={"q": query, **parameters})
    assert answer.status_code == 200, answer.json
    (citation,) = answer.json["citations"]
    return citation


@pytest.fixture
def rules(law, tmp_path):
    """A law in two versions: three articles from May 2020, four from April 2024."""
    folder = tmp_path / "laws"
    folder.mkdir()
    (folder / "河道(2020-03-01).md").write_text(OF_2020, encoding="utf-8")
    (folder / "河道(2024-02-01).md").write_text(OF_2024, encoding="utf-8")
    assert operations.import_law([folder]).problems == []
    index.rebuild()


# --- the law of a day ---


def test_a_wrong_number_is_told_with_the_last_article_of_that_days_version(rules, api):
    found = cited(api, f"{RULES}第四条", as_of="2022-01-01")
    assert (found["exists"], found["status"]) == (False, "no_such_article")
    assert found["message"] == (
        f"《{RULES}》没有第四条。那一天（2022-01-01）的版本最后一条是第三条。"
    )
    assert cited(api, f"{RULES}第四条", as_of="2024-04-01")["exists"]
    today = cited(api, f"{RULES}第五条")
    assert today["message"] == f"《{RULES}》没有第五条。这部法律的最后一条是第四条。"


def test_before_its_first_day_a_law_is_said_not_to_be_in_force_yet(rules, api):
    found = cited(api, f"{RULES}第一条", as_of="2020-04-30")
    assert (found["exists"], found["status"]) == (False, "not_yet")
    assert found["status_label"] == "那时还没有施行"
    assert "没有第一条" not in found["message"]
    assert found["message"].endswith("还没有施行：收录的最早版本自 2020-05-01 起施行。")
    assert cited(api, f"{RULES}第一条", as_of="2020-05-01")["exists"]


def test_a_day_whose_version_is_not_held_is_told_as_such(rules, api):
    """The oldest text of this law is an amendment: there was law before it."""
    found = cited(api, "商标法第一条", as_of="2015-01-01")
    assert (found["law"], found["status"]) == (TRADEMARK, "no_such_version")
    assert found["message"] == "没有收录《商标法》那一天（2015-01-01）的版本。"


def test_after_its_repeal_a_law_is_said_to_be_repealed(rules, api):
    found = cited(api, "环境保护法第五条", as_of="2026-02-26")
    assert (found["exists"], found["status"]) == (False, "no_longer")
    assert found["message"] == "《环境保护法》那时（2026-02-26）已经废止。"
