"""POST .../contacts/{contact}/outcome: a person's word on a contact that is unknown, or that a person works on."""

from collections.abc import Iterator

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import who
from campaigns.api.codes import invalid
from campaigns.api.contacts import contact_meant, shown_contact
from campaigns.api.idempotent import Claim, Reply, reply, response_of
from campaigns.api.refusals import refusing
from campaigns.context import Context
from campaigns.core.hour_layers import LOOKAHEAD_MS
from campaigns.core.reasons import Disposition
from campaigns.core.zones import DAY_MS
from campaigns.dialler.manual_outcome import say_outcome
from campaigns.ledger import attempts, audit, contacts
from cti.web.body import model_of, read_json
from cti.web.limits import Limits
from cti.web.refusal import fault
from cti.web.route import Asked
from schemas.campaigns import Outcome
from schemas.fields import ms_of

OK = 200


async def post_outcome(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """The contact as it is then, masked whoever asks: the answer is kept. Raises Refusal `wrong_state`."""
    _, contact = await contact_meant(context, asked)
    body = await read_json(asked.request, limits)
    given = model_of(body, limits, Outcome)
    by, at_ms = who(asked.caller), context.now_ms()
    if faults := list(_faults(given, at_ms)):
        raise invalid(faults)
    claim = Claim(context, asked)
    before = await claim.take(body)
    if before is not None:
        return response_of(before)
    made: list[Reply] = []

    def also(connection: Connection) -> None:
        (after,) = contacts.read(connection, [contact.id])
        tried = attempts.of_contacts(connection, [contact.id])[contact.id]
        made[:] = [reply(shown_contact(after, tried, in_full=False), OK)]
        audit.note(connection, after.tenant, at_ms, by, "outcome_said", contact.id, {"disposition": given.disposition})
        claim.keep(connection, made[0])

    promised = None if given.promise_date is None else given.promise_date.isoformat()
    async with claim:
        with refusing():
            disposition = Disposition(given.disposition)
            await say_outcome(
                context, contact.tenant, contact.id, disposition, given.note, promised,
                agreed_at_ms=None if given.agreed_at is None else ms_of(given.agreed_at), also=also, who=by,
            )  # fmt: skip
    return response_of(made[0])


def _faults(given: Outcome, now_ms: int) -> Iterator[dict[str, str]]:
    """What belongs to another outcome, or to no time that can be called."""
    said = Disposition(given.disposition)
    for name, only in (("promise_date", Disposition.PROMISED_TO_PAY), ("agreed_at", Disposition.CALLBACK_ASKED)):
        if getattr(given, name) is not None and said is not only:
            yield fault(f"/{name}", "disposition", f"Only with {only.value}")
    if given.agreed_at is not None and not now_ms <= ms_of(given.agreed_at) <= now_ms + LOOKAHEAD_MS:
        yield fault("/agreed_at", "range", f"From now on, {LOOKAHEAD_MS // DAY_MS} days ahead at most")
