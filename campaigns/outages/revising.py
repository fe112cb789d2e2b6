"""An outage is changed after it was told of: it ends at another time, or is cancelled.

The first transaction takes the rows that every turn locks and raises the campaign's version, so that no turn that was
under way dials anybody with the old word. It takes back all orders of that outage that were not sent, and changes the
first contacts. The others follow in pieces, by the campaign's dialler; until all are changed nobody of the campaign is
dialled. What a claim was quicker with goes on: who may have heard it is told again once its call has ended.

`campaigns.core.revisions` says who is told again. Files that come later agree with it (`campaigns.outages.agreeing`).
"""

import json
from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.core.campaign import moved
from campaigns.core.deadlines import Deadlines, default_deadlines, of_all
from campaigns.core.reasons import CampaignState, CampaignStep, Why
from campaigns.core.revisions import Renewal
from campaigns.dialler import withdrawal
from campaigns.dialler.actions import CLOSED_AT_ONCE, Also, Done, nothing_more, write
from campaigns.dialler.case import Case
from campaigns.dialler.withdrawal import Withdrawn
from campaigns.errors import AlreadyCancelled, NoSuchOutage, NotFound, WrongState
from campaigns.ledger import attempts, campaigns, lanes, notices, outbound, revisions, withdrawing
from campaigns.ledger.compiled import campaign_of, import_no
from campaigns.ledger.lanes import Lane
from campaigns.ledger.revisions import APPLIED, IN_PIECES, Items
from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow, NoticeRow, RevisionRow
from campaigns.outages.items import Change, Item, Outage, can_be_revised, changed, moment_ms, outage_of, standing

REVISE = "revise"
ENDED = frozenset({CampaignState.STOPPING, CampaignState.STOPPED, CampaignState.EXPIRED})
ALLOWED = tuple(sorted(state.value for state in CampaignState if state not in ENDED))
REVISIONS_MAX = 1_000  # of a campaign: every piece of an import reads them
READ_AT_ONCE = 5_000  # contacts that are looked at for a piece; few of them may have the outage


class Acted(NamedTuple):
    """What a piece came to."""

    contacts: int = 0
    told_again: int = 0
    cancelled: int = 0
    recalled: int = 0
    rewritten: int = 0
    to_recall: int = 0


async def revise(
    context: Context, tenant: str, campaign: str, change: Change, who: str, also: Also = nothing_more
) -> RevisionRow:
    """The revision, `applying` or `done`. The same change again finds nothing that is new.

    Raises NotFound, WrongState, NoSuchOutage, AlreadyCancelled.
    """
    now_ms = context.now_ms()
    found: CampaignRow | None = await context.reader.run(campaigns.read, campaign, tenant)
    if found is None:
        raise NotFound(campaign)
    if not can_be_revised(found.kind) or not await _is_there(context, campaign, change.outage):
        raise NoSuchOutage(change.outage.area)

    def act(connection: Connection) -> Done[RevisionRow]:
        row = campaigns.lock(connection, campaign, tenant)
        if row is None:
            raise NotFound(campaign)
        if row.state in ENDED:
            raise WrongState(row.state, REVISE, ALLOWED)
        before = revisions.of_campaign(connection, campaign)
        if len(before) >= REVISIONS_MAX:
            raise WrongState(f"revised {REVISIONS_MAX} times", REVISE)
        same = [revision for revision in before if _outage(revision) == change.outage]
        if same and same[-1].restores_at is None and not change.cancels:
            raise AlreadyCancelled(change.outage.area)
        outbound.lock(connection, tenant, share=True)
        row = campaigns.touch(connection, row)
        alive = row._replace(state=CampaignState.RUNNING.value) if row.state == CampaignState.DONE else row
        made = RevisionRow(
            campaign, len(before) + 1, tenant, *change.outage, change.restores_at, now_ms, who, IN_PIECES
        )
        revisions.put(connection, made)
        orders = withdrawing.unended(connection, tenant, campaign)
        at_once = _with_outage(revisions.items_of(connection, {order.contact for order in orders}), change)
        made, took = _apply(connection, context, alive, made, at_once, now_ms)
        made, more = _piece(connection, context, alive, made, now_ms)
        _goes_on(connection, row, made, who, now_ms)
        lanes.put(connection, [Lane(tenant, row.switch, row.trunk_group)])  # of a draft: its dialler does the rest
        also(connection)
        return Done(made, Withdrawn((*took.orders, *more.orders)))

    return await write(context, act)


