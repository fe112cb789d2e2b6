"""Callback (回电, CB-1, CB-2): a call that was promised to a caller, at its time, with or without a result to tell.

Its contacts come one by one, through `/v1/callbacks` and from the call side, into a campaign that stands.
"""

from campaigns.core.reasons import Channel, FallbackKind, KeyAction
from campaigns.kinds import DeadlineRule, Defaults, Field, FieldType, Kind, Text, Words

KIND = Kind(
    name="callback",
    rule="CB-2",
    fields=(
        Field("due_at", ("回电时间",), FieldType.MOMENT),
        Field("reason", ("回电事由",), FieldType.TEXT, required=False),
        Field("result", ("处理结果",), FieldType.TEXT, required=False),
    ),
    item_key=("due_at",),
    defaults=Defaults(
        channels=(Channel.AGENT,),
        attempts_max=3,
        fallback=FallbackKind.PERSON,
        calls_per_second=5,
        calls_at_once=50,
        ring_timeout_s=30,
        priority=0,
    ),
    deadlines=DeadlineRule.NONE,
    stands=True,
    redials_cut=True,
    has_letters=False,
    keys={"3": KeyAction.NOT_CONVENIENT, "9": KeyAction.REPEAT},
    words=Words(
        opening=Text(
            zh="您好，这里是{{ caller }}，按照约定给您回电。现在不方便请按3。",
            en="Hello, this is {{ caller }}, calling you back as promised. If now is not convenient, press 3.",
        ),
        queue_hint=Text(zh="转人工服务请按0。", en="To speak to an agent, press 0."),
        # CB-2: the call is made by its time, even with no result to tell.
        body=Text(
            zh="{% for item in items %}{% if item.reason %}关于您反映的{{ item.reason }}，{% endif %}"
            "{% if item.result %}处理结果如下：{{ item.result }}。{% else %}我们仍在处理，暂无结果，有进展会再告知您。"
            "{% endif %}{% endfor %}重听请按9。感谢您的接听，再见。",
            en="{% for item in items %}{% if item.reason %}About {{ item.reason }}: {% endif %}"
            "{% if item.result %}{{ item.result }}. {% else %}we are still working on it, and there is no result yet; "
            "we will let you know. {% endif %}{% endfor %}To hear this again, press 9. Thank you and goodbye.",
        ),
        on_machine=Text(
            zh="您好，这里是{{ caller }}，按照约定给您回电，请您方便时致电{{ call_back }}。谢谢。",
            en="Hello, this is {{ caller }}, calling you back as promised. Please call {{ call_back }}. Thank you.",
        ),
        message=Text(
            zh="【{{ caller }}】我们按照约定给您回电，请您方便时致电{{ call_back }}。",
            en="{{ caller }}: we are calling you back as promised. Please call {{ call_back }}.",
        ),
    ),
)
