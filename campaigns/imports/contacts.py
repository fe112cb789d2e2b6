"""Accounts as rows of the table of contacts: their state, their hours class, their deadlines.

Deadlines: those that the campaign was asked for hold for all. Otherwise an outage's contacts have their own, counted
from when the power goes off: told before the first of its outages, given up after the last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from campaigns.core.contact import Contact, Phone
from campaigns.core.deadlines import Deadlines, default_deadlines, of_all
from campaigns.core.operator_rules import OperatorRules
from campaigns.core.reasons import FINAL_STATES, State, Why
from campaigns.core.waiting import next_deadline
from campaigns.imports.accounts import Person, Rejection, Settled, Staged, item_key, settled
from campaigns.imports.cells import moment_ms
from campaigns.imports.header import NUMBER
from campaigns.imports.rows import RESIDENT
from campaigns.imports.staging import Parts, reach_of, staged_row
from campaigns.kinds import DeadlineRule, Kind, known_kinds
from campaigns.ledger import compiled
from campaigns.ledger.imported import Before
from campaigns.ledger.imports import Counts
from campaigns.ledger.rows import CampaignRow, ContactRow, HoursClassRow, ImportRow
from campaigns.ledger.tables import FAR
from campaigns.outages.agreeing import NOTHING_CHANGED, Agreed

HOURS_CLASSES_MAX = 500  # of a campaign
REMEMBERED_MAX = 4_096
FINAL, LIMIT = "FINAL", "LIMIT"
YES = "yes"
NO_NUMBER = Why.NO_NUMBER.value
LOOKED_AT = frozenset({State.WAITING.value, State.PERSON.value})
"""Who has more numbers than before may be called anew: important contacts of an outage beside a person's work."""


class Made(NamedTuple):
    """What a batch of accounts comes to."""

    new: Sequence[ContactRow]
    classes: Sequence[HoursClassRow]
    added_to: Sequence[ContactRow]
    rejected: Sequence[Rejection]
    counts: Counts


