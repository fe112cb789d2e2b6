"""Changes of product code that only show where a manager plans and changes: each must be caught by `plans_kept`, or by
the judge of hours, of payments and of outages.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection

from campaigns.api import changes, rerun, second_key, test_call
from campaigns.approvals import approving, standing, voiding
from campaigns.approvals.approving import Seen
from campaigns.context import Context
from campaigns.core import decide, dispositions
from campaigns.core.campaign import Campaign
from campaigns.core.reasons import FallbackKind, State
from campaigns.core.revisions import Renewal
from campaigns.dialler import case, changing, draining, emergencies, evidence, import_withdrawal, orders, starting, turn
from campaigns.dialler.withdrawal import Withdrawn
from campaigns.ledger import campaigns, import_withdrawing, turns
from campaigns.ledger import draining as draining_rows
from campaigns.ledger.rows import CampaignRow
from campaigns.messages import receipts, sending
from campaigns.messages.port import Verdict
from tests.campaigns import never
from tests.simulation.campaigns import jobs, plans_kept
from tests.simulation.campaigns.planner import NOT_SEEN, UNAPPROVED, plan_of
from tests.simulation.campaigns.planting import Change, Planted, both, put, wrapped

ALL_THEMES = ("closing", "held", "owners", "stops", "streams", "memoryless", "mixed")


def _at_once(inner: Any, context: Context, rows: Any) -> Any:
    return inner(context, [row._replace(start_at_ms=0) if row.start_at_ms else row for row in rows])


def _early(inner: Any, context: Context, rows: Any) -> Any:
    return inner(
        context, [row._replace(start_at_ms=row.start_at_ms - 600_000) if row.start_at_ms else row for row in rows]
    )


async def _whatever_it_is_now(inner: Any, context: Context, tenant: str, campaign: str, seen: Seen, *more: Any) -> Any:
    def digest(connection: Connection) -> str:
        row = _row(connection, campaign, tenant)
        return standing.standing(connection, context, row).digest

    now = await context.reader.run(digest)
    return await inner(context, tenant, campaign, seen._replace(digest=now), *more)


def _row(connection: Connection, campaign: str, tenant: str) -> CampaignRow:
    row = campaigns.read(connection, campaign, tenant)
    assert row is not None
    return row


def _any_version(inner: Any, context: Context, tenant: str, campaign: str, changes: Any, *more: Any) -> Any:
    return inner(context, tenant, campaign, changes._replace(versions=None), *more)


def _with_example(inner: Any, context: Context, row: Any, example: Any, read: Any) -> Any:
    return inner(context, row, example, read)._replace(phones=example.phones)


def _three_times(inner: Any, *args: Any) -> Any:
    return inner(*args)._replace(attempts_max=3, retry="{}")


def _by_letter(inner: Any, *args: Any) -> Any:
    return inner(*args)._replace(fallback=FallbackKind.NOTICE.value)


def _nobody_first(campaign: CampaignRow, dial: Any, said: Any) -> dict[str, Any]:
    del campaign, dial
    return {"answering_machine": "detect", "on_answer": dict(said.on_answer)}


@contextmanager
def _first_hours() -> Iterator[None]:
    """A dialler keeps the windows with which it saw a campaign first."""
    first: dict[str, str] = {}
    inner = turn.campaign_of

    def changed(row: CampaignRow, rules: Any) -> Campaign:
        return inner(row._replace(windows=first.setdefault(row.id, row.windows)), rules)

    with patch.object(turn, "campaign_of", changed):
        yield


def _of_nobody(inner: Any, *args: Any) -> Any:
    return inner(*args)._replace(commandid="nobody-1.1")


def _lost(inner: Any, order: Any, said: Any, ledger_ms: int) -> Any:
    return inner(order, said.model_copy(update={"status": "undeliverable"}), ledger_ms)


async def _certainly_unsent(inner: Any, self: Any, order: Any, answer: Any) -> None:
    unknown = answer.verdict is Verdict.UNKNOWN
    await inner(self, order, answer._replace(verdict=Verdict.NOT_TAKEN) if unknown else answer)


def _goes_on(inner: Any, connection: Connection, row: CampaignRow, after: CampaignRow) -> CampaignRow:
    """An exception to the hours is taken from nobody."""
    ended = row.emergency_until_ms is not None and after.emergency_until_ms is None
    return inner(connection, row, row if ended else after)


def _by_agents(seed: int) -> bool:
    return jobs.ways_of(seed).agents > 0


def _by_gateway(seed: int) -> bool:
    return jobs.ways_of(seed).by_gateway


def _mostly(*plans: str) -> Callable[[int], bool]:
    return lambda seed: plan_of(seed) in plans


def _of(name: str, kind: str, change: Change, shows: Callable[[int], bool]) -> Planted:
    return Planted(name, kind, ALL_THEMES, change, shows)


OF_PLANS = (
    _of("draining cancels nobody", plans_kept.DRAIN,
        both(put(draining_rows, "cancel_some", lambda *_: 0), put(draining.draining, "cancel_some", lambda *_: 0),
             put(decide, "begun", lambda _: True)),
        _mostly("drain")),
    _of("draining lets go what is made", plans_kept.DRAIN,
        put(draining, "withdraw_unsent", lambda *_: Withdrawn()),
        _mostly("drain")),
    _of("a change of hours lets go what is made", plans_kept.HOURS,
        put(changing, "withdraw_unsent", lambda *_: Withdrawn()),
        _mostly("change")),
    _of("a campaign's hours stay as they were", plans_kept.HOURS,
        _first_hours,
        _mostly("change")),
    _of("a change takes any version", NOT_SEEN, wrapped(changes, "change", _any_version),
        _mostly("change")),
    _of("a start that was set is made at once", plans_kept.EARLY_START,
        wrapped(turn, "start_due", _at_once),
        _mostly("start")),
    _of("a start that was set is made ten minutes early", plans_kept.EARLY_START,
        wrapped(turn, "start_due", _early),
        _mostly("start")),
    _of("a start asks for no approval", UNAPPROVED, put(starting, "check_approved", lambda *_: None),
        _mostly("start")),
    _of("any digest is approved", NOT_SEEN, wrapped(second_key, "approve", _whatever_it_is_now),
        _mostly("start")),
    _of("the key that made it approves it", UNAPPROVED,
        put(approving, "changers", lambda *_: set()),
        _mostly("start")),
    _of("one more file needs no approval", UNAPPROVED,
        put(voiding, "_another_file", lambda _connection, _context, row, *_: row),
        _mostly("file")),
    _of("a withdrawn file lets go what is made", plans_kept.TAKEN_BACK,
        put(import_withdrawal.withdrawal, "taken_back", lambda *_: {}),
        _mostly("take_back")),
    _of("a withdrawn file leaves its contacts", plans_kept.TAKEN_BACK,
        both(put(import_withdrawing, "to_close", lambda *_: []),
             put(import_withdrawal, "_close", lambda *_: Withdrawn()),
             put(turns, "_IMPORTS", "SELECT no, 'done' FROM campaign_imports WHERE campaign = ?")),
        _mostly("take_back")),
    _of("a test call goes to the customer", plans_kept.TEST,
        wrapped(test_call, "_contact", _with_example),
        _mostly("test")),
    _of("a test call is tried three times", plans_kept.TEST,
        wrapped(test_call, "_campaign", _three_times),
        _mostly("test")),
    _of("a test call ends in a letter", plans_kept.TEST, wrapped(test_call, "_campaign", _by_letter),
        _mostly("test")),
    _of("who was reached is called again", plans_kept.RERUN,
        put(rerun, "UNREACHED", (*rerun.UNREACHED, State.REACHED.value, State.PAID.value)),
        _mostly("rerun")),
    _of("all are called again", plans_kept.RERUN,
        put(rerun, "UNREACHED", tuple(state.value for state in State)),
        _mostly("rerun")),
    _of("nobody is there first", plans_kept.AGENT, put(orders, "_who_speaks", _nobody_first), _by_agents),
    _of("that no agent came is not known", plans_kept.AGENT,
        both(put(dispositions, "NO_AGENT_FIRST", "-"), put(evidence, "NO_AGENT_FIRST", "-")), _by_agents),
    _of("a receipt tells nothing", plans_kept.RECEIPT, wrapped(receipts, "fact_of", _of_nobody), _by_gateway),
    _of("what arrived is taken for lost", plans_kept.RECEIPT, wrapped(receipts, "fact_of", _lost), _by_gateway),
    _of("a message without an answer is not sent", never.NOT_DIALLED,
        wrapped(sending.Sending, "_keep", _certainly_unsent), _by_gateway),
    _of("an exception that was ended holds", never.QUIET,
        both(put(emergencies, "withdraw_unsent", lambda *_: Withdrawn()), wrapped(campaigns, "replace", _goes_on)),
        _mostly("exception")),
    _of("who was told is not told again", never.NOT_TOLD_AGAIN,
        put(case, "renewal", lambda *_args, **_more: Renewal.NOTHING), bool),
    _of("only a reached contact is told again", never.NOT_TOLD_AGAIN,
        wrapped(case, "renewal", lambda inner, contact, **more: inner(contact, **more) if not contact.final else
                    Renewal.NOTHING), bool),
)  # fmt: skip
