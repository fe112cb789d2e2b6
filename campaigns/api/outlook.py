"""`next`: what a person should know of a campaign before anything else, in a sentence.

The first that applies: it has ended, or ends; it has not begun; everything is frozen; it is paused, and why; nobody
waits; hours are closed for all who wait; the switch is away; the next attempt is not due yet; it is calling.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypedDict

from campaigns.api.progress import Figures, asked_about
from campaigns.core.calling_hours import Closed, Open, judge
from campaigns.core.campaign import NOT_BEGUN
from campaigns.core.explain import Text
from campaigns.core.explain_contact import REASONS
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.reasons import CampaignState, State, Why
from campaigns.core.zones import local_time
from campaigns.ledger.compiled import campaign_of
from campaigns.ledger.rows import CampaignRow
from campaigns.ledger.tables import FAR
from cti.web.instants import optional_rfc3339

_S = CampaignState
STATES: Mapping[CampaignState, Text] = {
    _S.STOPPING: {"en": "Stopping: what was sent is waited for", "zh": "正在停止：等待已发出的呼叫结束"},
    _S.STOPPED: {"en": "Stopped", "zh": "已停止"},
    _S.DONE: {"en": "Done: every contact is final", "zh": "已完成：全部客户均有最终结果"},
    _S.EXPIRED: {"en": "Expired: nothing is done any more", "zh": "已过期：不再处理"},
}
DRAFT: Text = {"en": "Draft: {n} contacts, not started", "zh": "草稿：{n} 个客户，尚未启动"}
APPROVED: Text = {"en": "Approved: {n} contacts, not started", "zh": "已批准：{n} 个客户，尚未启动"}
SCHEDULED: Text = {"en": "Starts by itself, with {n} contacts", "zh": "到时自动启动，{n} 个客户"}
DRAINING: Text = {"en": "Draining, nobody new is called: {what}", "zh": "收尾中，不再呼叫新客户：{what}"}
NOT_STARTED: Text = {"en": "{what}; it did not start by itself: {why}", "zh": "{what}；未能自动启动：{why}"}
STARTS_MISSED: Mapping[str, Text] = {
    "contacts_changed": {"en": "there are other contacts than was said", "zh": "客户数量与登记不符"},
    "approval_needed": {"en": "a second key must approve it", "zh": "需第二密钥批准"},
    "cannot_dial": {"en": "its switch cannot dial", "zh": "交换机无法外呼"},
    "settlements_silent": {"en": "nobody tells who has paid", "zh": "缴费数据中断"},
    "overlaps": {"en": "another campaign calls the same customers", "zh": "与另一活动客户重复"},
}
AGAIN: Mapping[str, Text] = {
    "import": {"en": "a file came after it", "zh": "其后又导入了文件"},
    "withdrawal": {"en": "a file was taken back", "zh": "已撤回文件"},
    "settings": {"en": "its settings were changed", "zh": "设置已更改"},
}
DRAFT_AGAIN: Text = {
    "en": "{what}; approval and time of start are off: {why}",
    "zh": "{what}；批准与定时启动已失效：{why}",
}
AT_ONCE: Text = {"en": "{what}; once it is, calls begin at once", "zh": "{what}；启动后立即外呼"}
HELD_UP: Text = {"en": "{what}; no call yet: {why}", "zh": "{what}；暂不外呼：{why}"}
ALL_FINAL: Text = {"en": "Nobody waits for a call", "zh": "没有等待外呼的客户"}
OTHERS: Text = {
    "en": "Nobody waits for a call; {n} contacts are open: in progress, unknown, or with a person",
    "zh": "没有等待外呼的客户；{n} 个客户未结：进行中、结果未知或人工处理",
}
CALLING: Text = {"en": "Calling", "zh": "正在外呼"}
PAUSES: Mapping[str, Text] = {
    Why.CAMPAIGN_PAUSED: {"en": "Paused by hand; `resume` goes on", "zh": "已手动暂停，可恢复"},
    Why.FAILURE_SPIKE: {
        "en": "Paused: half of the last calls failed; look at the trunk group, then `resume`",
        "zh": "已自动暂停：最近呼叫失败过半，请检查中继后恢复",
    },
    "cannot_dial": {
        "en": "Paused: the switch cannot dial; look at its declaration, then `resume`",
        "zh": "已自动暂停：交换机无法外呼，请检查其声明后恢复",
    },
    "approval_void": {
        "en": "Paused: a file came that nobody has approved; a second key approves, then `resume`",
        "zh": "已自动暂停：新导入的文件未获批准，请第二密钥批准后恢复",
    },
    Why.QUEUE_BUSY: {
        "en": "Paused: the queue of key 0 is too full; `resume` when it is not",
        "zh": "已自动暂停：人工队列过于繁忙，缓解后恢复",
    },
}
UNTIL: Text = {"en": "{what}; until {time} ({zone})", "zh": "{what}；直到 {time}（{zone}）"}
BY_RULE: Text = {"en": "{what} ({rule})", "zh": "{what}（{rule}）"}


class Outlook(TypedDict):
    """`until` RFC 3339; null where no clock can tell. `why`, `rule`: null where there is none."""

    text: Text
    until: str | None
    why: str | None
    rule: str | None


class SwitchLook(NamedTuple):
    """How the campaign's switch stands."""

    heard: bool  # it has a live dial stream, and was heard of of late
    clock_true: bool


