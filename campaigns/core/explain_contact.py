"""`decide` in the words of the contract ("Explain"): may this contact be dialled now, and if not, why and until when.

Nothing is decided here: the dialler and a person who reads this get the same answer.
"""

from collections.abc import Mapping

from campaigns.core.calling_hours import Asked
from campaigns.core.campaign import Campaign
from campaigns.core.choice import next_call
from campaigns.core.contact import Contact
from campaigns.core.decide import Close, Decision, Dial, Fallback, asked_of, decide
from campaigns.core.explain import Explanation, Text, by_exception, explain_hours, rfc3339
from campaigns.core.reasons import WRITTEN, State, Why
from campaigns.core.waiting import WaitUntil, World, next_deadline
from campaigns.core.zones import local_time, zone_named

REASONS: Mapping[Why, Text] = {
    Why.QUIET_HOURS: {"en": "Outside the calling hours", "zh": "不在允许的外呼时段内"},
    Why.CAMPAIGN_HOURS: {"en": "Outside the campaign's own hours", "zh": "不在本活动设定的外呼时段内"},
    Why.CLOSED_DATE: {"en": "A date on which the campaign is closed", "zh": "本活动停呼日"},
    Why.NUMBER_BUSY: {"en": "A call to this person or number is under way", "zh": "该客户或号码正在通话或呼叫中"},
    Why.PERSON_CAP: {"en": "This person was called often enough today", "zh": "该客户今日外呼次数已达上限"},
    Why.DO_NOT_CALL: {"en": "This person does not want calls", "zh": "该客户已要求停止语音外呼"},
    Why.SETTLED: {"en": "The account is settled", "zh": "该户已结清"},
    Why.IMPORT_WITHDRAWN: {"en": "The file that brought it was withdrawn", "zh": "所属名单文件已撤回"},
    Why.OUTAGE_CHANGED: {"en": "The outage was changed", "zh": "停电安排已变更"},
    Why.OUTAGE_CANCELLED: {
        "en": "The outage is cancelled, and nobody was told of it",
        "zh": "停电已取消，此前未曾告知",
    },
    Why.CALLBACK_CANCELLED: {"en": "The callback is not wanted any more", "zh": "回电已取消"},
    Why.PERSON_ERASED: {"en": "The person was erased on request", "zh": "已按要求删除个人信息"},
    Why.NOT_SAMPLED: {"en": "Not in the sample of its fault", "zh": "未抽中回访"},
    Why.NO_FORMULA: {"en": "The amount owed today cannot be computed", "zh": "无法计算今日应缴金额"},
    Why.NO_NUMBER: {"en": "No number is left to call", "zh": "没有可用的联系电话"},
    Why.CAMPAIGN_PAUSED: {"en": "The campaign is not running", "zh": "活动未在运行"},
    Why.CAMPAIGN_STOPPED: {"en": "The campaign was stopped", "zh": "活动已停止"},
    Why.CAMPAIGN_DRAINING: {"en": "The campaign drains: nobody new is called", "zh": "活动收尾中，不再呼叫新客户"},
    Why.FROZEN: {"en": "All dialling is frozen", "zh": "全部外呼已冻结"},
    Why.FAILURE_SPIKE: {"en": "Paused: too many calls failed in a row", "zh": "失败呼叫过多，活动已自动暂停"},
    Why.SWITCH_AWAY: {"en": "The switch has not been heard from", "zh": "交换机失联"},
    Why.SWITCH_CLOCK: {"en": "The clock of the switch is not believed", "zh": "交换机时钟不可信"},
    Why.CLOCK_STEP: {"en": "The clock was set; dialling waits until it is steady", "zh": "系统时钟发生跳变，等待稳定"},
    Why.TRUNK_FULL: {"en": "The trunk group is full", "zh": "中继已满"},
    Why.QUEUE_BUSY: {"en": "The queue of key 0 is too full", "zh": "人工队列繁忙"},
    Why.MESSAGE_GATEWAY_AWAY: {"en": "The message gateway is away", "zh": "短信网关失联"},
    Why.DEADLINE_PAST: {"en": "The deadline is past", "zh": "已过截止时间"},
    Why.UNKNOWN_PENDING: {"en": "What became of the last call is not known yet", "zh": "上一次呼叫结果未知，待核实"},
    Why.RETRY_WAIT: {"en": "The next attempt is not due yet", "zh": "未到下次尝试时间"},
    Why.AGREED_TIME: {"en": "Another time was agreed on", "zh": "未到约定时间"},
}
STATES: Mapping[State, Text] = {
    State.REACHED: {"en": "The person was reached", "zh": "已通知到客户"},
    State.PROMISED: {"en": "Payment was promised", "zh": "客户已承诺缴费"},
    State.PAID: {"en": "The account is paid", "zh": "已缴费"},
    State.DISPUTED: {"en": "The customer disputes it", "zh": "客户有异议"},
    State.FALLBACK: {"en": "Handed over to the fallback", "zh": "已转书面通知等后续方式"},
    State.SUPPRESSED: {"en": "This person is not called", "zh": "不再语音外呼该客户"},
    State.CANCELLED: {"en": "Cancelled", "zh": "已取消"},
    State.EXPIRED: {"en": "Expired", "zh": "已过期"},
}
PERSON: Text = {"en": "A person works on this contact", "zh": "已转人工处理"}
USED_UP: Text = {"en": "All attempts are used up", "zh": "尝试次数已用完"}
MAY_CALL: Text = {"en": "May be called now", "zh": "现在可以外呼"}
MAY_SEND: Text = {"en": "A message may be sent now", "zh": "现在可以发送短信"}
BEFORE: Text = {
    "en": "{what}; the order leaves before {time} ({zone})",
    "zh": "{what}，须在 {time}（{zone}）之前发出",
}
UNTIL: Text = {"en": "{what}; until {time} ({zone})", "zh": "{what}；最早 {time}（{zone}）"}
HANDS_OVER: Text = {"en": "{what}; the fallback takes over", "zh": "{what}；转后续方式"}


