"""A notice as the API shows it: a JSON object, or rows of CSV, one an item. Pure.

Names and addresses are in full only where the caller may see them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from campaigns.kinds import known_kinds
from campaigns.ledger.notices import EXPORTED
from campaigns.ledger.rows import NoticeRow
from cti.web.instants import rfc3339

FIRST = ("batch", "page", "account", "name", "address")
LAST = ("attempts", "created_at", "to_recall")
SET_ASIDE = "set_aside"  # of a batch alone: why no letter is printed
ZH = {
    "batch": "批次",
    "page": "页码",
    "account": "户号",
    "name": "姓名",
    "address": "通讯地址",
    "as_of": "计算日期",
    "penalty_min": "最低违约金",
    "attempts": "呼叫记录",
    "created_at": "生成时间",
    "to_recall": "需撤回",
    "set_aside": "未打印原因",
}
"""Headers that no kind brings."""


def notice_json(row: NoticeRow) -> dict[str, Any]:
    """In full. What there is not is left out."""
    body = json.loads(row.body)
    address = {"address": body["address"]} if body["address"] else {}
    batch = {} if row.batch is None else {"batch": row.batch}
    to_recall = {"to_recall": True} if row.state == EXPORTED and row.to_recall_ms is not None else {}
    return {
        "id": row.id,
        "campaign": row.campaign,
        "account": row.account,
        "name": body["name"],
        **address,
        "kind": row.kind,
        "items": body["items"],
        "attempts": body["attempts"],
        "created_at": rfc3339(row.created_at_ms),
        "state": row.state,
        **batch,
        **to_recall,
    }


def columns(kinds: Iterable[str]) -> tuple[str, ...]:
    """The columns of a CSV with notices of these kinds."""
    fields = dict.fromkeys(field.name for kind in kinds for field in known_kinds()[kind].fields)
    return (*FIRST, *fields, *LAST)


def headers(names: Sequence[str], language: str | None) -> tuple[str, ...]:
    """The columns as a spreadsheet's heading; `zh`: in Chinese."""
    if language != "zh":
        return tuple(names)
    chinese = {
        field.name: field.headers[0] for kind in known_kinds().values() for field in kind.fields if field.headers
    }
    return tuple(ZH.get(name) or chinese.get(name, name) for name in names)


def csv_rows(row: NoticeRow, shown: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of one letter: one an item, all of the same page. `shown`: of `notice_json`, masked or not."""
    letter = {
        "batch": row.batch,
        "page": row.page,
        "account": row.account,
        "name": shown["name"],
        "address": shown.get("address"),
        "attempts": "; ".join(f"{attempt['decided_at']} {attempt['disposition']}" for attempt in shown["attempts"]),
        "created_at": shown["created_at"],
        "to_recall": shown.get("to_recall"),
        SET_ASIDE: "; ".join(_why(aside) for aside in shown.get(SET_ASIDE, ())),
    }
    items: Sequence[Mapping[str, str]] = shown["items"] or ({},)
    for item in items:
        yield {**item, **letter}


def _why(aside: Mapping[str, Any]) -> str:
    """name: glyph U+20BB7; months: in_part 2026-01"""
    return " ".join([f"{aside['field']}: {aside['rule']}", *aside.get("characters", ()), *aside.get("paid", ())])