def outlook_of(row: CampaignRow, read: Figures, rules: OperatorRules, switch: SwitchLook, now_ms: int) -> Outlook:
    """What to show. Pure."""
    state = CampaignState(row.state)
    by_state = {figures.state: figures.contacts for figures in read.contacts}
    if state in STATES:
        return _outlook(row, STATES[state], state.value)
    if state is CampaignState.SCHEDULED:
        return _outlook(row, _with(SCHEDULED, n=row.start_contacts), state.value, row.start_at_ms)
    if state in NOT_BEGUN:
        return _draft(row, read, rules, sum(by_state.values()), now_ms)
    if read.frozen:
        return _outlook(row, REASONS[Why.FROZEN], Why.FROZEN)
    if state is CampaignState.PAUSED:
        why = row.paused_why or Why.CAMPAIGN_PAUSED.value
        return _outlook(row, PAUSES.get(why, PAUSES[Why.CAMPAIGN_PAUSED]), why)
    if not by_state.get(State.WAITING) or not read.classes:
        others = sum(by_state.get(other, 0) for other in (State.IN_PROGRESS, State.UNKNOWN, State.PERSON))
        return _outlook(row, _with(OTHERS, n=others) if others else ALL_FINAL, None)
    return _waiting(row, read, rules, switch, now_ms)


def _draft(row: CampaignRow, read: Figures, rules: OperatorRules, contacts: int, now_ms: int) -> Outlook:
    """With when the first call would leave, were it started now."""
    draft = _with(APPROVED if row.state == CampaignState.APPROVED else DRAFT, n=contacts)
    if (missed := STARTS_MISSED.get(row.paused_why or "")) is not None:
        return _outlook(row, _with(NOT_STARTED, what=draft, why=missed), row.paused_why)
    if (again := AGAIN.get(row.paused_why or "")) is not None:
        return _outlook(row, _with(DRAFT_AGAIN, what=draft, why=again), row.state)
    answers = _answers(row, read, rules, now_ms)
    if not answers:
        return _outlook(row, draft, row.state)
    first = _closed_for_all(answers)
    if first is None:
        return _outlook(row, _with(AT_ONCE, what=draft), row.state)
    return _outlook(row, _with(HELD_UP, what=draft, why=REASONS[Why(first.why)]), first.why, first.until_ms, first.rule)


def _answers(row: CampaignRow, read: Figures, rules: OperatorRules, now_ms: int) -> list[Open | Closed]:
    campaign = campaign_of(row, rules)
    return [judge(rules.hours, asked_about(campaign, hours_class), now_ms) for hours_class in read.classes]


def _closed_for_all(answers: Sequence[Open | Closed]) -> Closed | None:
    """The one that opens first; None: one is open."""
    closed = [answer for answer in answers if isinstance(answer, Closed)]
    if len(closed) < len(answers):
        return None
    return min(closed, key=lambda answer: (answer.until_ms is None, answer.until_ms or 0))


def _waiting(row: CampaignRow, read: Figures, rules: OperatorRules, switch: SwitchLook, now_ms: int) -> Outlook:
    answers = _answers(row, read, rules, now_ms)
    if (first := _closed_for_all(answers)) is not None:
        return _outlook(row, REASONS[Why(first.why)], first.why, first.until_ms, first.rule)
    if not switch.heard:
        return _outlook(row, REASONS[Why.SWITCH_AWAY], Why.SWITCH_AWAY)
    if not switch.clock_true:
        return _outlook(row, REASONS[Why.SWITCH_CLOCK], Why.SWITCH_CLOCK)
    due = [
        hours_class.next_at_ms
        for hours_class, answer in zip(read.classes, answers, strict=True)
        if not isinstance(answer, Closed)
    ]
    if min(due) >= FAR:
        return _outlook(row, REASONS[Why.NUMBER_BUSY], Why.NUMBER_BUSY)
    if min(due) > now_ms:
        return _outlook(row, REASONS[Why.RETRY_WAIT], Why.RETRY_WAIT, min(due), "TRY-1")
    return _outlook(row, CALLING, None)


def _outlook(
    row: CampaignRow, text: Text, why: str | None, until_ms: int | None = None, rule: str | None = None
) -> Outlook:
    rule = rule or None
    sentence = _with(BY_RULE, what=text, rule=rule) if rule else text
    if row.state == CampaignState.DRAINING:
        sentence = _with(DRAINING, what=sentence)
    if until_ms is not None:
        sentence = _with(
            UNTIL, what=sentence, time=f"{local_time(until_ms, row.zone):%Y-%m-%d %H:%M:%S}", zone=row.zone
        )
    return {"text": sentence, "until": optional_rfc3339(until_ms), "why": why and str(why), "rule": rule}


def _with(form: Text, **values: object) -> Text:
    def named(language: str) -> dict[str, object]:
        return {name: value[language] if isinstance(value, dict) else value for name, value in values.items()}

    return {"en": form["en"].format(**named("en")), "zh": form["zh"].format(**named("zh"))}
