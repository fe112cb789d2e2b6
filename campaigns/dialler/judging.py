"""What the orders of a lane have come to, as far as it is new: pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from campaigns.core.after import HeldLong
from campaigns.dialler.order_ids import campaign_of_order, contact_of_order
from campaigns.dialler.orders import question
from campaigns.dialler.outcomes import UNSETTLED, Judgement, judged, script_of
from campaigns.ledger.rows import CampaignRow
from cti.dial.rows import CALL_COMMANDS, MAKE_CALL, SNAPSHOT_CALL, DialFact, DialOrderRow, OrderState, SourceWord

HELD_LOOK_MS = 60_000
NOTHING = (None, (), False, None)  # the key of an order of which nothing is known yet
SENT_ALONE = {"sent_at_ms"}


class News(NamedTuple):
    """An order of which something is new. `about`: all orders about it. `key`: what is new, to be taken once."""

    order: OrderState
    about: Sequence[OrderState]
    facts: Sequence[DialFact]
    judgement: Judgement
    key: object

    @property
    def contact(self) -> str:
        return contact_of_order(self.order.order.id)

    @property
    def settled(self) -> list[OrderState]:
        """The order and all about it, as far as they are not settled yet."""
        return [order for order in (self.order, *self.about) if order.state in UNSETTLED]


class Before(NamedTuple):
    """A judgement, and what it was made of. No question was asked about the order."""

    order: OrderState
    facts: Sequence[DialFact]
    made_ms: int
    judgement: Judgement
    key: object

    def holds(self, order: OrderState, facts: Sequence[DialFact], now_ms: int) -> bool:
        """Whether it would be made again: of a call of which nothing is decided, until it is to be looked at. Before
        that no judgement asks how far the log is read (`cti.dial.silence`).
        """
        look_at_ms = self.judgement.look_at_ms
        undecided = self.judgement.outcome is None and order.order.command == MAKE_CALL and not self.judgement.two_calls
        is_early = look_at_ms is not None and self.made_ms <= now_ms < look_at_ms
        return undecided and is_early and self.order == order and self.facts == facts


@dataclass
class Judged:
    """`live`: orders whose call may be under way. `orphans`, `stray`: nobody waits for these orders and facts."""

    news: list[News] = field(default_factory=list)
    live: set[str] = field(default_factory=set)
    orphans: list[OrderState] = field(default_factory=list)
    stray: list[DialFact] = field(default_factory=list)
    look_at_ms: list[int] = field(default_factory=list)


def judge_all(
    orders: Sequence[OrderState],
    late: Mapping[str, OrderState],
    facts: Iterable[DialFact],
    campaigns: Mapping[str, CampaignRow],
    words: Mapping[str, SourceWord],
    now_ms: int,
    taken: Mapping[str, object],
    before: dict[str, Before] | None = None,
) -> Judged:
    """`late`: settled orders that facts have come for. `words`: by source. `taken`: what was new before, by order.
    `before`: judgements that may hold still; those that may hold next time take their place.
    """
    found = Judged()
    of_order: dict[str, list[DialFact]] = {}
    for fact in facts:
        of_order.setdefault(fact.commandid, []).append(fact)
    about: dict[str, list[OrderState]] = {}
    for state in orders:
        if state.order.about is not None:
            about.setdefault(state.order.about, []).append(state)
    calls = {state.order.id: state for state in orders if state.order.command in CALL_COMMANDS}
    kept, holding = before or {}, dict[str, Before]()
    for id_, order in {**late, **calls}.items():
        its_facts, its_about = of_order.pop(id_, []), about.pop(id_, [])
        row = campaigns.get(campaign_of_order(id_))
        if row is None:
            found.orphans += [orphan for orphan in (order, *its_about) if orphan.state in UNSETTLED]
            found.stray += its_facts
            continue
        was = kept.get(id_)
        if was is None or its_about or not was.holds(order, its_facts, now_ms):
            word = words.get(order.order.source)
            judgement = judged(order, its_about, its_facts, word, now_ms, script_of(row))
            was = Before(order, its_facts, now_ms, judgement, _key(judgement, order.order.command == MAKE_CALL, now_ms))
        if not its_about:
            holding[id_] = was
        judgement = was.judgement
        if judgement.look_at_ms is not None:
            found.look_at_ms.append(judgement.look_at_ms)
        if judgement.outcome is None and order.order.command == MAKE_CALL and order.state in UNSETTLED:
            found.live.add(id_)
        if judgement.ask or judgement.settle or taken.get(id_, NOTHING) != was.key:
            found.news.append(News(order, its_about, its_facts, judgement, was.key))
    if before is not None:
        before.clear()
        before.update(holding)
    found.orphans += [orphan for those in about.values() for orphan in those]
    found.stray += [fact for those in of_order.values() for fact in those]
    return found


def _key(judgement: Judgement, is_call: bool, now_ms: int) -> object:
    """When a thing is held is no news. What is held for good is looked at now and then: its contact may be final. That
    a call was sent is written with what comes of it, which is known within seconds: alone it would cost each call a
    turn more.
    """
    outcome = judgement.outcome
    if outcome is None and is_call and judgement.columns.keys() == SENT_ALONE:
        return NOTHING
    if isinstance(outcome, HeldLong):
        return HeldLong, now_ms // HELD_LOOK_MS
    said = None if outcome is None else (type(outcome), getattr(outcome, "disposition", None))
    return said, tuple(sorted(judgement.columns.items())), judgement.two_calls, judgement.pause


def next_question(news: News, ledger_ms: int) -> DialOrderRow:
    """Its number follows that of the last one. The questions about an order that was settled are read no more: one that
    is asked about again, because a late fact came, is numbered by the second.
    """
    if news.order.state not in UNSETTLED:
        return question(news.order.order, ledger_ms // 1_000, ledger_ms)
    asked = sum(order.order.command == SNAPSHOT_CALL for order in news.about)
    return question(news.order.order, asked + 1, ledger_ms)


def still(taken: Mapping[str, object], ids: Collection[str], final: Collection[str]) -> dict[str, object]:
    """What was new, of orders that are still there and whose contacts have not become final."""
    return {id_: key for id_, key in taken.items() if id_ in ids and contact_of_order(id_) not in final}
