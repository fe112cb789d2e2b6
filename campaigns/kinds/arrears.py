"""Arrears dunning (欠费催交, ARR-1): what is owed, the penalty of this day and how it is computed, where to pay."""

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
    name="arrears",
    rule="ARR-1",
    fields=(
        Field("months", ("电费年月", "应收年月"), FieldType.MONTHS),
        Field("arrears", ("欠费金额",), FieldType.MONEY),
        Field("penalty_rate_per_day", ("违约金日利率",), FieldType.NUMBER, required=False),
        Field("penalty", ("违约金", "滞纳金"), FieldType.MONEY, required=False),
        Field("as_of", ("计算日期",), FieldType.DATE, required=False),
        Field("penalty_from", ("起算日",), FieldType.DATE, required=False),
        Field("penalty_min", ("最低违约金",), FieldType.MONEY, required=False),
        Field("total_due", ("总欠费额",), FieldType.MONEY),
        Field("pay_at", ("交费地点",), FieldType.TEXT),
    ),
    item_key=("months",),
    sums=("arrears", "penalty", "total_due"),
    amount="total_due",
    defaults=ACCOUNT_NOTICE,
    deadlines=DeadlineRule.WORKING_DAYS,
    gate=ACCOUNT_GATE,
    computed=("penalty_rates",),
    keys={
        **GATE_KEYS,
        "4": KeyAction.ALREADY_PAID,
        "5": KeyAction.PROMISE,
        "9": KeyAction.REPEAT,
    },
    words=Words(
        opening=Text(
            zh="您好，这里是{{ caller }}，有一则用电账务通知请用电户联系人收听。"
            "您是联系人请按1，打错了请按2，现在不方便请按3。",
            en="Hello, this is {{ caller }} with a notice about an electricity account for the customer of this "
            "number. If that is you, press 1. If this is a wrong number, press 2. If now is not convenient, press 3.",
        ),
        queue_hint=Text(zh="转人工服务请按0。", en="To speak to an agent, press 0."),
        body=Text(
            zh="户号{{ account }}，{{ name }}您好。{% for item in items %}"
            "{{ item.months | months }}电费欠费{{ item.arrears | money }}元，截至今日违约金{{ item.penalty | money }}元"
            "{% set rates = item.penalty_rates or item.penalty_rate_per_day %}"
            "{% if rates %}，自{{ item.penalty_from | day }}起按每日{{ rates | per_mille }}计算{% endif %}。"
            "{% endfor %}"
            "{% if more %}另有{{ more }}笔。{% endif %}"
            "合计应缴{{ sums.total_due | money }}元，请尽快到{{ items[0].pay_at }}缴费。"
            "已缴费请按4，近日缴费请按5，重听请按9。感谢您的接听，再见。",
            en="Account {{ account }}, {{ name }}. {% for item in items %}"
            "For {{ item.months | months }}, {{ item.arrears | money }} yuan are owed, and until today a late-payment "
            "penalty of {{ item.penalty | money }} yuan"
            "{% set rates = item.penalty_rates or item.penalty_rate_per_day %}"
            "{% if rates %}, {{ rates | per_mille }} a day from {{ item.penalty_from | day }}{% endif %}. {% endfor %}"
            "{% if more %}There are {{ more }} more. {% endif %}"
            "In total {{ sums.total_due | money }} yuan are owed. Please pay soon at {{ items[0].pay_at }}. "
            "If you have paid, press 4. If you will pay soon, press 5. To hear this again, press 9. "
            "Thank you and goodbye.",
        ),
        on_machine=Text(
            zh="您好，这里是{{ caller }}，有一则用电通知，请您方便时致电{{ call_back }}。谢谢。",
            en="Hello, this is {{ caller }} with a notice about your electricity. Please call {{ call_back }}. "
            "Thank you.",
        ),
        # A message cannot ask who reads it: no amount, no name.
        message=Text(
            zh="【{{ caller }}】您有一则用电账务通知，请致电{{ call_back }}或到{{ items[0].pay_at }}查询。",
            en="{{ caller }}: there is a notice about your electricity account. Please call {{ call_back }} "
            "or ask at {{ items[0].pay_at }}.",
        ),
    ),
)
