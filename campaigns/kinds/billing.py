"""Billing notice (电费通知, BILL-1): the reading and what it costs, within one working day."""

from campaigns.core.reasons import KeyAction
from campaigns.kinds import (
    ACCOUNT_GATE,
    ACCOUNT_NOTICE,
    GATE_KEYS,
    DeadlineRule,
    Field,
    FieldType,
    Kind,
    Text,
    Words,
)

KIND = Kind(
    name="billing",
    rule="BILL-1",
    fields=(
        Field("reading_date", ("抄表日期",), FieldType.DATE),
        Field("meter", ("表号",), FieldType.TEXT, required=False),
        Field("reading", ("表码", "止码", "本次示数"), FieldType.NUMBER),
        Field("energy_kwh", ("电量",), FieldType.NUMBER),
        Field("amount", ("电费",), FieldType.MONEY),
        Field("previous_balance", ("上次余额", "上月余额"), FieldType.MONEY),
        Field("amount_due", ("应缴金额", "应交金额"), FieldType.MONEY),
    ),
    item_key=("reading_date", "meter"),
    sums=("amount_due",),
    amount="amount_due",
    defaults=ACCOUNT_NOTICE,
    deadlines=DeadlineRule.WORKING_DAYS,
    gate=ACCOUNT_GATE,
    keys={
        **GATE_KEYS,
        "8": KeyAction.OPT_OUT,
        "9": KeyAction.REPEAT,
    },
    words=Words(
        opening=Text(
            zh="您好，这里是{{ caller }}，有一则电费通知请用电户联系人收听。"
            "您是联系人请按1，打错了请按2，现在不方便请按3。",
            en="Hello, this is {{ caller }} with an electricity bill notice for the customer of this number. "
            "If that is you, press 1. If this is a wrong number, press 2. If now is not convenient, press 3.",
        ),
        queue_hint=Text(zh="转人工服务请按0。", en="To speak to an agent, press 0."),
        body=Text(
            zh="户号{{ account }}，{{ name }}您好。{% for item in items %}"
            "抄表日期{{ item.reading_date | day }}，{% if item.meter %}电表{{ item.meter }}，{% endif %}"
            "本次示数{{ item.reading }}，用电量{{ item.energy_kwh }}千瓦时，电费{{ item.amount | money }}元，"
            "上次余额{{ item.previous_balance | money }}元，应缴{{ item.amount_due | money }}元。{% endfor %}"
            "{% if more %}另有{{ more }}笔。{% endif %}"
            "{% if items | length > 1 %}合计应缴{{ sums.amount_due | money }}元。{% endif %}"
            "重听请按9，不再接收语音通知请按8。感谢您的接听，再见。",
            en="Account {{ account }}, {{ name }}. {% for item in items %}"
            "Read on {{ item.reading_date | day }}{% if item.meter %}, meter {{ item.meter }}{% endif %}: "
            "reading {{ item.reading }}, {{ item.energy_kwh }} kilowatt-hours, amount {{ item.amount | money }} yuan, "
            "previous balance {{ item.previous_balance | money }} yuan, "
            "amount due {{ item.amount_due | money }} yuan. {% endfor %}"
            "{% if more %}There are {{ more }} more. {% endif %}"
            "{% if items | length > 1 %}In total {{ sums.amount_due | money }} yuan are due. {% endif %}"
            "To hear this again, press 9. To have no more calls of this kind, press 8. Thank you and goodbye.",
        ),
        on_machine=Text(
            zh="您好，这里是{{ caller }}，有一则用电通知，请您方便时致电{{ call_back }}。谢谢。",
            en="Hello, this is {{ caller }} with a notice about your electricity. Please call {{ call_back }}. "
            "Thank you.",
        ),
        message=Text(
            zh="【{{ caller }}】户号尾号{{ account[-4:] }}："
            "{% for item in items %}{{ item.reading_date | day }}抄表，示数{{ item.reading }}，"
            "用电{{ item.energy_kwh }}千瓦时，电费{{ item.amount | money }}元，"
            "上次余额{{ item.previous_balance | money }}元，应缴{{ item.amount_due | money }}元。{% endfor %}"
            "{% if more %}另有{{ more }}笔，合计应缴{{ sums.amount_due | money }}元。{% endif %}详询{{ call_back }}。",
            en="{{ caller }}: account ending {{ account[-4:] }}: {% for item in items %}"
            "read on {{ item.reading_date | day }}, reading {{ item.reading }}, {{ item.energy_kwh }} kWh, "
            "amount {{ item.amount | money }} yuan, previous balance {{ item.previous_balance | money }} yuan, "
            "due {{ item.amount_due | money }} yuan. {% endfor %}"
            "{% if more %}{{ more }} more; in total {{ sums.amount_due | money }} yuan are due. {% endif %}"
            "Questions: {{ call_back }}.",
        ),
    ),
)
