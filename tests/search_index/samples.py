"""Small documents of our own for the search tests: a made-up law, questions, guides, decisions."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from search_index import Document, Thesaurus, format_article_number

CODE = "中华人民共和国示例法典"
LABOUR = "中华人民共和国示例劳动法"
LOCAL = "大足区示例养犬管理条例"
OTHER_LOCAL = "荣昌区示例养犬管理条例"

THESAURUS = Thesaurus(
    law_names={"示劳": LABOUR, "没有的": "并不存在的法"},
    words={"炒鱿鱼": ("解除合同",), "房东": ("出租人",)},
)


def article(
    law: str,
    number: str,
    text: str,
    *,
    heading: str = "第一章 总则",
    level: str = "statute",
    validity: str = "in_force",
    valid_from: date | None = date(2020, 1, 1),
    valid_to: date | None = None,
    suffix: str = "",
) -> Document:
    """An article of a made-up law."""
    return Document(
        key=f"article:{law}:{number}{suffix}",
        kind="article",
        title=law,
        text=text,
        heading=heading,
        number=format_article_number(number) if number else "",
        law=law,
        article_number=number,
        level=level,
        validity=validity,
        source="示例来源",
        valid_from=valid_from,
        valid_to=valid_to,
    )


def faq(
    slug: str,
    question: str,
    answer: str,
    *,
    kind: str = "faq",
    category: str = "房屋租赁",
    cites: tuple[str, ...] = (),
    questions: tuple[str, ...] = (),
) -> Document:
    """An FAQ or an answer."""
    return Document(
        key=f"{kind}:{slug}",
        kind=kind,
        title=question,
        text=answer,
        questions=questions,
        category=category,
        source="法治大足",
        cites=cites,
        published_at=date(2026, 5, 1),
    )


def library() -> list[Document]:
    """Some thirty documents of every kind."""
    documents = [
        article(CODE, "1", "为了保护民事主体的合法权益，制定本法。"),
        article(CODE, "2", "出租人应当按照约定将租赁物交付承租人，押金应当在租期届满后退还。"),
        article(CODE, "3", "承租人应当按照约定支付租金，不得擅自转租租赁物。"),
        article(CODE, "3-1", "承租人死亡的，共同居住的人可以按照原租赁合同继续租赁该房屋。"),
        article(CODE, "4", "饲养的动物造成他人损害的，动物饲养人应当承担侵权责任。"),
        article(CODE, "5", "禁止从建筑物中抛掷物品，造成他人损害的由侵权人承担侵权责任。"),
        article(CODE, "6", "借款人应当按照约定的期限返还借款，借款合同应当采用书面形式。"),
        article(CODE, "7", "物业服务人应当维护小区的公共秩序，业主应当支付物业费。"),
        article(CODE, "120", "继承从被继承人死亡时开始，遗产按照法定继承办理。"),
        article(CODE, "120-1", "遗嘱继承优先于法定继承，遗嘱应当有两个见证人。"),
        article(LABOUR, "1", "用人单位应当按月以货币形式支付劳动者工资，不得拖欠。"),
        article(LABOUR, "2", "劳动者可以在用人单位拖欠劳动报酬时解除劳动合同。"),
        article(
            LABOUR,
            "3",
            "劳动争议仲裁的申请期限为六个月。",
            validity="repealed",
            valid_from=date(2010, 1, 1),
            valid_to=date(2020, 1, 1),
            suffix=":2010",
        ),
        article(LABOUR, "3", "劳动争议仲裁的申请期限为一年，从知道权利被侵害之日起计算。"),
        article(
            LABOUR, "4", "旧的加班规定已经废止。", validity="repealed", valid_to=date(2021, 1, 1)
        ),
        article(
            LOCAL, "1", "携带犬只外出应当束犬绳，犬只伤人的饲养人赔偿。", level="local_regulation"
        ),
        article(OTHER_LOCAL, "1", "犬只应当登记办证。", level="local_regulation"),
        article(LOCAL, "", "附录：禁养犬只名录。", level="local_regulation"),
        faq(
            "deposit",
            "房东不退押金怎么办？",
            "先协商，协商不成可以申请调解，也可以到法院起诉。\n保存好合同、转账记录和聊天记录。",
            cites=(f"article:{CODE}:2",),
            questions=("租房到期房东扣着押金不给", "退租以后押金要不回来"),
        ),
        faq(
            "wages",
            "老板拖着工资不发怎么办？",
            "可以向劳动监察大队投诉，也可以申请劳动仲裁。",
            category="劳动工资",
            cites=(f"article:{LABOUR}:1", f"article:{LABOUR}:2"),
        ),
        faq(
            "dog",
            "被邻居家的狗咬伤了找谁赔？",
            "由动物饲养人承担侵权责任。",
            kind="answer",
            category="邻里纠纷",
            cites=(f"article:{CODE}:4",),
        ),
        faq(
            "aid",
            "法律援助怎么申请",
            "带上身份证到法律援助中心申请。",
            kind="guide",
            category="法律援助",
        ),
        faq(
            "plan",
            "关于犬只管理办法的决策草案",
            "公开征求意见三十日。",
            kind="decision",
            category="公共决策",
        ),
    ]
    documents.extend(
        article(
            CODE,
            str(number),
            f"机关第{number}项程序事项由主管部门另行规定。",
            heading="第九章 附则",
        )
        for number in range(200, 212)
    )
    return documents


def put(file: Path, content: bytes | str) -> None:
    """Write into a file of an index, which is read-only."""
    file.chmod(0o644)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
