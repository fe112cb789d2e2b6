"""What a caller hears whose number is affected by an outage (OUT-1), and what an agent sees of a contact who calls.

No number, name or amount: an agent's screen may show less than a key with numbers:reveal. The ids lead to the case.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns.core.reasons import State
from campaigns.kinds import known_kinds
from campaigns.kinds.outage import KIND as OUTAGE
from campaigns.ledger.numbers import Match
from campaigns.outages.items import standing
from campaigns.owed_today import items_left
from campaigns.value_forms import forms
from cti.callers.rows import Words

ANNOUNCEMENT, CASE = "outage_announcement", "campaign_contact"  # keys of messages
ITEMS_MAX, CASES_MAX = 3, 3  # told at once
TEXT_CHARS_MAX = 160  # of an area or a reason
LANGUAGES = ("zh", "en")
_KINDS_ZH: Mapping[str, str] = {
    "billing": "电费通知", "arrears": "欠费催交", "outage": "停电通知", "callback": "回电", "follow-up": "回访",
    "reminder": "催办提醒",
}  # fmt: skip
_STATES_ZH: Mapping[State, str] = {
    State.WAITING: "待联系", State.IN_PROGRESS: "联系中", State.UNKNOWN: "结果待核实", State.PERSON: "待人工处理",
    State.REACHED: "已告知", State.PROMISED: "已承诺", State.PAID: "已交费", State.DISPUTED: "有异议",
    State.FALLBACK: "转书面通知", State.SUPPRESSED: "不再联系", State.CANCELLED: "已取消", State.EXPIRED: "已过期",
}  # fmt: skip
_Item = Mapping[str, str]


def outages_of(match: Match, now_ms: int) -> list[_Item]:
    """The outages of a contact that are not over or cancelled; none of one who was taken out of his campaign."""
    if match.campaign.kind != OUTAGE.name or match.contact.state == State.CANCELLED:
        return []
    return [item for item in standing(items_left(OUTAGE.name, match.contact)) if _restores_ms(item) > now_ms]


def _restores_ms(item: _Item) -> float:
    return datetime.fromisoformat(item["restores_at"]).timestamp() * 1000


def announcement(matches: Sequence[Match], now_ms: int) -> Words | None:
    """The announcement of the outages that begin first, of all that concern the caller; None: no outage does."""
    found = {
        (item["starts_at"], item["area"], item["restores_at"]): (item, match.campaign.zone)
        for match in matches
        for item in outages_of(match, now_ms)
    }
    first = [found[key] for key in sorted(found, key=lambda key: (datetime.fromisoformat(key[0]), key))][:ITEMS_MAX]
    if not first:
        return None
    text = {language: " ".join(_outage(language, *outage) for outage in first) for language in LANGUAGES}
    return Words(OUTAGE.rule, ANNOUNCEMENT, text)


def _outage(language: str, item: _Item, zone: str) -> str:
    moment = forms(language, ZoneInfo(zone)).moment
    area, reason = item["area"][:TEXT_CHARS_MAX], item["reason"][:TEXT_CHARS_MAX]
    begins, ends = moment(item["starts_at"]), moment(item["restores_at"])
    if language == "zh":
        return f"停电公告：因{reason}，{area}{begins}停电，预计{ends}恢复送电。"
    return f"Power outage: because of {reason}, {area} is without power from {begins}, expected back at {ends}."


def prompt(matches: Sequence[Match], announced: Words | None) -> Words | None:
    """The cases that the agent is to know of; None: there is none."""
    if not matches:
        return None
    some = sorted(matches, key=lambda match: (match.campaign.priority, match.contact.id))[:CASES_MAX]
    text = {language: " ".join(_case(language, match) for match in some) for language in LANGUAGES}
    if announced is not None:
        text = {language: f"{cases} {announced.text[language]}" for language, cases in text.items()}
    return Words(known_kinds()[some[0].campaign.kind].rule, CASE, text)


def _case(language: str, match: Match) -> str:
    kind, state, contact = match.campaign.kind, State(match.contact.state), match.contact.id
    if language == "zh":
        case = f"{_KINDS_ZH[kind]}，{_STATES_ZH[state]}"
        return f"来电客户：{case}（活动{match.campaign.id}，联系人{contact}）。"
    return f"This caller is a contact: {kind}, {state} (campaign {match.campaign.id}, contact {contact})."
