"""A profile is read whole, or every mistake is shown where it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.profile import MISTAKES_MAX, PROFILE_BYTES_MAX, ProfileMistakes, read_profile, step_parts
from schemas.profile_lines import Lines

GOOD = """\
name = "power-95598"
version = 1
language = "zh"
leader = "leader"

[messages.hold_notice]
zh = "请稍等"
en = '''
at_s = 3
[[rule]]
'''

[messages]
late_answer_apology = { zh = "抱歉", en = "Sorry" }  # [ a comment

[[rule]]
id = "HOLD-2"
while = "held"
of = "caller"
mode = "enforce"
every_s = 15
first_s = 15
useful_for_s = 6
needs = ["held", "retrieved"]
do = [
  "playMessage:hold_notice",  # ]
  "promptAgent:hold_notice",
]

[[rule]]
id = "RING-2"
on = "established"
direction = "inbound"
if_longer_s = 12
do = ["promptAgent:late_answer_apology"]

[[rule]]
id = "END-1"
at_end = "released_by_agent"
unless_reason = ["silent", "abuse"]

[[override]]
rule = "HOLD-2"
queue = "billing"
mode = "observe"
"""


def test_a_good_profile_is_read_whole() -> None:
    profile = read_profile(GOOD, "p.toml")
    assert (profile.name, profile.version, profile.leader) == ("power-95598", 1, "leader")
    assert profile.messages["late_answer_apology"].zh == "抱歉"
    hold, ring, end = profile.rules
    assert (hold.while_, hold.every_s, hold.do[0], hold.direction) == ("held", 15, "playMessage:hold_notice", "any")
    assert (ring.on, ring.if_longer_s, ring.direction) == ("established", 12, "inbound")
    assert (end.at_end, end.unless_reason, end.mode) == ("released_by_agent", ["silent", "abuse"], "enforce")
    assert profile.overrides[0].queue == "billing"


def mistakes(text: str) -> set[tuple[int, str, str]]:
    """(line, field, rule) of each mistake."""
    with pytest.raises(ProfileMistakes) as found:
        read_profile(text, "p.toml")
    assert all(str(mistake).startswith(f"p.toml:{mistake.line}: ") for mistake in found.value.mistakes)
    return {(mistake.line, mistake.field, mistake.rule) for mistake in found.value.mistakes}


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "at", "field", "rule"),
    [
        ("every_s = 15", 'every_s = "15"', 'every_s = "15"', "rule[0].every_s", "float_type"),
        ("every_s = 15", "every_s = 0", "every_s = 0", "rule[0].every_s", "greater_than"),
        ("every_s = 15", "every_s = nan", "every_s = nan", "rule[0].every_s", "finite_number"),
        ("every_s = 15", "every_s = 15\ncolour = 1", "colour", "rule[0].colour", "extra_forbidden"),
        ("every_s = 15", "every_s = 15\nat_s = 15", 'id = "HOLD-2"', "rule[0]", "shape"),
        ('while = "held"\n', "", 'id = "HOLD-2"', "rule[0]", "shape"),
        ('while = "held"', 'while = "helt"', "while =", "rule[0].while", "literal_error"),
        ('on = "established"', 'on = "established"\nat_end = "notices_missing"', 'id = "RING-2"', "rule[1]", "shape"),
        ("if_longer_s = 12", "at_s = 12", "at_s = 12", "rule[1].at_s", "misplaced"),
        ("every_s = 15", "at_s = 15", "first_s", "rule[0].first_s", "misplaced"),
        ('["promptAgent:late', '["promptAgnt:late', 'do = ["', "rule[1].do", "command"),
        ('["promptAgent:late_answer_apology"]', '["promptAgent"]', 'do = ["', "rule[1].do", "command"),
        ('["promptAgent:late', '["promptAgent:lat', 'do = ["', "rule[1].do", "message"),
        ('["promptAgent:late', '["setAgentState:asleep", "promptAgent:late', 'do = ["', "rule[1].do", "command"),
        ('late_answer_apology"]', 'late_answer_apology,to=boss"]', 'do = ["', "rule[1].do", "command"),
        ('["promptAgent:late_answer_apology"]', '["promptAgent:x,to=leader"]', 'do = ["', "rule[1].do", "message"),
        ('at_end = "released_by_agent"', 'at_end = "released"', "at_end", "rule[2].at_end", "literal_error"),
        ('at_end = "released_by_agent"', 'at_end = "hold_longer"', 'id = "END-1"', "rule[2]", "shape"),
        ('needs = ["held"', 'needs = ["helt"', "needs", "rule[0].needs", "event"),
        ('id = "END-1"', 'id = "end"', 'id = "end"', "rule[2].id", "string_pattern_mismatch"),
        ('zh = "请稍等"', 'zh = ""', 'zh = ""', "messages.hold_notice.zh", "string_too_short"),
        ('zh = "抱歉"', "zh = 1", "late_answer_apology =", "messages.late_answer_apology.zh", "string_type"),
        ("version = 1", "version = true", "version", "version", "int_type"),
        ('rule = "HOLD-2"', 'rule = "HOLD-9"', 'rule = "HOLD-9"', "override[0].rule", "unknown_rule"),
        ('mode = "observe"', 'mode = "stop"', 'mode = "stop"', "override[0].mode", "literal_error"),
        ('mode = "observe"', "mode = observe", "mode = observe", "", "toml"),
        ('name = "power-95598"', 'name = "power', 'name = "power', "", "toml"),
    ],
)
def test_a_mistake_is_shown_with_its_line_and_field(old: str, new: str, at: str, field: str, rule: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    line = line_of(text, at) - (1 if field in ("rule[0]", "rule[1]", "rule[2]") else 0)
    assert mistakes(text) == {(line, field, rule)}


def test_what_is_missing_is_shown_where_it_belongs() -> None:
    assert mistakes(GOOD.replace("version = 1\n", "")) == {(1, "version", "missing")}
    text = GOOD.replace('queue = "billing"\n', "")
    assert mistakes(text) == {(line_of(text, "[[override]]"), "override[0]", "override")}


def test_a_rule_is_said_once() -> None:
    again = GOOD[GOOD.rindex("[[rule]]") : GOOD.index("[[override]]")]
    assert mistakes(GOOD + again) == {(GOOD.count("\n") + 1, "rule[3]", "repeated")}
    assert len(read_profile(GOOD + again.replace("END-1", "END-2"), "p.toml").rules) == 4


def test_all_mistakes_are_told_in_the_order_of_their_lines_but_not_without_end() -> None:
    text = GOOD + "".join(f"x{n} = {n}\n" for n in range(100))
    with pytest.raises(ProfileMistakes) as found:
        read_profile(text.replace("version = 1", "version = 0"), "p.toml")
    assert len(found.value.mistakes) == MISTAKES_MAX
    lines = [mistake.line for mistake in found.value.mistakes]
    assert lines == sorted(lines)
    assert lines[0] == 2


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "x" * (PROFILE_BYTES_MAX + 1)])
def test_what_is_too_much_is_refused(text: str) -> None:
    with pytest.raises(ProfileMistakes):
        read_profile(text, "p.toml")


PARTS = st.sampled_from([*"\n=[]\"'{}#.,a1\\ ", "rule", '"""', "[[rule]]\n", 'id = "A-1"\n', "[messages.a]\n"])


@given(st.lists(PARTS, max_size=60).map("".join))
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    with pytest.raises(ProfileMistakes):
        read_profile(text, "p.toml")


def test_lines_know_quoted_and_dotted_keys() -> None:
    lines = Lines('a.b = 1\n[c."d e"]\n"f g" = [\n  1,\n]\n[[h.i]]\nj = """\nk = 1"""\n[[h.i]]\nk = 2\n')
    assert lines.of(("a", "b")) == 1
    assert lines.of(("c", "d e")) == 2
    assert lines.of(("c", "d e", "f g", 0)) == 3
    assert lines.of(("h", "i", 0, "j")) == 7
    assert lines.of(("h", "i", 0, "k")) == 6
    assert lines.of(("h", "i", 1, "k")) == 10
    assert lines.of(("nowhere",)) == 1
    assert Lines('a = [\n["b"],\n]\nc = 1\n').of(("c",)) == 4


def test_a_step_may_go_to_the_leader() -> None:
    text = GOOD.replace('late_answer_apology"]', 'late_answer_apology,to=leader", "setAgentState:notReady"]')
    assert step_parts(read_profile(text, "p.toml").rules[1].do[0]) == (
        "promptAgent",
        "late_answer_apology",
        "to=leader",
    )
