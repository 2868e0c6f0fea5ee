"""Leaves out what stands on the page and is no law: page numbers, and who signed below the text and when."""

from __future__ import annotations

import re

from portal.knowledge.importing import lines
from portal.knowledge.importing.contents import Row

_PAGE = re.compile(
    r"[—–―－-]+\s*\d{1,4}\s*[—–―－-]+|第\s*\d{1,4}\s*页(?:[\s/，,]*共\s*\d{1,4}\s*页)?"
)
_SENTENCE_ENDS = ("。", "；", "：", "！", "？", "”", "）", "》", ":", ";", ")")
_OFFICES = "主席 总理 委员长 省长 市长 区长 县长 主任 院长 检察长 部长 局长 署长 行长".split()
_OFFICE = "|".join(r"\s*".join(office) for office in _OFFICES)
# 国务院总理 张某某. A blank or a colon stands between the two: 主席团… is the beginning of a sentence.
_OFFICER = re.compile(
    rf"[\u4e00-\u9fff]{{0,20}}(?:{_OFFICE})(?:\s+|\s*[：:]\s*)[\u4e00-\u9fff·](?:\s*[\u4e00-\u9fff·]){{1,9}}"
)
_DAY = re.compile(r"\d{4}年\d{1,2}月\d{1,2}日(?:印发|发布|公布)?$")
_MAKERS = re.compile(
    r"(?:[\u4e00-\u9fff]{0,30}(?:政府|委员会|大会|常委会|法院|检察院|国务院|[部厅局署]|办公室|办公厅|总行)(?:\s+|$))+"
)
_REMARK = re.compile(r"[（(]此件[^（）()]{2,20}[）)]|抄\s*送\s*[：:].{1,200}")


def without_print(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """Return the rows of a text without page numbers and signature, and what is to be told of that."""
    kept, pages = _without_pages(rows)
    notes = [f"没有读入 {pages} 处页码"] if pages else []
    text_end = next((at for at, row in enumerate(kept) if _is_annex(row)), len(kept))
    signed = _signature(kept[:text_end])
    cut = kept[text_end - len(signed) : text_end]
    kept = kept[: text_end - len(signed)] + _without_signed_list(kept[text_end:], cut)
    if cut:
        notes.append(f"没有读入末尾的署名和日期：{'，'.join(text for _, text in cut)[:60]}")
    return kept, notes


def _without_pages(rows: list[Row]) -> tuple[list[Row], int]:
    kept: list[Row] = []
    turned = False
    for number, text in rows:
        if _PAGE.fullmatch(text):
            turned = True
        elif turned and kept and _goes_on(kept[-1][1], text):
            kept[-1] = (kept[-1][0], kept[-1][1] + text)
            turned = False
        else:
            kept.append((number, text))
            turned = False
    return kept, sum(_PAGE.fullmatch(text) is not None for _, text in rows)


def _goes_on(before: str, text: str) -> bool:
    """True where a page was turned in the middle of a sentence."""
    article = lines.split_article(before)
    begun = before if article is None else article[1]
    new = re.match(r"[（(#]|[一二三四五六七八九十\d]+[、.．]", text) is not None
    return (
        bool(begun)
        and not new
        and not before.startswith("#")
        and not before.endswith(_SENTENCE_ENDS)
        and " | " not in before + text
        and lines.plain_rank(before) is None
        and lines.plain_rank(text) is None
        and lines.split_article(text) is None
        and text.endswith(_SENTENCE_ENDS)
    )


def _signature(rows: list[Row]) -> list[Row]:
    """Return the last rows, where they are a signature below a text that has come to its end."""
    begins = len(rows)
    while begins and _signs(rows[begins - 1][1]):
        begins -= 1
    signed = rows[begins:]
    ended = begins > 0 and rows[begins - 1][1].endswith(("。", "！", "？", "”", "）", ")"))
    return signed if ended and _is_signature(signed) else []


def _is_signature(rows: list[Row]) -> bool:
    """True where all rows sign; names of offices by themselves may be a list."""
    return all(_signs(text) for _, text in rows) and any(
        not _MAKERS.fullmatch(text) for _, text in rows
    )


def _signs(text: str) -> bool:
    if _OFFICER.fullmatch(text) or _REMARK.fullmatch(text):
        return True
    maker = _DAY.sub("", re.sub(r"(?<=[\d年月日])\s+(?=[\d年月日])", "", lines.with_figures(text)))
    return not maker.strip() or _MAKERS.fullmatch(maker.strip()) is not None


def _without_signed_list(rows: list[Row], cut: list[Row]) -> list[Row]:
    """Return the annexes without a signature that stands below the list of their names; it goes to `cut`."""
    end = next((at for at, row in enumerate(rows) if at and _is_annex(row)), len(rows))
    below = rows[1:end]
    if not _is_signature(below):
        return rows
    cut += below
    return rows[:1] + rows[end:]


def _is_annex(row: Row) -> bool:
    return lines.is_annex(row[1].lstrip("# "))
