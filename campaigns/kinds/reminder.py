"""Urging (催办, URGE-1): a step is overdue inside the company, or is still to be done by the customer."""

from campaigns.core.reasons import Channel, FallbackKind, KeyAction
from campaigns.kinds import DeadlineRule, Defaults, Field, FieldType, Kind, Text, Words

KIND = Kind(
    name="reminder",
    rule="URGE-1",
    fields=(
        Field("case", ("工单编号", "工单号"), FieldType.TEXT),
        Field("step", ("待办事项", "催办事项"), FieldType.TEXT),
        Field("due_at", ("办理期限", "应办结时间"), FieldType.MOMENT),
        Field("side", ("催办对象",), FieldType.TEXT, required=False),
        Field("owner", ("责任部门",), FieldType.TEXT, required=False),
    ),
    item_key=("case", "step"),
    defaults=Defaults(
        channels=(Channel.AUTO,),
        attempts_max=3,
        fallback=FallbackKind.PERSON,
        calls_per_second=1,
        calls_at_once=10,
        ring_timeout_s=30,
        priority=3,
    ),
    deadlines=DeadlineRule.NONE,
    redials_cut=True,
    has_letters=False,
    keys={"1": KeyAction.CONFIRM, "2": KeyAction.WRONG_PARTY, "3": KeyAction.NOT_CONVENIENT, "9": KeyAction.REPEAT},
    words=Words(
        opening=Text(
            zh="您好，这里是{{ caller }}，有一则待办事项提醒。打错了请按2，现在不方便请按3。",
            en="Hello, this is {{ caller }} with a reminder of something that is still to be done. If this is a wrong "
            "number, press 2. If now is not convenient, press 3.",
        ),
        queue_hint=Text(zh="转人工服务请按0。", en="To speak to an agent, press 0."),
        body=Text(
            zh="{% for item in items %}工单{{ item.case }}，{% if item.side == 'inside' or item.side == '内部' %}"
            "{% if item.owner %}{{ item.owner }}{% else %}贵部门{% endif %}负责的{{ item.step }}"
            "应于{{ item.due_at | moment }}前办结，现已超期，请尽快办理。{% else %}"
            "还需要您办理{{ item.step }}，期限为{{ item.due_at | moment }}。{% endif %}{% endfor %}"
            "{% if more %}另有{{ more }}项。{% endif %}知道了请按1，重听请按9。谢谢，再见。",
            en="{% for item in items %}Case {{ item.case }}: {% if item.side == 'inside' or item.side == '内部' %}"
            "{{ item.step }}{% if item.owner %}, for which {{ item.owner }} is responsible,{% endif %} was due at "
            "{{ item.due_at | moment }} and is overdue. {% else %}"
            "{{ item.step }} is still to be done by you, until {{ item.due_at | moment }}. {% endif %}{% endfor %}"
            "{% if more %}There are {{ more }} more. {% endif %}If you have noted this, press 1. To hear it again, "
            "press 9. Thank you and goodbye.",
        ),
        on_machine=Text(
            zh="您好，这里是{{ caller }}，有一则待办事项提醒，请您方便时致电{{ call_back }}。谢谢。",
            en="Hello, this is {{ caller }} with a reminder. Please call {{ call_back }}. Thank you.",
        ),
        message=Text(
            zh="【{{ caller }}】{% for item in items %}工单{{ item.case }}：{{ item.step }}，"
            "期限{{ item.due_at | moment }}。{% endfor %}"
            "{% if more %}另有{{ more }}项。{% endif %}详询{{ call_back }}。",
            en="{{ caller }}: {% for item in items %}case {{ item.case }}: {{ item.step }}, until "
            "{{ item.due_at | moment }}. {% endfor %}{% if more %}{{ more }} more. {% endif %}"
            "Questions: {{ call_back }}.",
        ),
    ),
)
