"""What a person says became of a contact that is held as unknown, or that a person works on."""

from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.core.after import Word
from campaigns.core.contact import Attempt
from campaigns.core.reasons import Disposition, State, Why
from campaigns.dialler.actions import Also, Done, nothing_more, write
from campaigns.dialler.case import Case, Known
from campaigns.dialler.order_ids import campaign_of_contact
from campaigns.dialler.withdrawal import Withdrawn, give_back
from campaigns.dialler.withdrawal import write as write_cases
from campaigns.do_not_call.changing import take_back
from campaigns.do_not_call.entries import ENTERED, entry_id, entry_of
from campaigns.errors import NotFound, WrongState
from campaigns.ledger import attempts, campaigns, contacts, do_not_call, notices, outbound, people, withdrawing
from campaigns.ledger.compiled import campaign_of, judged_attempt
from campaigns.ledger.people import account_key
from campaigns.ledger.rows import AttemptRow, ContactRow, DoNotCallRow
from campaigns.written_notices.owing import owe

PERSON = "person"
SAYS = "outcome"  # the action's name
ALLOWED = (State.PERSON.value, State.UNKNOWN.value)


class OutcomeResult(NamedTuple):
    """The contact as it became, and all its attempts."""

    contact: ContactRow
    attempts: tuple[AttemptRow, ...]


async def say_outcome(
    context: Context,
    tenant: str,
    contact: str,
    disposition: Disposition,
    note: str | None,
    promise_date: str | None,
    *,
    agreed_at_ms: int | None = None,
    also: Also = nothing_more,
    who: str = PERSON,
) -> OutcomeResult:
    """What a person says became of it; `disposition` is not `unknown`. Orders of the contact that were not sent are
    withdrawn where nothing more is to be said. Raises NotFound, WrongState, LedgerAway, OutcomeUnknown.
    """
    assert disposition is not Disposition.UNKNOWN, "a word says something"
    now_ms = context.now_ms()
    said = Word(now_ms, disposition, agreed_at_ms, promise_date)

    def act(connection: Connection) -> Done[OutcomeResult]:
        enters = disposition in ENTERED
        case = _held(context, connection, tenant, contact, alone=enters)
        if case.row.state not in ALLOWED:
            raise WrongState(case.row.state, SAYS, ALLOWED)
        _say(case, said, note)
        took = _withdraw(context, connection, case, now_ms) if case.contact.final else Withdrawn()
        case.schedule(_known(connection, case, now_ms), now_ms)
        write_cases(connection, tenant, [case], now_ms)
        _notice(context, connection, case, now_ms)
        if enters:
            took = Withdrawn(took.orders + _enter(context, connection, case, disposition, now_ms, who).orders)
        also(connection)
        (row,) = contacts.read(connection, [contact])
        return Done(OutcomeResult(row, tuple(attempts.of_contacts(connection, [contact])[contact])), took)

    return await write(context, act)


def _held(context: Context, connection: Connection, tenant: str, contact: str, *, alone: bool) -> Case:
    """The contact, locked after its campaign's row and the tenant's. `alone`: no turn is under way. Raises NotFound."""
    campaign = campaigns.lock(connection, campaign_of_contact(contact), tenant, share=True)
    if campaign is None:
        raise NotFound(contact)
    outbound.lock(connection, tenant, share=not alone)
    rows = withdrawing.hold(connection, [contact])
    if not rows:
        raise NotFound(contact)
    tried = attempts.of_contacts(connection, [contact])[contact]
    return Case(campaign, campaign_of(campaign, context.rules), rows[0], tried)


def _known(connection: Connection, case: Case, now_ms: int) -> Known:
    """What is known of the person once this is written."""
    days = case.days_at(now_ms)
    busy = people.busy(connection, case.row.tenant, case.lines)
    calls = people.calls(connection, case.row.tenant, days)
    for day, by in case.day_changes():
        calls[day] = max(0, calls.get(day, 0) + by)
    return Known(busy - {number for number, _ in case.freed()}, calls)


def _say(case: Case, said: Word, note: str | None) -> None:
    """The word stands with the attempt that was held, else as an attempt of the person's own."""
    held = case.contact.held if case.row.state == State.UNKNOWN.value else None
    case.apply(said)
    for attempt in case.contact.attempts:
        if attempt.n not in case.attempts:
            case.attempts[attempt.n] = _row_of(case, attempt)
    n = max(case.attempts, default=0) if held is None else held.n
    if n in case.attempts:
        case.attempts[n] = case.attempts[n]._replace(note=note)


def _row_of(case: Case, attempt: Attempt) -> AttemptRow:
    """The attempt's row for a person's word: it has no order and no hours."""
    row = AttemptRow(
        contact=case.row.id, n=attempt.n, campaign=case.row.campaign, tenant=case.row.tenant, round=attempt.round,
        channel=attempt.channel.value, number=attempt.number, decided_at_ms=attempt.at_ms, step=attempt.step.value,
        decision="dialled", why=None, rule=None, command=None, call=None, sent_at_ms=None, rang_at_ms=None,
        answered_at_ms=None, ended_at_ms=None, disposition=None, counted=0, rang=0, confirmed=0, agreed_at_ms=None,
        q850=None, tone=None, machine=None, digits=None, amount_spoken=None, template=None, sha256=None,
        caller_id=None, profile=case.of.profile, zones="[]", dial_before_ms=None, ring_until_ms=None, note=None,
        revised=0,
    )  # fmt: skip
    return judged_attempt(row, attempt)


def _withdraw(context: Context, connection: Connection, case: Case, now_ms: int) -> Withdrawn:
    """Withdraw the open orders of a contact that is final."""
    ids = {row.command: n for n, row in case.attempts.items() if row.step == "open" and row.command is not None}
    gone = sorted(ids[command] for command in context.dial.withdraw(connection, case.row.tenant, ids))
    give_back(case, gone, Why.SETTLED, now_ms)
    return Withdrawn(tuple((case.of.kind, case.attempts[n].channel) for n in gone))


def _enter(
    context: Context, connection: Connection, case: Case, disposition: Disposition, now_ms: int, who: str
) -> Withdrawn:
    """The number that was called last, in the do-not-call list; without one, the account."""
    called = [row for row in case.attempts.values() if row.number]
    if called:
        entry = entry_of(max(called, key=lambda row: row.n), disposition.value, now_ms, who)
    else:
        line, tenant = account_key(case.row.account), case.row.tenant
        entry = DoNotCallRow(
            tenant=tenant, line=line, id=entry_id(tenant, line, now_ms), reason=disposition.value, since_ms=now_ms,
            until_ms=None, made_at_ms=now_ms, who=who,
        )  # fmt: skip
    do_not_call.keep(connection, [entry])
    return take_back(connection, context, entry.tenant, entry.line, now_ms)


def _notice(context: Context, connection: Connection, case: Case, now_ms: int) -> None:
    """What the word makes due in writing, or takes back."""
    if case.owes:
        tried = list(case.attempts.values())
        owe(connection, case.of, case.contact_row(now_ms), tried, now_ms, context.rules.penalties)
    if case.recalls:
        notices.recall(connection, [(case.row.id, case.row.round)], now_ms)
