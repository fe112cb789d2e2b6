"""Follow-up (回访, FOLLOW-1): was it repaired, was it settled. By a person: a sample of each fault, all of the rest."""

from campaigns.core.reasons import Channel, FallbackKind, KeyAction
from campaigns.kinds import DeadlineRule, Defaults, Field, FieldType, Kind, Text, Words

KIND = Kind(
    name="follow-up",
    rule="FOLLOW-1",
    fields=(
        Field("case", ("工单编号", "工单号"), FieldType.TEXT),
        Field("category", ("工单类型", "业务类型"), FieldType.TEXT),
        Field("fault", ("故障编号", "故障号"), FieldType.TEXT, required=False),
        Field("area", ("停电区域", "故障区域"), FieldType.TEXT, required=False),
        Field("closed_at", ("办结时间",), FieldType.MOMENT, required=False),
        Field("summary", ("受理内容", "工单内容"), FieldType.TEXT, required=False),
    ),
    item_key=("case",),
    defaults=Defaults(
        channels=(Channel.AGENT,),
        attempts_max=3,
        fallback=FallbackKind.PERSON,
        calls_per_second=1,
        calls_at_once=10,
        ring_timeout_s=30,
        priority=4,
    ),
    deadlines=DeadlineRule.WORKING_DAYS,
    redials_cut=True,
    has_letters=False,
    by_person=True,
    samples=True,
    keys={"3": KeyAction.NOT_CONVENIENT},
    words=Words(
        opening=Text(
            zh="您好，这里是{{ caller }}，想就您反映的问题做个回访。现在不方便请按3。",
            en="Hello, this is {{ caller }} with a question about what you reported. "
            "If now is not convenient, press 3.",
        ),
        queue_hint=Text(zh="转人工服务请按0。", en="To speak to an agent, press 0."),
        # For the agent's desk: who speaks is a person.
        body=Text(
            zh="回访：{{ name }}，户号{{ account }}。{% for item in items %}工单{{ item.case }}（{{ item.category }}）"
            "{% if item.summary %}：{{ item.summary }}{% endif %}"
            "{% if item.closed_at %}，{{ item.closed_at | moment }}办结{% endif %}。{% endfor %}"
            "{% if more %}另有{{ more }}单。{% endif %}",
            en="Follow-up: {{ name }}, account {{ account }}. {% for item in items %}Case {{ item.case }} "
            "({{ item.category }}){% if item.summary %}: {{ item.summary }}{% endif %}"
            "{% if item.closed_at %}, closed at {{ item.closed_at | moment }}{% endif %}. {% endfor %}"
            "{% if more %}There are {{ more }} more. {% endif %}",
        ),
        on_machine=Text(
            zh="您好，这里是{{ caller }}，想做个回访，请您方便时致电{{ call_back }}。谢谢。",
            en="Hello, this is {{ caller }} with a question about our service. Please call {{ call_back }}. Thank you.",
        ),
        message=Text(
            zh="【{{ caller }}】想就您反映的问题做个回访，请您方便时致电{{ call_back }}。",
            en="{{ caller }}: we have a question about what you reported. Please call {{ call_back }}.",
        ),
    ),
)
