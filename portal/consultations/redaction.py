"""Proposals for what to take out of a text before it is made public. A person confirms every one of them.

The rules propose rather too much than too little: a wrong proposal costs one click, a missed name costs a person.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from portal.core import family_names
from portal.core.db import LabelledEnum


class RedactionKind(LabelledEnum):
    """What kind of private detail was found."""

    ID_NUMBER = "id_number", "证件号码"
    PHONE = "phone", "电话号码"
    ACCOUNT = "account", "账号"
    PLATE = "plate", "车牌号"
    EMAIL = "email", "电子邮箱"
    ADDRESS = "address", "地址"
    NAME = "name", "姓名"
    ORGANISATION = "organisation", "单位名称"
    OTHER = "other", "其他个人信息"


@dataclass(frozen=True)
class Finding:
    """A span `[start, end)` of the text, in characters, and what it seems to be."""

    start: int
    end: int
    text: str
    kind: RedactionKind


# Digits as people write them: full width is folded before matching, spaces and dashes may stand between.
_GAP = r"[\s\-—–·.]?"
_PATTERNS: tuple[tuple[RedactionKind, re.Pattern[str]], ...] = (
    (
        RedactionKind.ID_NUMBER,
        re.compile(rf"(?<!\d)(?:\d{_GAP}){{17}}[\dXx](?!\d)|(?<!\d)\d{{15}}(?!\d)"),
    ),
    (RedactionKind.EMAIL, re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")),
    (
        RedactionKind.PHONE,
        re.compile(
            rf"(?<!\d)(?:\+?86{_GAP})?1[3-9](?:{_GAP}\d){{9}}(?!\d)|(?<!\d)0\d{{2,3}}[-\s]?\d{{7,8}}(?!\d)"
        ),
    ),
    # A phone spelled out, so that no machine reads it: 一三八……
    (RedactionKind.PHONE, re.compile(r"[一幺二两三四五六七八九零〇]{11}")),
    (RedactionKind.ACCOUNT, re.compile(rf"(?<!\d)(?:\d{_GAP}){{11,29}}\d(?!\d)")),
    (RedactionKind.ID_NUMBER, re.compile(r"(?<![A-Za-z0-9])[EGHMeghm]\d{8}(?!\d)")),
    (
        RedactionKind.OTHER,
        re.compile(
            r"(?:生于)?\d{4}年\d{1,2}月(?:\d{1,2}[日号])?(?:出生|生人?)|生于\d{4}年(?:\d{1,2}月)?"
        ),
    ),
    (
        RedactionKind.ACCOUNT,
        re.compile(
            r"(?:微信号?|QQ号?|支付宝(?:账号)?|抖音号?|快手号?|旺旺号?|账号|卡号|案号)[为是:：\s]{0,3}"
            r"([A-Za-z0-9][A-Za-z0-9_\-]{4,30})"
        ),
    ),
    (
        RedactionKind.PLATE,
        re.compile(
            r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领]"
            r"[A-HJ-NP-Z][·\s]?[A-HJ-NP-Z0-9]{4,5}[A-HJ-NP-Z0-9挂学警港澳]"
        ),
    ),
    (
        RedactionKind.ADDRESS,
        re.compile(
            r"(?:[\u4e00-\u9fff]{2,8}(?:省|自治区|市|区|县|旗))?"
            r"(?:[\u4e00-\u9fff]{1,8}(?:镇|乡|街道|村|社区|小区|花园|苑|公寓|大厦|路|街|巷|弄|组|屯))"
            r"(?:[\u4e00-\u9fff]{0,8}?(?:路|街|巷|弄|组|小区|花园|苑|公寓|大厦))?"
            r"[0-9零一二三四五六七八九十百]{1,5}(?:号|栋|幢|座|组|社|单元|楼|室|-)"
            r"(?:[0-9A-Za-z零一二三四五六七八九十]{0,5}(?:号|栋|幢|座|单元|楼|层|室|户|-)?){0,5}"
        ),
    ),
    (
        RedactionKind.ORGANISATION,
        re.compile(
            r"(?<![\u4e00-\u9fff])[\u4e00-\u9fff（）()]{4,24}?(?:有限责任公司|股份有限公司|有限公司|合作社|工作室|事务所|经营部)"
        ),
    ),
)

_GIVEN = r"[\u4e00-\u9fff]{1,2}"
_SURNAME = rf"(?:{'|'.join(family_names.OF_TWO)}|[{family_names.ALL}])"
# A name where the words before or after it say that a person is meant.
_BEFORE = (
    r"(?:我叫|名叫|叫做|姓名|名字[是叫]|我是|本人|老板|同事|房东|租客|邻居|丈夫|妻子|老公|老婆|前夫|前妻|父亲|母亲|爸爸|妈妈|哥哥|弟弟|姐姐|妹妹|儿子|女儿"
    r"|儿媳|女婿|朋友|亲戚|隔壁|楼上|楼下|对门|村里|村民|债务人|借款人|担保人|司机|包工头|工头|经理|主任|医生|老师|被告|原告|当事人|对方|向|给|被|和|与|跟|借给|起诉)"
)
_AFTER = (
    r"(?=[欠借打说不要让想又却就也在会去来换扣赖为拒骗跑的，。、；：？！,;:?!\s（(]|$|把我|没有|已经|至今|是我|和我|与我|跟我|向我"
    r"|先生|女士|同志|您|你|等人|夫妇|答应|承诺|住|签|写|开车|驾驶|电话|手机|微信|拖|因|从|有|于|是|及|等|收|转|还|回|骂|动手|联系|失|躲|告|辞|解|发"
    r"|付|找|带|曾|一直|总|每|今|昨|给|提|起|出)"
)
_ADDRESSED = "嬢嬢|孃孃|婆婆|大爷|大娘|大妈|大姐|大哥|爷爷|奶奶|阿姨|叔叔|伯伯|婶婶|嫂子|师傅|老板|老师|总|某"
_NAMES = (
    re.compile(rf"((?<![\u4e00-\u9fff])(?:老|小|阿)[{family_names.MOST_COMMON}]){_AFTER}"),
    re.compile(
        rf"(?:{_BEFORE}|[的，。、；\s])((?:老|小|阿)[{family_names.MOST_COMMON}])(?![\u4e00-\u9fff]{{0,1}}[法区时])"
    ),
    re.compile(rf"([{family_names.MOST_COMMON}](?:{_ADDRESSED}))"),
    re.compile(rf"{_BEFORE}[:：是为叫]?\s?({_SURNAME}{_GIVEN}?){_AFTER}"),
    re.compile(rf"(?:我叫|名叫|叫做|姓名[:：是为]?|本人)\s?({_SURNAME}{_GIVEN})"),
    re.compile(rf"({_SURNAME}某{{1,2}}[\u4e00-\u9fff]?)"),
    re.compile(rf"({_SURNAME}{_GIVEN}?)(?=先生|女士|老师|律师|医生|经理|师傅|大爷|大妈|阿姨|叔叔)"),
    re.compile(r"([\u4e00-\u9fff]{2,10}·[\u4e00-\u9fff]{1,10})"),
)
# What the patterns above take for a name and is none.
_NOT_NAMES = frozenset(
    (
        "公司 单位 老板 房东 对方 我们 他们 她们 自己 法院 警察 村委会 居委会 "
        "物业 家人 孩子 医院 学校 银行 政府 平台 律师 单独 高度 安全 时间 成年 "
        "计划 和平 平时 常常 经常 经济 经过 从来 从前 万一 解除 解决 方便 方法 "
        "应该 应当 全部 全家 文件 利息 利益 后来 相关 相信 都没 都不 都是 "
        "能不能 能够 连续 通过 通知 别人 别的 终于 满意 关系 关于 广告 国家 "
        "公开 权利 向我 何时 何人 习惯 充分 水电 路上 车辆 车主 石头 金额 包括 "
        "成功 明确 明显 时候 于是 元钱 任何 任意 严重 强制 强行 温度 简单 盖章 "
        "支付 管理 房屋 房产 房子 家庭 家里 家暴 农村 农民 文化 文书 单方 宣布 "
        "干活 印章 师傅 相邻 益处 曾经 须知 丰富 空调 居民 居住 党员 连带 封存 "
        "储蓄 富余 "
    ).split()
)


def find(text: str, known: Iterable[str] = ()) -> list[Finding]:
    """Return what should perhaps be redacted, in order and without overlaps.

    `known` are strings that are private for certain (the resident's own name, number and phone).
    """
    # NFKC may change the length, so full-width signs are folded one by one and every offset stays true.
    folded = "".join(
        simple if len(simple := unicodedata.normalize("NFKC", sign)) == 1 else sign for sign in text
    )
    candidates = [*_known(folded, known), *_by_pattern(folded), *_names(folded)]
    chosen: list[Finding] = []
    # The longest span wins where two overlap; a name inside an address goes with the address.
    for start, end, kind in sorted(candidates, key=lambda c: (-(c[1] - c[0]), c[0])):
        if all(end <= other.start or start >= other.end for other in chosen):
            chosen.append(Finding(start, end, text[start:end], kind))
    return sorted(chosen, key=lambda finding: finding.start)


Span = tuple[int, int, RedactionKind]


def _known(text: str, known: Iterable[str]) -> Iterator[Span]:
    for value in known:
        if not value:
            continue
        kind = RedactionKind.NAME
        if value.isascii():
            kind = RedactionKind.PHONE if len(value) == 11 else RedactionKind.ID_NUMBER
        for match in re.finditer(re.escape(value), text, re.IGNORECASE):
            yield match.start(), match.end(), kind


def _by_pattern(text: str) -> Iterator[Span]:
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            group = 1 if pattern.groups else 0
            yield match.start(group), match.end(group), kind


def _names(text: str) -> Iterator[Span]:
    found: set[str] = set()
    for pattern in _NAMES:
        for match in pattern.finditer(text):
            name = match[1]
            if name not in _NOT_NAMES and len(name) >= 2:
                found.add(name)
    # A name that was recognised once is a name wherever it stands again.
    for name in found:
        for match in re.finditer(re.escape(name), text):
            yield match.start(), match.end(), RedactionKind.NAME


def placeholder(kind: RedactionKind) -> str:
    """Return what stands in the public text instead."""
    return f"〔{kind.label}〕"


def apply(text: str, findings: Iterable[Finding]) -> str:
    """Return `text` with every finding replaced by its placeholder."""
    for finding in sorted(findings, key=lambda f: f.start, reverse=True):
        text = text[: finding.start] + placeholder(finding.kind) + text[finding.end :]
    return text
