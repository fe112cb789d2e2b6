"""The headings of CSV files: the columns' own names, or Chinese ones, which an import takes where they are its own."""

from collections.abc import Mapping, Sequence

from campaigns.imports.header import COMMON, NUMBER_HEADERS
from campaigns.kinds import Kind
from cti.web.query import Parameter, choice

LANGUAGES = ("en", "zh")
_NUMBER = "number"
_ZH: Mapping[str, str] = {
    "contact": "联系人编号", "numbers": "联系电话", "state": "状态", "round": "轮次", "attempts": "呼叫次数",
    "counted": "计次", "disposition": "结果", "why": "未呼原因", "next_at": "下次时间", "promise_date": "承诺交费日期",
    "notice_out_by": "告知期限", "fallback_by": "转书面通知期限", "expires_at": "失效时间", "notice_out_at": "告知时间",
    "n": "序号", "channel": "渠道", "decided_at": "决定时间", "decision": "决定", "rule": "规则", "until": "截止时间",
    "command": "指令编号", "call": "通话编号", "sent_at": "发出时间", "rang_at": "振铃时间",
    "answered_at": "接通时间", "ended_at": "结束时间", "q850": "释放原因值", "tone": "提示音",
    "machine": "留言设备", "digits": "按键", "amount_spoken": "播报金额", "template": "话术",
    "sha256": "话术摘要", "caller_id": "主叫号码", "profile": "时段规则", "zones": "候选时区",
    "dial_before": "最晚呼出时间", "note": "备注", "revised": "已修订",
}  # fmt: skip


def parameter() -> Parameter:
    """The query of a route that gives CSV."""
    return choice("headers", "The language of the CSV's headers; English where absent.", LANGUAGES)


def titles(columns: Sequence[str], language: str | None, kind: Kind) -> Sequence[str]:
    """`zh`: in Chinese; a column that has no Chinese name keeps its own."""
    if language != "zh":
        return columns
    known = {field.name: field.headers[0] for field in kind.fields if field.headers}
    known |= {name: aliases[0] for name, aliases in COMMON.items()}
    return [_number(column) or known.get(column) or _ZH.get(column, column) for column in columns]


def _number(column: str) -> str:
    """联系电话2 of number2."""
    rest = column.removeprefix(_NUMBER)
    return NUMBER_HEADERS[1] + rest if column.startswith(_NUMBER) and rest[1:] == "" and rest != "s" else ""