async def go_on(context: Context, campaign: CampaignRow, no: int) -> bool:
    """The next piece of a revision; whether anything moved. Raises LedgerAway, OutcomeUnknown."""
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[bool]:
        row = campaigns.lock(connection, campaign.id, campaign.tenant)
        mine = [revision for revision in revisions.of_campaign(connection, campaign.id) if revision.no == no]
        if row is None or not mine or mine[0].state == APPLIED:
            return Done(False, Withdrawn())
        outbound.lock(connection, row.tenant, share=True)
        _, took = _piece(connection, context, row, mine[0], now_ms)
        return Done(True, took)

    return await write(context, act)


async def acknowledged(context: Context, campaign: CampaignRow, row: RevisionRow) -> bool:
    """Whether nobody is told the old word any more: all contacts are changed, and no call that says it goes on."""
    return row.state == APPLIED and not await context.reader.run(revisions.any_under_way, campaign.id)


def change_of(row: RevisionRow) -> Change:
    return Change(_outage(row), row.restores_at)


def _outage(row: RevisionRow) -> Outage:
    return Outage(row.area, row.starts_at_ms)


async def _is_there(context: Context, campaign: str, outage: Outage) -> bool:
    """Whether a contact of the campaign has it."""
    account = ""
    while some := await context.reader.run(revisions.items_after, campaign, account, READ_AT_ONCE):
        if any(outage_of(item) == outage for contact in some for item in json.loads(contact.items)):
            return True
        account = some[-1].account
    return False


def _goes_on(connection: Connection, row: CampaignRow, made: RevisionRow, who: str, now_ms: int) -> None:
    """A campaign that is done runs again, where somebody is to be told again."""
    left = made.state == IN_PIECES or made.told_again > 0
    if left and moved(CampaignState(row.state), CampaignStep.REVISION) is not None:
        campaigns.set_state(connection, row, CampaignStep.REVISION, who, now_ms)


# -- pieces ------------------------------------------------------------------------------------------------------------


def _piece(
    connection: Connection, context: Context, campaign: CampaignRow, made: RevisionRow, now_ms: int
) -> tuple[RevisionRow, Withdrawn]:
    """At most CLOSED_AT_ONCE contacts; after the last the revision is done."""
    read = revisions.items_after(connection, campaign.id, made.upto, READ_AT_ONCE)
    mine = _with_outage(read, change_of(made))
    chosen, upto = mine[:CLOSED_AT_ONCE], read[-1].account if read else made.upto
    if len(mine) > len(chosen):
        upto = chosen[-1].account
    made, took = _apply(connection, context, campaign, made, chosen, now_ms)
    is_last = len(read) < READ_AT_ONCE and len(chosen) == len(mine)
    made = made._replace(upto=upto, state=APPLIED if is_last else IN_PIECES)
    revisions.replace(connection, made)
    return made, took


def _with_outage(read: Sequence[Items], change: Change) -> list[Items]:
    """Those for whom the change is new."""
    return [contact for contact in read if changed(json.loads(contact.items), change) is not None]


