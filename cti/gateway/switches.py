"""PUT and GET /v1/switches/{id}: a switch declares what it can do and report."""

import secrets
from collections.abc import Sequence
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import from_json, to_json

from cti.gateway.bindings import DEFAULT_SOURCE
from cti.gateway.context import Context
from cti.gateway.events import JSON_HEADERS, append
from cti.gateway.positions import reached
from cti.ports import Appending
from cti.rows import SwitchRow
from cti.web.auth import Caller
from cti.web.body import read_model
from cti.web.instants import rfc3339
from cti.web.refusal import Refusal, busy, fault
from cti.web.route import Asked
from schemas.commands import COMMAND_MODELS
from schemas.envelope import body_of, read_event
from schemas.fields import Number, Whole

DECLARED_TYPE = "ringback.switch.switchDeclared.v1"
NAMES_MAX = 100
TRUNK_GROUPS_MAX = 64
CALLS_PER_SECOND_MAX = 1_000
CALLS_AT_ONCE_MAX = 100_000
OF_OUTBOUND = frozenset({"outbound", "trunk_groups", "agent_first"})
COMMANDS = tuple(COMMAND_MODELS)
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]{0,63}$")]
Names = Annotated[list[Name], Field(max_length=NAMES_MAX)]
# `_check_commands` refuses any other, by name.
CommandName = Annotated[Name, WithJsonSchema({"type": "string", "enum": list(COMMANDS)})]
CommandNames = Annotated[list[CommandName], Field(max_length=NAMES_MAX)]


OutboundVersion = Annotated[int, Field(ge=1, le=1), Whole]  # strict, where a literal 1 would take true
CallerId = Annotated[Number, StringConstraints(min_length=1, pattern=r"^[ -~]+$")]
TrunkName = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
Source = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,256}$")]


class TrunkGroup(BaseModel):
    """What a group of trunks can carry: limits that dialling on it keeps to, and the number it calls from."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    calls_per_second: Annotated[float, Field(gt=0, le=CALLS_PER_SECOND_MAX)] = Field(
        description="Calls that begin within any second."
    )
    calls_at_once: Annotated[int, Field(ge=1, le=CALLS_AT_ONCE_MAX), Whole] = Field(
        description="Calls that live at once."
    )
    caller_id: CallerId | None = Field(None, description="The number shown where a campaign names none.")


TrunkGroups = Annotated[
    dict[TrunkName, TrunkGroup], Field(max_length=TRUNK_GROUPS_MAX, json_schema_extra={"additionalProperties": False})
]


class Declaration(BaseModel):
    """A switch's declaration of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    source: Source | None = Field(None, description="The `source` of its events; `/switches/ID` where absent.")
    commands: CommandNames = Field(description="CSTA names of the commands it can do.")
    facts: Names | None = Field(None, description="Short kinds of the events it reports; null: whatever it sends.")
    if_other_ready: bool = Field(False, description="It judges `if_other_ready` itself.")
    outbound: OutboundVersion | None = Field(None, description="It takes dial orders; the version of their contract.")
    trunk_groups: TrunkGroups | None = Field(None, description="Groups of trunks that may be dialled on, by name.")
    agent_first: bool | None = Field(None, description="It can reserve an agent before it dials (`agent_first`).")


async def put_switch(context: Context, asked: Asked) -> web.Response:
    """Keep a declaration, and append it to the log for the engine, in order with its events. Raises Refusal."""
    switch = asked.request.match_info["switch"]
    if not asked.caller.may_switch(switch):
        raise Refusal("switch_not_allowed", f"The key is not bound to the switch {switch}")
    declaration = await read_model(asked.request, context.limits, Declaration)
    source = declaration.source or DEFAULT_SOURCE + switch
    _check_commands(declaration.commands)
    await _check_source(context, asked.caller, switch, source)
    declared = declared_of(declaration)
    row = SwitchRow(asked.caller.tenant, switch, source, to_json(declared).decode())
    if not await context.registry.put_switch(row):
        raise Refusal("source_taken")
    context.bindings.forget(asked.caller)
    await append(context, [_declared(row, declared, context.log.now_ms())])
    return web.Response(body=to_json(shown(row)), headers=JSON_HEADERS)


def declared_of(declaration: Declaration) -> dict[str, Any]:
    """A declaration as it is kept; what is of outbound calls only where it says anything of them."""
    declared = declaration.model_dump(exclude={"source"})
    return {name: value for name, value in declared.items() if value is not None or name not in OF_OUTBOUND}


def _check_commands(names: Sequence[str]) -> None:
    """Refuse a command that does not exist, by name: it would silently never be issued."""
    faults = [
        fault(f"/commands/{index}", "unknown_command", f"There is no command {name}; known: {', '.join(COMMANDS)}")
        for index, name in enumerate(names)
        if name not in COMMANDS
    ]
    if faults:
        raise Refusal("invalid_body", f"{faults[0]['pointer']}: {faults[0]['detail']}", faults)


async def _check_source(context: Context, caller: Caller, switch: str, source: str) -> None:
    """A switch may not take over the calls of another one, whether that has declared itself or not."""
    declared = {row.switch: row.source for row in await context.registry.tenant_switches(caller.tenant)}
    if any(other != switch and taken == source for other, taken in declared.items()):
        raise Refusal("source_taken")
    other = source.removeprefix(DEFAULT_SOURCE)
    if source.startswith(DEFAULT_SOURCE) and other != switch and not caller.may_switch(other):
        raise Refusal("source_taken", f"{source} is that of the switch {other}")
    if caller.switches is None or declared.get(switch) == source or source == DEFAULT_SOURCE + switch:
        return
    if await _is_heard_of(context, caller.tenant, source):
        raise Refusal("source_taken", f"Events of {source} are there already; a key bound to no switch may declare it")


async def _is_heard_of(context: Context, tenant: str, source: str) -> bool:
    """Whether events of a source have come, those included that are not committed yet. Raises Refusal `overloaded`."""
    end = (await context.log.end()).positions
    await context.catching_up.as_of(end)
    if not reached(await context.reads.positions(), end):
        raise busy("overloaded", context.limits.retry_after_s, "Events before this declaration are not processed yet")
    return any(row.source == source for row in await context.reads.tenant_sources(tenant))


def _declared(row: SwitchRow, declared: dict[str, Any], now_ms: float) -> Appending:
    item = {
        "specversion": "1.0",
        "id": f"declared-{row.switch}-{int(now_ms)}-{secrets.token_hex(4)}",
        "source": row.source,
        "type": DECLARED_TYPE,
        "subject": row.switch,
        "time": rfc3339(now_ms),
        "datacontenttype": "application/json",
        "data": declared,
    }
    event = read_event(item)
    return Appending(row.tenant, f"{row.tenant}:{row.source}:{row.switch}", body_of(item), event, everywhere=True)


async def get_switch(context: Context, asked: Asked) -> web.Response:
    """A declaration. Raises Refusal `not_found`."""
    switch = asked.request.match_info["switch"]
    row = await context.registry.switch(asked.caller.tenant, switch) if asked.caller.may_switch(switch) else None
    if row is None:
        raise Refusal("not_found", "No such switch has declared itself")
    return web.Response(body=to_json(shown(row)), headers=JSON_HEADERS)


def shown(row: SwitchRow) -> dict[str, Any]:
    """A declaration as answered."""
    declaration: dict[str, Any] = from_json(row.declaration)
    return {"switch": row.switch, "source": row.source} | declaration
