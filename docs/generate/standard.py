"""The rules as the shipped profile has them, and the form of a profile."""

from cti.settings import PROFILES
from docs.generate.writing import shape, table
from schemas.profile import Profile, Rule, read_profile


def rule_table() -> str:
    """The profile that ships, an entry a line."""
    path = PROFILES / "power-95598.toml"
    profile = read_profile(path.read_text("utf-8"), path.name)
    return table(
        ("rule", "calls", "when", "steps, the first that is possible", "useful for"), map(_rule_row, profile.rules)
    )


def _rule_row(rule: Rule) -> tuple[str, ...]:
    steps = " -> ".join(f"`{step}`" for step in rule.do) or "measured"
    return (
        f"{rule.id}",
        rule.direction,
        _when(rule),
        steps,
        "" if rule.useful_for_s is None else f"{rule.useful_for_s:g} s",
    )


def _when(rule: Rule) -> str:
    longer = "" if rule.if_longer_s is None else f", longer than {rule.if_longer_s:g} s"
    if rule.while_ is not None:
        at = f"at {rule.at_s:g} s" if rule.at_s is not None else f"every {rule.every_s:g} s"
        return f"while {rule.while_}: {at}" + ("" if rule.first_s is None else f", first at {rule.first_s:g} s")
    if rule.on is not None:
        return f"on {rule.on}{longer}"
    return f"at the end: {rule.at_end}{longer}" + (
        f", unless {', '.join(rule.unless_reason)}" if rule.unless_reason else ""
    )


PROFILE_MEANS = {
    "name": "Small letters, digits and `-`; records carry `name@version`",
    "version": "Raise it with every change",
    "language": "No effect yet, for information: commands carry both texts",
    "leader": "Agent number of the shift leader's desk: what `to=leader` means",
    "messages": "`[messages.KEY]`: texts to play and show, `zh` and `en`",
    "rule": "`[[rule]]`: the entries, in order",
    "override": "`[[override]]`: another mode for one queue or one switch",
    "rule.id": "Id of the rule in the standard; a rule may have several entries",
    "rule.while": "Shape 1: a clock runs while this state lasts",
    "rule.on": "Shape 2: at this transition",
    "rule.at_end": "Shape 3: what is measured when the call has ended",
    "rule.direction": "The calls to which the entry applies",
    "rule.of": "The party that the rule concerns; no effect, for information",
    "rule.mode": "`observe` only measures, `prompt` may play and show texts, `enforce` may act on the call",
    "rule.at_s": "`while`: once, this long after the state began",
    "rule.every_s": "`while`: repeatedly, at this interval",
    "rule.first_s": "With `every_s`: time of the first repetition, if it is not one interval",
    "rule.if_longer_s": "`on`, `at_end`: only if it took longer than this; exactly this long is no breach",
    "rule.unless_reason": "`at_end`: release reasons that are no breach",
    "rule.do": "Steps `command`, `command:argument` or `command:argument,to=leader`: a chain of alternatives",
    "rule.useful_for_s": "How long after its due time a command is still useful; a later one becomes `overtaken`",
    "rule.needs": "Event kinds that are necessary to measure the rule",
    "override.rule": "Id of the rule",
    "override.queue": "The queue to which it applies, or",
    "override.switch": "the switch (its id)",
    "override.mode": "The mode of the rule there",
}


def profile_table() -> str:
    schema = Profile.model_json_schema()
    models = {"": schema, "rule.": schema["$defs"]["Rule"], "override.": schema["$defs"]["Override"]}
    rows = []
    for prefix, model in models.items():
        for name, property_schema in model["properties"].items():
            form = "" if not prefix and name in ("rule", "override") else shape(property_schema, schema)
            default = property_schema.get("default")
            rows.append(
                (
                    f"`{prefix}{name}`",
                    form,
                    "" if default is None else f"`{default}`",
                    PROFILE_MEANS[prefix + name],
                )
            )
    return table(("field", "form", "default", "meaning"), rows)
