"""What crosses the boundary: events, commands, records, routes."""

from collections.abc import Mapping

from pydantic import BaseModel

from cti.gateway.routes import routes_of
from cti.web.limits import Limits
from docs.generate.writing import described, meaning, members, shape, table
from schemas import agent_events, call_events, switch_events
from schemas.commands import COMMAND_MODELS, Order
from schemas.dial_orders import DIAL_ORDER_MODELS
from schemas.records import CallRecord


def _events(models: Mapping[str, type[BaseModel]], common: type[BaseModel]) -> str:
    everywhere = common.model_json_schema()["properties"]
    rows = (
        (f"`{kind}`", meaning(model), ", ".join(members(model, everywhere)) or "-") for kind, model in models.items()
    )
    return described(("event", "means", "`data` (bold: required)"), rows, 1)


def call_event_table() -> str:
    return _events(call_events.DATA_MODELS, call_events.CallEvent)


def agent_event_table() -> str:
    return _events(agent_events.DATA_MODELS, agent_events.AgentEvent)


def switch_event_table() -> str:
    return _events(switch_events.DATA_MODELS, switch_events.SwitchEvent)


def command_table() -> str:
    everywhere = {*Order.model_json_schema()["properties"], "command"}
    rows = (
        (f"`{name}`", meaning(model), ", ".join(members(model, everywhere)) or "-")
        for name, model in COMMAND_MODELS.items()
    )
    return described(("command", "means", "its own fields (bold: always there)"), rows, 1)


def dial_order_table() -> str:
    """The fields of dial orders beyond those of the commands with the same names."""
    rows = (
        (f"`{name}`", meaning(model), ", ".join(members(model, COMMAND_MODELS[name].model_fields)))
        for name, model in DIAL_ORDER_MODELS.items()
        if model is not COMMAND_MODELS[name]
    )
    return described(("order", "means", "its fields beyond those of the command"), rows, 1)


def order_table() -> str:
    """The fields of all commands."""
    schema = Order.model_json_schema()
    required = schema["required"]
    rows = (
        (f"`{name}`", shape(property_schema, schema), "yes" if name in required else "")
        for name, property_schema in schema["properties"].items()
    )
    return table(("field", "form", "always there"), rows)


def record_table() -> str:
    schema = CallRecord.model_json_schema()
    rows = (
        (f"`{name}`", shape(property_schema, schema), "yes" if name in schema["required"] else "")
        for name, property_schema in schema["properties"].items()
    )
    return table(("field", "form", "never null"), rows)


def route_table() -> str:
    rows = (
        (f"`{route.method} {route.path}`", f"`{route.scope}`" if route.scope else "no key", route.summary)
        for route in routes_of(Limits())
    )
    return described(("route", "scope", "what it is for"), rows)
