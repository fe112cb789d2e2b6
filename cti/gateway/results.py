"""POST /v1/commands/{id}/result: a switch reports a command's outcome, which goes into the log like any other event.
That of a dial order goes straight into the order (`dial_results`).
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError, from_json, to_json

from cti.dial.rows import OrderResult
from cti.gateway.context import Context
from cti.gateway.dial_results import keep_result, unknown_command
from cti.gateway.events import JSON_HEADERS, append
from cti.gateway.positions import token_of
from cti.gateway.results_given import already_answered
from cti.ports import Appending
from cti.rows import CommandRow
from cti.web.body import read_model
from cti.web.instants import rfc3339
from cti.web.refusal import Refusal, fault
from cti.web.route import Asked
from schemas.envelope import body_of, read_event, time_problem
from schemas.fields import MEMBER, Code, Time, ms_of
from schemas.reasons import RefusalReason

RESULT_TYPE = "ringback.call.commandResult.v1"
FINAL = frozenset({"done", "refused"})


def _either(schema: dict[str, Any]) -> None:
    """Express in JSON Schema that a refused command has a reason, and any other has none."""
    members, reasons = schema.pop("properties"), {"type": "string", "enum": [each.value for each in RefusalReason]}
    del schema["required"], schema["additionalProperties"]
    schema["oneOf"] = [
        _form(members, ["accepted", "done"], {"type": "null"}, ["state"]),
        _form(members, ["refused"], reasons, ["state", "reason"]),
    ]


def _form(members: dict[str, Any], states: list[str], reason: dict[str, Any], required: list[str]) -> dict[str, Any]:
    properties = members | {"state": {"type": "string", "enum": states}, "reason": reason}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


class Result(BaseModel):
    """A switch's answer to one command. `answer` and what follows: to snapshotCall, what became of the call."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, json_schema_extra=_either)

    state: Literal["accepted", "done", "refused"]
    reason: RefusalReason | None = Field(None, description="Exactly when `state` is refused.")
    time: Time | None = Field(None, description="When, by the switch's clock; the log's clock where absent.")
    answer: Literal["never_seen", "live", "ended"] | None = None
    cause: Code | None = None
    q850: Annotated[int, Field(ge=0, le=127, strict=True)] | None = None
    tone: Code | None = None
    ended_at: Time | None = Field(None, description="When the call ended, by the switch's clock.")

    @model_validator(mode="after")
    def _reasoned(self) -> "Result":
        if (self.state == "refused") != (self.reason is not None):
            raise PydanticCustomError(
                "reason", "A refused command has a `reason`, any other has none", {MEMBER: "reason"}
            )
        return self


async def post_result(context: Context, asked: Asked) -> web.Response:
    """Keeps a result; the same one again is fine. Raises Refusal: `not_found`, `not_sent`, `already_answered`, ..."""
    result = await read_model(asked.request, context.limits, Result)
    _check_times(result, context.log.now_ms())
    tenant, command_id = asked.caller.tenant, asked.request.match_info["command"]
    dialling = context.dialling
    row = context.hub.lately(tenant, command_id)
    if row is None and (dialling is None or not dialling.lately(tenant, command_id)):
        row = await context.reads.command(tenant, command_id)
    if row is None and dialling is not None:
        given = _of_order(tenant, command_id, result, context.log.now_ms())
        return _kept(await keep_result(context, dialling, asked.caller, given))
    if row is None or not await context.bindings.may_speak_for(asked.caller, row.source):
        raise unknown_command()
    if row.state == "overtaken":
        raise Refusal("not_sent")
    if _stands(row, result):
        token = token_of(await context.reads.positions())
    else:
        content = (result.state, result.reason, *found_by(result).values())
        token = await context.results.once(
            tenant, row.id, result.state in FINAL, content, lambda: _keep(context, row, result)
        )
    return _kept(token)


def _check_times(result: Result, now_ms: float) -> None:
    """The times of a result become those of a call, as those of events do. Raises Refusal: `bad_time`."""
    for pointer, time in (("/time", result.time), ("/ended_at", result.ended_at)):
        problem = None if time is None else time_problem(ms_of(time), now_ms, pointer)
        if problem is not None:
            detail = f"{pointer}: {problem.detail}"
            raise Refusal("bad_time", detail, [fault(pointer, problem.rule, problem.detail)])


def _kept(token: str) -> web.Response:
    return web.Response(status=202, body=to_json({"position": token}), headers=JSON_HEADERS)


def _of_order(tenant: str, order_id: str, result: Result, now_ms: float) -> OrderResult:
    ended_ms = None if result.ended_at is None else ms_of(result.ended_at)
    reason = None if result.reason is None else result.reason.value
    return OrderResult(
        tenant=tenant, id=order_id, result=result.state, reason=reason, answer=result.answer,
        cause=result.cause, q850=result.q850, tone=result.tone, ended_at_ms=ended_ms, at_ms=int(now_ms),
    )  # fmt: skip


def _stands(row: CommandRow, result: Result) -> bool:
    """Whether the ledger has this result, or one that makes it void. Raises Refusal for a contradiction."""
    if row.state in FINAL and result.state in FINAL and (row.state, row.reason) != (result.state, result.reason):
        raise already_answered()
    return row.state in FINAL or row.state == result.state


async def _keep(context: Context, row: CommandRow, result: Result) -> str:
    item = event_item(row, result, context.log.now_ms())
    event = read_event(item)
    key = f"{row.tenant}:{event.source}:{event.subject}"
    return await append(context, [Appending(row.tenant, key, body_of(item), event)])


def found_by(result: Result) -> dict[str, Any]:
    """What a snapshotCall found, as the event has it."""
    ended_at = None if result.ended_at is None else _written(result.ended_at)
    return {
        "answer": result.answer,
        "cause": result.cause,
        "q850": result.q850,
        "tone": result.tone,
        "ended_at": ended_at,
    }


def _written(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def event_item(row: CommandRow, result: Result, now_ms: float) -> dict[str, Any]:
    """The result as a CloudEvent of the command's switch, under the call it concerns (or the agent)."""
    command = from_json(row.body)
    outcome = {"commandid": row.id, "state": result.state, "reason": result.reason and result.reason.value}
    outcome |= found_by(result)
    return {
        "specversion": "1.0",
        "id": f"result-{row.id}-{result.state}",
        "source": row.source,
        "type": RESULT_TYPE,
        "subject": command.get("subject") or command.get("agent") or row.call_id or row.id,
        "time": rfc3339(now_ms) if result.time is None else _written(result.time),
        "datacontenttype": "application/json",
        "commandid": row.id,
        "data": {name: value for name, value in outcome.items() if value is not None},
    }
