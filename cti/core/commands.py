"""What a rule commands: the command's fields from the due rule, and the step of the chain.

A chain is a list of alternatives. The first step that is possible is issued as a command; when the switch refuses it
for a reason that leaves the state standing, the next one is. A refusal because the state has passed ends the chain.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cti.core.identity import command_id
from cti.core.rules import PROMPTS, Due, Intervention, Step
from schemas.profile import Profile
from schemas.reasons import RefusalReason

STEPS_MAX: Final = 16  # steps of one entry; a step's number within its rule is entry * STEPS_MAX + step.ordinal
GOES_ON: Final = frozenset(
    {RefusalReason.NO_OTHER_AGENT, RefusalReason.NOT_SUPPORTED, RefusalReason.BUSY, RefusalReason.ERROR}
)


class Command(NamedTuple):
    """A command to be sent, without what the engine adds (switch, times)."""

    intervention: Intervention
    fields: Mapping[str, Any]


def command_for(due: Due, tenant: str, call_id: str, profile: Profile, after_step: int = -1) -> Command | None:
    """The first possible command after `after_step` of the due rule's chain, or None: then the rule only counts."""
    for step in due.rule.steps:
        if step.ordinal <= after_step or (step.command == "setRingTimeout") is not _at_the_offer(due):
            continue
        if due.target.prompts_only and step.command not in PROMPTS:
            continue
        fields = _fields(step, due, profile)
        if fields is not None:
            return Command(_intervention(due, tenant, call_id, step), fields)
    return None


def overtaken(due: Due, tenant: str, call_id: str) -> Intervention:
    """The intervention of an occurrence that came too late, or whose state has passed."""
    fits = (step for step in due.rule.steps if (step.command == "setRingTimeout") is _at_the_offer(due))
    return _intervention(due, tenant, call_id, next(fits, due.rule.steps[0]))._replace(state="overtaken")


def _at_the_offer(due: Due) -> bool:
    return due.rule.what == "alerting" and due.n == 0


def _intervention(due: Due, tenant: str, call_id: str, step: Step) -> Intervention:
    number = due.rule.entry * STEPS_MAX + step.ordinal
    intervention_id = command_id(tenant, f"{call_id}:{due.cause}", due.rule.id, due.n, number)
    expires = due.due_ms + due.rule.useful_ms
    return Intervention(
        intervention_id,
        due.rule.id,
        due.rule.entry,
        due.n,
        step.ordinal,
        due.cause,
        step.command,
        due.due_ms,
        expires,
        "open",
    )


def _fields(step: Step, due: Due, profile: Profile) -> dict[str, Any] | None:
    """The command's own fields, or None where the occurrence lacks what the command needs."""
    target, options = due.target, dict(step.options)
    agent = profile.leader if options.get("to") == "leader" else target.agent
    # A caller's leg that no event has named yet ("") cannot be commanded.
    leg = {"connection": target.leg, "if_state": target.if_state}
    match step.command:
        case "promptAgent" if agent is not None:
            severity = "warning" if due.rule.shape == "while" else "info"
            return {"agent": agent, **step.said, "severity": severity}
        case "playMessage" if target.leg:
            interrupts = {"hold": ["retrieved"], "queued": ["delivered", "established"]}.get(target.if_state or "", [])
            return {**leg, **step.said, "interrupt_on": interrupts}
        case "deflectCall" if target.leg:
            tried = {"except": target.device} if target.device else {}
            return {**leg, "agent": target.agent, "to": step.argument or "queueHead", **tried, "if_other_ready": True}
        case "setRingTimeout" if target.leg:
            limit_s = (due.rule.at_ms or 0) / 1000
            return {**leg, "agent": target.agent, "seconds": limit_s, "if_other_ready": True}
        case "setAgentState" if target.agent is not None:
            state = step.argument or "notReady"
            return {"agent": target.agent, "state": state, "reason": due.rule.id, "if_other_ready": True}
        case "singleStepTransferCall" if target.leg and step.argument:
            return {**leg, "to": step.argument}
        case "clearConnection" if target.leg:
            return {**leg, "reason": due.rule.id}
        case _:
            return None