class Maker:
    """Makes the contacts of one import into `campaign`. `classes`: those that it has; they grow."""

    def __init__(
        self, campaign: CampaignRow, import_: ImportRow, rules: OperatorRules, now_ms: int, last_no: int,
        classes: set[str],
    ) -> None:  # fmt: skip
        self.campaign, self._import, self._rules, self._now_ms = campaign, import_, rules, now_ms
        self._core = compiled.campaign_of(campaign, rules)
        self._kind = known_kinds()[campaign.kind]
        self.last_no, self.classes = last_no, classes
        self._class_by_reach: dict[Any, str] = {}
        self._deadlines: dict[Any, Deadlines] = {}
        same = self._of_campaign()
        self._same_for_all = None if same is None else (same, self._acting_ms(same))

    def made(
        self,
        accounts: Mapping[str, Sequence[tuple[int, Parts]]],
        before: Mapping[str, Before],
        agreed: Agreed = NOTHING_CHANGED,
    ) -> Made:
        """`accounts`: their rows, in the order of their first. `agreed`: what was changed of their outages. Raises
        nothing; the next `last_no` is set.
        """
        new, added, rejected = list[ContactRow](), list[ContactRow](), list[Rejection]()
        classes: dict[str, HoursClassRow] = {}
        accepted = merged = 0
        for account, every in accounts.items():
            found, in_doubt = agreed.of(every)
            rejected += in_doubt
            if not found:
                continue
            there = before.get(account)
            if there is None and len(found) == 1:
                alone = self._new(account, found[0][1], None)
                if self._class_fits(alone, classes):
                    new.append(alone)
                    self.last_no += 1
                    accepted += 1
                    continue
            rows = [staged_row(number, parts) for number, parts in found]
            if there is None:
                result = settled(self._kind, rows)
                row = self._new(account, _parts_of(result.person), result.person) if result.accepted else None
            else:
                result, row = self._more(there, rows)
            if row is not None and not self._class_fits(row, classes):
                result, row = self._refused(rows), None
            if row is not None:
                (new if there is None else added).append(row)
                self.last_no += there is None
            accepted, merged = accepted + result.accepted, merged + result.merged
            rejected += result.rejected
        self.classes |= classes.keys()
        counts = Counts(accepted, len(rejected), merged, len(new))
        return Made(new, list(classes.values()), added, rejected, counts)

    def _refused(self, rows: Sequence[Staged]) -> Settled:
        what = f"the campaign has contacts of {HOURS_CLASSES_MAX} classes of hours, no more are possible"
        return Settled(Person(), 0, 0, [Rejection(row.row, NUMBER, LIMIT, what) for row in rows])

    def _class_fits(self, row: ContactRow, classes: dict[str, HoursClassRow]) -> bool:
        name = row.hours_class
        if row.phones == "[]" or name in self.classes or name in classes:
            return True
        if len(self.classes) + len(classes) >= HOURS_CLASSES_MAX:
            return False
        _, customer_class, zones = name.split("|")[:3]
        classes[name] = HoursClassRow(row.campaign, name, compiled.import_no(name), customer_class, zones)
        return True

    # -- new contacts --------------------------------------------------------------------------------------------------

    def _new(self, account: str, parts: Parts, person: Person | None) -> ContactRow:
        """`person`: of an account with several rows."""
        no = self.last_no + 1
        important = parts.important == YES
        state = State.WAITING if parts.reach else State.PERSON if important else State.EXPIRED
        deadlines, acting_ms = self._deadlines_of(parts, person)
        return ContactRow(
            id=f"{self.campaign.id}-{no}",
            campaign=self.campaign.id,
            tenant=self.campaign.tenant,
            no=no,
            account=account,
            name=parts.name,
            address=parts.address,
            customer_class=parts.customer_class or RESIDENT,
            important=int(important),
            phones=parts.phones,
            items=f"[{parts.item}]" if person is None else _json(list(person.items.values())),
            kept=parts.kept,
            state=state.value,
            round=1,
            decided_upto=0,
            handed_over=0,
            promise_date=None,
            hours_class=self._class_of(parts),
            next_at_ms=self._import.made_at_ms if parts.reach else FAR,
            deadline_at_ms=FAR if state is State.EXPIRED else acting_ms,
            notice_out_by_ms=deadlines.notice_out_by_ms,
            fallback_by_ms=deadlines.fallback_by_ms,
            expires_at_ms=deadlines.expires_at_ms,
            notice_out_ms=None,
            notice_missed=0,
            waits_for=None,
            why=None if parts.reach else NO_NUMBER,
            version=1,
        )

    def _class_of(self, parts: Parts) -> str:
        known = (parts.customer_class, parts.important, parts.reach)
        name = self._class_by_reach.get(known)
        if name is None:
            phones = tuple(Phone(number, tuple(zones)) for number, zones in from_json(parts.phones))
            contact = Contact("", parts.customer_class or RESIDENT, phones, important=parts.important == YES)
            name = compiled.hours_class(self._import.no, contact, self._core)
            _remember(self._class_by_reach, known, name)
        return name

    def _deadlines_of(self, parts: Parts, person: Person | None) -> tuple[Deadlines, int]:
        """And when one acts on a new contact."""
        if self._same_for_all is None:
            items = [from_json(parts.item)] if person is None else list(person.items.values())
            deadlines = self._of_items(items)
            return deadlines, self._acting_ms(deadlines)
        return self._same_for_all

    def _of_campaign(self) -> Deadlines | None:
        """None: each contact has its own."""
        row = self.campaign
        if row.deadlines_given or self._kind.deadlines is not DeadlineRule.STARTS_AT:
            return Deadlines(row.notice_out_by_ms, row.fallback_by_ms, row.expires_at_ms, bool(row.provisional))
        return None

    def _of_items(self, items: Sequence[Mapping[str, str]]) -> Deadlines:
        times = tuple((item["starts_at"], item["restores_at"]) for item in items)
        found = self._deadlines.get(times)
        if found is None:
            found = of_all([self._of_outage(*span) for span in times])
            _remember(self._deadlines, times, found)
        return found

    def _of_outage(self, starts_at: str, restores_at: str) -> Deadlines:
        return default_deadlines(
            self._rules.deadlines, self._rules.hours.calendar, self._kind.name, self._import.made_at_ms,
            self.campaign.zone, moment_ms(starts_at), moment_ms(restores_at),
        )  # fmt: skip

    def _acting_ms(self, deadlines: Deadlines) -> int:
        notice_ms, fallback_ms, expires_ms, _ = deadlines
        campaign = replace(self._core, fallback_by_ms=fallback_ms, expires_at_ms=expires_ms)
        acting_ms = next_deadline(Contact("", RESIDENT, ()), campaign, self._now_ms)
        return min((at_ms for at_ms in (acting_ms, notice_ms) if at_ms is not None), default=FAR)

    # -- contacts of earlier imports -----------------------------------------------------------------------------------

    def _more(self, there: Before, rows: Sequence[Staged]) -> tuple[Settled, ContactRow | None]:
        row = there.row
        if State(row.state) in FINAL_STATES:
            what = f"the contact is final ({row.state})"
            return Settled(Person(), 0, 0, [Rejection(staged.row, "account", FINAL, what) for staged in rows]), None
        result = settled(self._kind, rows, _person_of(row, self._kind))
        if not result.accepted:
            return result, None
        return result, self._added(there, result.person)

    def _added(self, there: Before, person: Person) -> ContactRow:
        name, customer_class, important, address = person.own
        deadlines = self._of_items(list(person.items.values())) if self._same_for_all is None else self._same_for_all[0]
        row = there.row._replace(
            name=name,
            address=address,
            customer_class=customer_class or RESIDENT,
            important=int(important == YES),
            phones=_json(list(person.phones.items())),
            items=_json(list(person.items.values())),
            kept=_json(person.kept),
            notice_out_by_ms=deadlines.notice_out_by_ms,
            fallback_by_ms=deadlines.fallback_by_ms,
            expires_at_ms=deadlines.expires_at_ms,
        )
        contact = compiled.contact_of(row, there.attempts)
        number = compiled.import_no(row.hours_class)
        return row._replace(
            hours_class=compiled.hours_class(number, contact, self._core),
            next_at_ms=min(row.next_at_ms, self._now_ms) if row.state in LOOKED_AT else row.next_at_ms,
            deadline_at_ms=compiled.deadline_at_ms(row, contact, self._core, self._now_ms),
        )


def _person_of(row: ContactRow, kind: Kind) -> Person:
    items = {item_key(kind, item): item for item in from_json(row.items)}
    phones = dict(from_json(row.phones))
    important = YES if row.important else ""
    customer_class = "" if row.customer_class == RESIDENT else row.customer_class  # perhaps nobody has said it
    return Person([row.name, customer_class, important, row.address], phones, items, from_json(row.kept))


def _parts_of(person: Person) -> Parts:
    phones = list(person.phones.items())
    name, customer_class, important, address = person.own
    kept = _json(person.kept)
    return Parts(name, customer_class, important, address, reach_of(phones), _json(phones), "", kept)


def _remember(known: dict[Any, Any], key: object, value: object) -> None:
    if len(known) >= REMEMBERED_MAX:
        known.clear()
    known[key] = value


def _json(value: object) -> str:
    return to_json(value).decode()
