"""GET and POST /v1/calling-hours: may somebody be called at an instant, by the hours alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from campaigns.api.answering import json_answer
from campaigns.api.codes import invalid, refusal
from campaigns.context import Context
from campaigns.core.calling_hours import Asked as HoursQuestion
from campaigns.core.explain import Explanation, explain_hours
from campaigns.core.zones import zone_named
from campaigns.imports.numbers import Mistake, normalised
from cti.web.body import read_model
from cti.web.limits import Limits
from cti.web.refusal import fault
from cti.web.route import Asked
from schemas.campaigns import HoursAsked
from schemas.fields import ms_of

RESIDENT, AUTO = "resident", "auto"


async def get_calling_hours(context: Context, asked: Asked) -> web.Response:
    """The query's question. Raises Refusal."""
    query = asked.query
    for zone in query.get("zone", ()):
        if zone_named(zone) is None:
            detail = f"No time zone is called {zone}"
            raise refusal("bad_parameter", "In the query: zone", [fault("zone", "zone", detail)])
    return json_answer(_explained(context, query, query.get("zone", ()), query.get("at")))


async def post_calling_hours(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """The body's question, with a number where that is known. Raises Refusal."""
    given = await read_model(asked.request, limits, HoursAsked)
    zones = [given.zone] if isinstance(given.zone, str) else list(given.zone or ())
    for index, zone in enumerate(zones):
        if zone_named(zone) is None:
            pointer = "/zone" if isinstance(given.zone, str) else f"/zone/{index}"
            raise invalid([fault(pointer, "zone", f"No time zone is called {zone}")])
    if given.number is not None:
        zones = list(dict.fromkeys([*_zones_of(given.number), *zones]))
    values = {
        "kind": given.kind,
        "class": given.customer_class,
        "ring_timeout_s": given.ring_timeout_s,
        "channel": given.channel,
    }
    at_ms = None if given.at is None else ms_of(given.at)
    return json_answer(_explained(context, values, zones, at_ms))


def _zones_of(text: str) -> Sequence[str]:
    number = normalised(text)
    if isinstance(number, Mistake):
        raise invalid([fault("/number", number.rule, number.what)])
    return number.zones


def _explained(context: Context, values: Mapping[str, Any], zones: Sequence[str], at_ms: int | None) -> Explanation:
    """`zones` none: the profile's own. `zone` here names all candidate zones."""
    rules = context.rules
    ring_timeout_s = values.get("ring_timeout_s")
    question = HoursQuestion(
        values["kind"],
        values.get("class") or RESIDENT,
        tuple(zones) or (rules.zone,),
        rules.ring_timeout_floor_ms if ring_timeout_s is None else ring_timeout_s * 1000,
        values.get("channel") or AUTO,
        zone=next(iter(zones), rules.zone),
    )
    return explain_hours(rules.hours, question, context.now_ms() if at_ms is None else at_ms)
