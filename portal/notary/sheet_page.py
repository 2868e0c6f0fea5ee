"""The sheet of the day as a page to print. Pure: from what `day_presenting.sheet` returns to HTML without any script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from portal.core import clock

_STYLE = """
@page { size: A4 landscape; margin: 12mm; }
body { font: 11pt/1.4 "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #000; background: #fff; margin: 1rem; }
h1 { font-size: 15pt; margin: 0 0 .3rem; }
h2 { font-size: 12pt; margin: 1rem 0 .3rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid #555; padding: .2rem .4rem; text-align: left; vertical-align: top; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
.note { font-size: 9pt; }
@media print { body { margin: 0; } }
"""
# The one style is allowed by its hash; nothing else is loaded and nothing runs.
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

_PAGE = Markup(
    """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<p class="note">共 {count} 个预约，现场取号 {walk_ins} 个。打印于 {printed}。姓名和号码已隐去一部分，用后请妥善销毁。</p>
<table>
<thead><tr><th>时间</th><th>窗口</th><th>编号</th><th>事项</th><th>人数</th><th>当事人</th><th>证件号码</th><th>电话</th>
<th>状态</th><th>叫号</th><th>请核对</th></tr></thead>
<tbody>{rows}</tbody>
</table>
<h2>现场取号</h2>
<table>
<thead><tr><th>号码</th><th>取号时间</th><th>事项</th><th>人数</th><th>优先</th><th>状态</th>
<th>受理编号</th></tr></thead>
<tbody>{numbers}</tbody>
</table>
</body>
</html>
"""
)
_ROW = Markup(
    "<tr><td>{time}</td><td>{counter}</td><td>{reference}</td><td>{matter}</td><td>{party_count}</td><td>{names}</td>"
    "<td>{documents}</td><td>{phone}</td><td>{state}</td><td>{number}</td><td class='note'>{notes}</td></tr>"
)
_NUMBER = Markup(
    "<tr><td>{number}</td><td>{time}</td><td>{matter}</td><td>{party_count}</td><td>{priority}</td><td>{state}</td>"
    "<td>{case}</td></tr>"
)
_NOBODY = Markup('<tr><td colspan="{columns}">没有</td></tr>')


def page(sheet: dict[str, Any]) -> Markup:
    """Return the page."""
    rows = [_row(each) for each in sheet["appointments"]]
    numbers = [_number(each) for each in sheet["walk_ins"]]
    day = sheet["day"]
    return _PAGE.format(
        title=f"{sheet['office']}　{clock.spoken_day(day)}",
        style=Markup(_STYLE),  # noqa: S704 - a constant of this module
        count=len(rows),
        walk_ins=len(numbers),
        printed=clock.spoken(clock.now()),
        rows=Markup("\n").join(rows) or _NOBODY.format(columns=11),
        numbers=Markup("\n").join(numbers) or _NOBODY.format(columns=7),
    )


def _time(row: dict[str, Any], name: str) -> str:
    return f"{clock.local(row[name]):%H:%M}"


def _row(row: dict[str, Any]) -> Markup:
    state = row["state"].label
    people = list(_people(row))
    return _ROW.format(
        time=f"{_time(row, 'starts_at')}–{_time(row, 'ends_at')}",
        counter=row["counter"] or "",
        reference=row["reference"],
        matter=row["matter"],
        party_count=row["party_count"],
        names=_lines(name for name, _ in people),
        documents=_lines(number for _, number in people),
        phone=row["contact_phone"] or "",
        state=f"{state}（时段已停办）" if row["affected"] else state,
        number=row["ticket_number"] or "",
        notes=_lines(row["notes"]),
    )


def _people(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield who is to be checked at the desk, each with the document: parties, their guardians, the agent."""
    for party in row["parties"]:
        yield party["name"], _document(party)
        if party["guardian"] is not None:
            yield f"监护人 {party['guardian']['name']}", _document(party["guardian"])
    if row["agent"] is not None:
        yield f"代理人 {row['agent']['name']}", _document(row["agent"])


def _document(person: dict[str, Any]) -> str:
    kind = person["document_type"]
    return f"{kind.label} {person['document_number']}" if kind else person["document_number"]


def _number(row: dict[str, Any]) -> Markup:
    return _NUMBER.format(
        number=row["number"],
        time=_time(row, "issued_at"),
        matter=row["matter"] or "",
        party_count=row["party_count"],
        priority="是" if row["priority"] else "",
        state=row["state"].label,
        case=row["case_reference"] or "",
    )


def _lines(texts: Any) -> Markup:
    return Markup("<br>").join(texts)
