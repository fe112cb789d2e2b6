"""Outage notice (停电告知, OUT-1): where, why, from when until when. Important customers first, until they confirm."""

from campaigns.core.reasons import Channel, FallbackKind, KeyAction
from campaigns.kinds import DeadlineRule, Defaults, Field, FieldType, Kind, Text, Words

KIND = Kind(
    name="outage",
    rule="OUT-1",
    fields=(
        Field("important", ("重要用户",), FieldType.YES_NO),
        Field("area", ("停电区域",), FieldType.TEXT),
        Field("reason", ("原因",), FieldType.TEXT),
        Field("starts_at", ("停电时间",), FieldType.MOMENT),
        Field("restores_at", ("预计送电时间",), FieldType.MOMENT),
    ),
    item_key=("area", "starts_at"),
    defaults=Defaults(
        channels=(Channel.SMS, Channel.AUTO),
        attempts_max=3,
        fallback=FallbackKind.PERSON,
        calls_per_second=5,
        calls_at_once=50,
        ring_timeout_s=30,
        priority=1,
    ),
    deadlines=DeadlineRule.STARTS_AT,
    important_until_confirmed=True,
    marks=("cancelled",),
    keys={"1": KeyAction.CONFIRM, "3": KeyAction.NOT_CONVENIENT, "9": KeyAction.REPEAT},
    words=Words(
        opening=Text(
            zh="您好，这里是{{ caller }}，现在播报一则停电通知。不方便收听请按3。",
            en="Hello, this is {{ caller }} with a notice of a power outage. If now is not convenient, press 3.",
        ),
        queue_hint=Text(zh="转人工服务请按0。", en="To speak to an agent, press 0."),
        body=Text(
            zh="{% for item in items %}{% if item.cancelled %}"
            "{{ item.area }}原定{{ item.starts_at | moment }}的停电已取消，届时正常供电。{% else %}"
            "因{{ item.reason }}，{{ item.area }}将于{{ item.starts_at | moment }}停电，"
            "预计{{ item.restores_at | moment }}恢复送电。{% endif %}{% endfor %}"
            "{% if more %}另有{{ more }}处停电，详询{{ call_back }}。{% endif %}"
            "收到通知请按1确认，重听请按9。感谢您的理解与支持，再见。",
            en="{% for item in items %}{% if item.cancelled %}"
            "The outage in {{ item.area }} planned for {{ item.starts_at | moment }} is cancelled: the power stays on. "
            "{% else %}Because of {{ item.reason }}, the power in {{ item.area }} goes off at "
            "{{ item.starts_at | moment }} and is expected back at {{ item.restores_at | moment }}. "
            "{% endif %}{% endfor %}"
            "{% if more %}There are {{ more }} more outages; please ask at {{ call_back }}. {% endif %}"
            "To confirm that you have heard this, press 1. To hear it again, press 9. Thank you and goodbye.",
        ),
        on_machine=Text(
            zh="您好，这里是{{ caller }}。{% for item in items %}{% if item.cancelled %}"
            "{{ item.area }}原定{{ item.starts_at | moment }}的停电已取消。{% else %}"
            "{{ item.area }}将于{{ item.starts_at | moment }}停电，"
            "预计{{ item.restores_at | moment }}恢复送电。{% endif %}{% endfor %}"
            "{% if more %}另有{{ more }}处停电。{% endif %}详询{{ call_back }}。",
            en="Hello, this is {{ caller }}. {% for item in items %}{% if item.cancelled %}"
            "The outage in {{ item.area }} planned for {{ item.starts_at | moment }} is cancelled. "
            "{% else %}The power in {{ item.area }} goes off at "
            "{{ item.starts_at | moment }} and is expected back at {{ item.restores_at | moment }}. "
            "{% endif %}{% endfor %}{% if more %}There are {{ more }} more. {% endif %}Questions: {{ call_back }}.",
        ),
        message=Text(
            zh="【{{ caller }}】停电通知：{% for item in items %}{% if item.cancelled %}"
            "{{ item.area }}原定{{ item.starts_at | moment }}的停电已取消。{% else %}"
            "因{{ item.reason }}，{{ item.area }}{{ item.starts_at | moment }}至{{ item.restores_at | moment }}停电。"
            "{% endif %}{% endfor %}{% if more %}另有{{ more }}处停电。{% endif %}详询{{ call_back }}。",
            en="{{ caller }}: power outage. {% for item in items %}{% if item.cancelled %}"
            "{{ item.area }}, {{ item.starts_at | moment }}: cancelled, the power stays on. {% else %}"
            "{{ item.area }}, {{ item.starts_at | moment }} to {{ item.restores_at | moment }}, "
            "because of {{ item.reason }}. {% endif %}{% endfor %}{% if more %}{{ more }} more outages. {% endif %}"
            "Questions: {{ call_back }}.",
        ),
    ),
)
