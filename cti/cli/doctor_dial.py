"""Checks of dialling. Pure: facts in, findings out. Where nothing is dialled there is nothing to say."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from cti.adapters.ledger.inspection import DialFacts, LedgerFacts
from cti.cli.doctor_findings import Finding, fault, ok, warning
from cti.dial.declared import HEARTBEAT, commands_lacked, has_heartbeats, is_outbound, takes_messages
from cti.dial.rows import MAKE_CALL
from cti.rows import SwitchRow


def judge_dial(facts: LedgerFacts, partitions: int) -> Iterator[Finding]:
    """`partitions`: those of calls, each of which must have read what a switch says before it is dialled on."""
    declared = [(row, from_json(row.declaration)) for row in facts.switches]
    outbound = [(row, said) for row, said in declared if is_outbound(said)]
    if facts.dial is None or not (outbound or facts.dial.stuck):
        return
    yield from _judge_setting(facts.dial)
    if facts.dial.stuck:
        mend = (
            "run `ringback dialler`; contacts of these orders are called no more until a person or a fact settles them"
        )
        yield warning("dial orders", f"{facts.dial.stuck} expired more than a day ago, unsettled", "none", mend)
    for row, said in outbound:
        yield _judge_switch(row, said)
        if _dials(said):
            yield _judge_word(row, facts.dial, partitions)


def _judge_setting(dial: DialFacts) -> Iterator[Finding]:
    check, wanted = "dialling allowed", "`ringback dial allow`, once no process of an older release runs"
    if dial.allowed.on and dial.older_sessions:
        mend = "stop the processes of the older release: they do not know dial orders"
        yield fault(check, f"yes, though {dial.older_sessions} sessions are of an older release", wanted, mend)
    elif dial.allowed.on:
        yield ok(check, f"yes, by {dial.allowed.by}")
    elif dial.older_sessions:
        mend = "stop the processes of the older release, then `ringback dial allow`"
        yield warning(check, f"no: {dial.older_sessions} sessions are of an older release", wanted, mend)
    else:
        yield warning(check, "no: no order is made", wanted, "see that only this release runs, then allow it")


def _dials(said: Mapping[str, Any]) -> bool:
    return MAKE_CALL in said["commands"]


def _judge_switch(row: SwitchRow, said: Mapping[str, Any]) -> Finding:
    check = f"dialling, {row.tenant}/{row.switch}"
    if not _dials(said) and takes_messages(said):
        return ok(check, "it sends messages")
    missing = commands_lacked(said) + ([] if has_heartbeats(said) else [HEARTBEAT])
    missing += [] if said.get("trunk_groups") else ["trunk_groups"]
    if missing:
        mend = "declare them, once the switch can do them: PUT /v1/switches/{id}"
        return warning(check, f"it takes no call: it lacks {', '.join(missing)}", "what a dialled switch needs", mend)
    return ok(check, f"it may be dialled on: {', '.join(sorted(said['trunk_groups']))}")


def _judge_word(row: SwitchRow, dial: DialFacts, partitions: int) -> Finding:
    check = f"word of {row.tenant}/{row.switch}"
    said = {word.partition for word in dial.words if (word.tenant, word.source) == (row.tenant, row.source)}
    if len(said) >= partitions:
        return ok(check, f"of all {partitions} partitions")
    mend = "the switch must send heartbeats, and an engine must read each partition"
    return warning(check, f"of {len(said)} partitions: nobody is called", f"of all {partitions}", mend)