def _apply(
    connection: Connection, context: Context, campaign: CampaignRow, made: RevisionRow, chosen: Sequence[Items],
    now_ms: int,
) -> tuple[RevisionRow, Withdrawn]:  # fmt: skip
    """Change these contacts, of a campaign that is locked."""
    if not chosen:
        return made, Withdrawn()
    change = change_of(made)
    taken_back = withdrawing.taken_back(connection, campaign.id)
    held = withdrawing.hold(connection, [contact.id for contact in chosen])
    held = [row for row in held if import_no(row.hours_class) not in taken_back]
    ids = [row.id for row in held]
    gone = withdrawal.taken_back(connection, context.dial, withdrawing.orders_of(connection, ids), campaign.tenant)
    tried = attempts.of_contacts(connection, ids)
    letters = revisions.hold_notices(connection, ids)
    cases: list[Case] = []
    acted = Acted()
    for row in held:
        case, did = _revise(context, campaign, row, tried[row.id], change, letters, gone.get(row.id, ()), now_ms)
        cases.append(case)
        acted = Acted(*(count + other for count, other in zip(acted, did, strict=True)))
    withdrawal.write(connection, campaign.tenant, cases, now_ms)
    revisions.write_items(connection, [case.row for case in cases])
    acted = Acted(
        *(count + other for count, other in zip(acted, _letters(connection, letters, change, now_ms), strict=True))
    )
    took = withdrawal.withdrawn_of(cases, gone)
    counts = {name: getattr(made, name) + value for name, value in acted._asdict().items()}
    return made._replace(**counts, withdrawn=made.withdrawn + len(took.orders)), took


def _revise(
    context: Context, campaign: CampaignRow, row: ContactRow, tried: Sequence[AttemptRow], change: Change,
    letters: Collection[NoticeRow], gone: Sequence[int], now_ms: int,
) -> tuple[Case, Acted]:  # fmt: skip
    items = changed(json.loads(row.items), change)
    assert items is not None, "those for whom nothing is new are left out"
    after = row._replace(
        items=json.dumps(items, ensure_ascii=False),
        outdated_upto=max((attempt.n for attempt in tried), default=0),
        expires_at_ms=_expiry(context, campaign, row, items, now_ms),
    )
    case = Case(campaign, campaign_of(campaign, context.rules), after, tried)
    if gone:
        withdrawal.give_back(case, gone, Why.OUTAGE_CANCELLED if change.cancels else Why.OUTAGE_CHANGED, now_ms)
    left = any(
        letter.contact == row.id and letter.round == row.round and letter.state != notices.PENDING for letter in letters
    )
    found = case.renew(now_ms, lettered=left)
    return case, Acted(1, found is Renewal.NEW_ROUND, found is Renewal.CANCELLED)


def _expiry(context: Context, campaign: CampaignRow, row: ContactRow, items: Sequence[Item], now_ms: int) -> int | None:
    """That of the kind as from now on; what the campaign was asked for holds. When a contact must have been tried by
    does not move: the power goes off when it did.
    """
    if campaign.deadlines_given:
        return row.expires_at_ms
    of = (standing(items) if row.round == 1 else items) or items
    each = [_of_outage(context, campaign, item, now_ms) for item in of if outage_of(item) is not None]
    return of_all(each).expires_at_ms


def _of_outage(context: Context, campaign: CampaignRow, item: Item, now_ms: int) -> Deadlines:
    rules = context.rules
    return default_deadlines(
        rules.deadlines, rules.hours.calendar, campaign.kind, now_ms, campaign.zone, moment_ms(item["starts_at"]),
        moment_ms(item["restores_at"]),
    )  # fmt: skip


# -- letters -----------------------------------------------------------------------------------------------------------


def _letters(connection: Connection, letters: Sequence[NoticeRow], change: Change, now_ms: int) -> Acted:
    """A letter that nobody has yet says what is right, or is recalled; of one that was exported it is noted."""
    after = [(row, _letter(row, change, now_ms)) for row in letters if row.state != notices.ACKNOWLEDGED]
    new = [(was, now) for was, now in after if was != now]
    notices.write(connection, [now for _, now in new], now_ms)
    recalled = sum(now.state == notices.RECALLED for _, now in new)
    to_recall = sum(now.to_recall_ms is not None for _, now in new)
    return Acted(recalled=recalled, to_recall=to_recall, rewritten=len(new) - recalled - to_recall)


def _letter(row: NoticeRow, change: Change, now_ms: int) -> NoticeRow:
    body = json.loads(row.body)
    items = changed(body["items"], change)
    if items is None:
        return row
    if row.state == notices.EXPORTED:
        return row if row.to_recall_ms is not None else row._replace(to_recall_ms=now_ms)
    left = standing(items) if row.round == 1 else items
    if not left:
        return row._replace(state=notices.RECALLED)
    return row._replace(body=json.dumps({**body, "items": left}, ensure_ascii=False))
