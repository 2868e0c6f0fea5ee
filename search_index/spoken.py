"""What people say for what is written; questions are compared in the written words."""

from __future__ import annotations

import re

_WRITTEN = {
    spoken: written
    for written, several in {
        "孩子": "娃儿 娃娃 细娃 小孩 孙娃 娃",
        "家里": "屋头 屋里",
        "爸": "老汉儿 老汉 父亲 爸爸 老爸 爹",
        "妈": "母亲 妈妈 老妈",
        "老公": "男人 丈夫 男的",
        "老婆": "婆娘 堂客 妻子 媳妇",
        "离婚": "离了婚 离了",
        "被": "遭",
        "让": "喊 叫",
        "别人": "别个 人家",
        "邻居": "隔壁",
        "借条": "欠条 条子",
        "工资": "工钱 薪水 薪资",
        "押金": "押钱",
        "物业": "物管",
        "辞职": "不想干 不干了",
        "辞退": "开除 撵 开了 解雇",
        "怀孕": "怀起 怀上",
        "公司": "厂里 厂头 单位",
        "树": "树子",
        "车": "车子",
        "房": "房子 屋子 屋",
        "没": "没有 没得",
        "去世": "死了 走了 过世 不在了",
        "遗产": "留下的钱 留下的财产 留下的存款 留下的房子 留下的家产",
    }.items()
    for spoken in several.split()
}
_SPOKEN = re.compile("|".join(sorted(_WRITTEN, key=len, reverse=True)))


def written(text: str) -> str:
    """A question with the written words for the spoken ones."""
    return _SPOKEN.sub(lambda said: _WRITTEN[said[0]], text)
