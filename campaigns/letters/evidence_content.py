"""The page of evidence of a contact as its sheet takes it: sections of names beside values, in the campaign's language.

Nothing is left out: a character that no font shows stands there as its code, U+20BB7. Times are those of the campaign's
zone, with their offset. Pure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from campaigns.letters.content import Glyphs

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "campaign": {"zh": "活动", "en": "Campaign"},
    "contact": {"zh": "客户", "en": "Contact"},
    "items": {"zh": "项目", "en": "Items"},
    "decisions": {"zh": "呼叫与决定记录", "en": "Decisions"},
    "notices": {"zh": "书面通知", "en": "Written notices"},
    "record": {"zh": "操作记录", "en": "Who looked at it, and did what"},
}
NAMES: Mapping[str, str] = {
    "id": "编号", "name": "名称", "kind": "类别", "state": "状态", "language": "语言", "caller_id": "主叫号码",
    "profile": "时段规则", "zone": "时区", "windows": "时段", "closed_dates": "停呼日", "contact": "联系人编号",
    "account": "户号", "class": "客户类别", "important": "重要用户", "numbers": "联系电话", "number": "号码",
    "address": "地址", "items": "项目", "settled": "已结清", "round": "轮次", "attempts": "呼叫次数", "counted": "计次",
    "disposition": "结果", "why": "原因", "rule": "规则", "until": "截止时间", "n": "序号", "channel": "渠道",
    "decision": "决定", "decided_at": "决定时间", "sent_at": "发出时间", "rang_at": "振铃时间",
    "answered_at": "接通时间", "ended_at": "结束时间", "q850": "释放原因值", "tone": "提示音", "machine": "留言设备",
    "digits": "按键", "amount_spoken": "播报金额", "template": "话术", "sha256": "话术摘要", "zones": "候选时区",
    "dial_before": "最晚呼出时间", "ring_until": "最晚振铃时间", "note": "备注", "revised": "已修订", "words": "内容",
    "batch": "批次", "page": "页", "exported_at": "导出时间", "exported_by": "导出人", "acknowledged_at": "确认时间",
    "acknowledged_by": "确认人", "created_at": "生成时间", "at": "时间", "what": "操作", "by": "操作人",
    "entry": "日志序号", "hash": "日志摘要", "details": "详情", "next_at": "下次时间", "promise_date": "承诺交费日期",
    "notice_out_by": "告知期限", "fallback_by": "转书面通知期限", "expires_at": "失效时间", "notice_out_at": "告知时间",
    "command": "指令编号", "call": "通话编号", "kept": "其他列", "as_of": "截至", "revealed": "完整显示",
    "about": "对象", "campaign": "活动编号",
}  # fmt: skip
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)
_YES_NO = {"zh": ("否", "是"), "en": ("no", "yes")}


class Sheet(NamedTuple):
    """How it is told. `kind`: {field of an item: its Chinese name}."""

    language: str
    zone: ZoneInfo
    glyphs: Glyphs
    kind: Mapping[str, str] = {}


def evidence_sheet(page: Mapping[str, Any], sheet: Sheet) -> dict[str, Any]:
    """As the template takes it: `account`, and `sections` of {title, blocks}, a block a list of [name, value]."""
    own, sheet = sheet, sheet._replace(kind={})
    contact = dict(page["contact"])
    items = contact.pop("items", ())
    whole: Mapping[str, Sequence[Mapping[str, Any]]] = {
        "campaign": [{**page["campaign"], "as_of": page["as_of"], "revealed": page["revealed"]}],
        "contact": [contact],
        "items": items,
        "decisions": page["decisions"],
        "notices": page["notices"],
        "record": page["record"],
    }
    sections = []
    for name, blocks in whole.items():
        section_sheet = own if name == "items" else sheet
        if blocks:
            pairs = [list(_pairs(block, section_sheet)) for block in blocks]
            sections.append({"title": SECTIONS[name][sheet.language], "blocks": pairs})
    return {"page": 1, "account": seen(contact["account"], sheet.glyphs), "sections": sections}


def seen(text: str, glyphs: Glyphs) -> str:
    """With the code of each character that no font shows."""
    return "".join(char if char in glyphs.characters else f"[U+{ord(char):04X}]" for char in text)


def _pairs(block: Mapping[str, Any], sheet: Sheet) -> Iterator[list[str]]:
    """What is unknown or empty is left out; what lies inside another member stands beside its own name."""
    for name, value in block.items():
        if isinstance(value, Mapping) and name in {"hours", "said"}:
            yield from _pairs(value, sheet)
        elif (text := _text_of(value, sheet)) != "":
            yield [seen(_named(name, sheet), sheet.glyphs), seen(text, sheet.glyphs)]


def _named(name: str, sheet: Sheet) -> str:
    return sheet.kind.get(name, NAMES.get(name, name)) if sheet.language == "zh" else name


def _text_of(value: Any, sheet: Sheet) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _YES_NO[sheet.language][value]
    if isinstance(value, str):
        return _moment(value, sheet.zone) if _MOMENT.match(value) else value
    if isinstance(value, Mapping):
        members = ((_named(name, sheet), _text_of(member, sheet)) for name, member in value.items())
        return "; ".join(f"{name}: {text}" for name, text in members if text)
    if isinstance(value, Sequence):
        return ", ".join(_text_of(item, sheet) for item in value)
    return str(value)


def _moment(text: str, zone: ZoneInfo) -> str:
    local = datetime.fromisoformat(text).astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} {local:%z}"
