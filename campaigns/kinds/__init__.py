"""The kinds of campaigns as data. Each module of this package is one kind and has it as `KIND`; a new kind is one new
module.

Words are templates (Jinja2, sandboxed), filled by `campaigns.rendering`. A kind with a gate says no amount, name or
account in its opening, and none on a machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import NamedTuple

from campaigns.core.reasons import Channel, FallbackKind, KeyAction


class FieldType(StrEnum):
    """How the text of a column is read."""

    TEXT = "text"
    DATE = "date"
    MOMENT = "moment"  # a date with a time
    MONTHS = "months"  # one or more
    MONEY = "money"
    NUMBER = "number"
    YES_NO = "yes_no"


class Field(NamedTuple):
    """A column of the kind: its name, its Chinese headers, how it is read."""

    name: str
    headers: tuple[str, ...]
    type: FieldType
    required: bool = True


class Text(NamedTuple):
    """A template in both languages."""

    zh: str
    en: str


class Words(NamedTuple):
    """What is said and written. `queue_hint` is added to the opening where key 0 is offered."""

    opening: Text
    queue_hint: Text
    body: Text
    on_machine: Text
    message: Text


class Gate(NamedTuple):
    """The opening asks for this key before anything of the account is said."""

    key: str
    timeout_s: int
    repeats: int


class DeadlineRule(StrEnum):
    """What the deadlines are counted from."""

    WORKING_DAYS = "working_days"  # after the receipt
    STARTS_AT = "starts_at"  # of the outage
    NONE = "none"  # each contact has its own, or none


class Defaults(NamedTuple):
    """Of a campaign that asks for nothing else."""

    channels: tuple[Channel, ...]
    attempts_max: int
    fallback: FallbackKind
    calls_per_second: int
    calls_at_once: int
    ring_timeout_s: int
    priority: int


@dataclass(frozen=True, slots=True)
class Kind:
    """`item_key`: the fields that tell an account's items apart. `sums`: the fields that are summed over the items;
    `amount`: the one of them that is noted as spoken. `stands`: its campaigns are made and started by the product, and
    end by age. `redials_cut`: a call that the network cut off is made again at once (CB-5). `has_letters`: there are
    letters for it, so that its fallback may be a written notice. `by_person`: an agent calls, nothing else. `samples`:
    of each fault a part is called (FOLLOW-1). `marks`: what an item may have that no file brings; `computed`: what it
    has beside its fields on the day on which it is spoken.
    """

    name: str
    rule: str
    fields: tuple[Field, ...]
    item_key: tuple[str, ...]
    defaults: Defaults
    deadlines: DeadlineRule
    keys: Mapping[str, KeyAction]
    words: Words
    sums: tuple[str, ...] = ()
    amount: str | None = None
    gate: Gate | None = None
    important_until_confirmed: bool = False
    marks: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    stands: bool = False
    redials_cut: bool = False
    has_letters: bool = True
    by_person: bool = False
    samples: bool = False


QUEUE_KEY = "0"
ACCOUNT_NOTICE = Defaults(
    channels=(Channel.AUTO,),
    attempts_max=3,
    fallback=FallbackKind.NOTICE,
    calls_per_second=1,
    calls_at_once=10,
    ring_timeout_s=30,
    priority=5,
)
"""Of the kinds that tell what an account owes."""
ACCOUNT_GATE = Gate(key="1", timeout_s=10, repeats=2)
GATE_KEYS: Mapping[str, KeyAction] = MappingProxyType(
    {"1": KeyAction.RIGHT_PARTY, "2": KeyAction.WRONG_PARTY, "3": KeyAction.NOT_CONVENIENT}
)
"""Offered by the opening before `ACCOUNT_GATE`."""


@cache
def known_kinds() -> Mapping[str, Kind]:
    """Every kind by its name."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    kinds: list[Kind] = [module.KIND for module in modules]
    return MappingProxyType({kind.name: kind for kind in kinds})