def explain_contact(contact: Contact, campaign: Campaign, world: World, now_ms: int) -> Explanation:
    """What `decide` says, for people."""
    decision = decide(contact, campaign, world, now_ms)
    explanation: Explanation = {
        "may_dial": isinstance(decision, Dial),
        "at": rfc3339(now_ms),
        "text": _text(decision, campaign.zone),
        "zones": [],
        "local": [],
    }
    asked = _asked(contact, campaign)
    if asked is not None:
        by_hours = explain_hours(campaign.hours, asked, now_ms)
        explanation["zones"], explanation["local"] = by_hours["zones"], by_hours["local"]
    _add_reason(explanation, decision)
    if isinstance(decision, Dial):
        explanation["dial_before"] = rfc3339(decision.dial_before_ms)
    if isinstance(decision, WaitUntil) and decision.at_ms not in {None, next_deadline(contact, campaign, now_ms)}:
        assert decision.at_ms is not None
        explanation["until"] = rfc3339(decision.at_ms)
    return explanation


def _asked(contact: Contact, campaign: Campaign) -> Asked | None:
    choice = next_call(contact, campaign)
    return None if choice is None else asked_of(contact, campaign, choice)


def _add_reason(explanation: Explanation, decision: Decision) -> None:
    if isinstance(decision, Dial):
        if decision.rule:
            explanation["rule"] = decision.rule
        return
    if decision.why is not None:
        explanation["why"] = decision.why.value
    if isinstance(decision, WaitUntil | Fallback) and decision.rule:
        explanation["rule"] = decision.rule


def _text(decision: Decision, zone: str) -> Text:
    match decision:
        case Dial(channel=channel, dial_before_ms=before_ms, rule=rule):
            may = _at(BEFORE, MAY_SEND if channel in WRITTEN else MAY_CALL, before_ms, zone)
            return by_exception(may) if rule else may
        case Close(state, why):
            return STATES[state] if why is None else REASONS[why]
        case Fallback(why):
            return _filled(HANDS_OVER, USED_UP if why is None else REASONS[why])
        case WaitUntil(at_ms, why):
            what = PERSON if why is None else REASONS[why]
            return what if at_ms is None else _at(UNTIL, what, at_ms, zone)


def _at(form: Text, what: Text, at_ms: int, zone: str) -> Text:
    known = zone if zone_named(zone) is not None else "UTC"
    return _filled(form, what, time=f"{local_time(at_ms, known):%Y-%m-%d %H:%M:%S}", zone=known)


def _filled(form: Text, what: Text, **values: str) -> Text:
    return {"en": form["en"].format(what=what["en"], **values), "zh": form["zh"].format(what=what["zh"], **values)}
