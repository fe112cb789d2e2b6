"""POST .../contacts/{contact}/outcome: a person's word on a contact that is unknown, or that a person works on."""

from aiohttp import web
from sqlalchemy import Connection

from campaigns.api.answering import who
from campaigns.api.codes import invalid
from campaigns.api.contacts import contact_meant, shown_contact
from campaigns.api.idempotent import Claim, Reply, reply, response_of
from campaigns.api.refusals import refusing
from campaigns.context import Context
from campaigns.core.reasons import Disposition
from campaigns.dialler.manual_outcome import say_outcome
from campaigns.ledger import attempts, audit, contacts
from cti.web.body import model_of, read_json
from cti.web.limits import Limits
from cti.web.refusal import fault
from cti.web.route import Asked
from schemas.campaigns import Outcome

OK = 200


async def post_outcome(context: Context, asked: Asked, *, limits: Limits) -> web.Response:
    """The contact as it is then, masked whoever asks: the answer is kept. Raises Refusal `wrong_state`."""
    _, contact = await contact_meant(context, asked)
    body = await read_json(asked.request, limits)
    given = model_of(body, limits, Outcome)
    if given.promise_date is not None and Disposition(given.disposition) is not Disposition.PROMISED_TO_PAY:
        detail = f"Only with {Disposition.PROMISED_TO_PAY.value}"
        raise invalid([fault("/promise_date", "disposition", detail)])
    by, at_ms = who(asked.caller), context.now_ms()
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
            await say_outcome(context, contact.tenant, contact.id, disposition, given.note, promised, also=also, who=by)
    return response_of(made[0])
