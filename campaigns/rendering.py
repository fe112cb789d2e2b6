"""The words of a contact: what a call says and a message writes, in both languages.

Templates run in Jinja2's sandbox with a fixed set of values and filters; a value that is missing is an error, never a
gap in a sentence. What comes out is `on_answer` of makeCall as the contract has it, the text of a message, and what
goes on record: the template, a hash of what was said, the amount.
"""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from campaigns.kinds import QUEUE_KEY, Kind, Text
from campaigns.value_forms import forms, money

ITEMS_SPOKEN_MAX = 6  # of an account; of more the sums are told
WORDS_CHARS_MAX = 2_000  # as the schema of commands allows
TEMPLATES_KEPT = 512
LANGUAGES = ("zh", "en")
OF_THE_SPEAKER = ("caller", "call_back")  # values that are the same for all contacts
WHITE = re.compile(r"\s+")


class CannotSay(Exception):
    """The words of this contact cannot be made; the message says which template and why."""


class Speaker(NamedTuple):
    """Who speaks. `queue`: where key 0 leads; None: it is not offered. `call_back`: the number to call."""

    caller: Text
    call_back: str
    zone: str
    queue: str | None = None
    queue_wait_s: int = 60


class Account(NamedTuple):
    """Who is told what. Items carry text in canonical form: ISO dates and times, decimal amounts, months as 2026-02."""

    account: str
    name: str
    items: Sequence[Mapping[str, str]]


class Said(NamedTuple):
    """What is said, and what of it goes on record."""

    on_answer: Mapping[str, Any]
    message: Mapping[str, str]
    template: str
    sha256: str
    amount: str | None


class Part(StrEnum):
    """What is said or written: a call, a message."""

    CALL = "call"
    MESSAGE = "message"


def said_to(
    kind: Kind,
    speaker: Speaker,
    account: Account,
    languages: Sequence[str] = LANGUAGES,
    parts: Collection[Part] = frozenset(Part),
) -> Said:
    """Raises CannotSay. The items are those of the day: what is owed today stands in them. What is not asked for is
    left empty; the hash is of what is there.
    """
    sums = {name: _sum(account.items, name) for name in kind.sums}
    told_sums = {name: str(amount) for name, amount in sums.items()}
    values = {language: _values(kind, language, speaker, account, told_sums) for language in languages}

    def worded(part: str) -> dict[str, str]:
        text: Text = getattr(kind.words, part)
        name = f"{kind.name}.{part}"
        return {
            language: _rendered(name, getattr(text, language), language, speaker.zone, values[language])
            for language in languages
        }

    on_answer = _on_answer(kind, speaker, languages, worded) if Part.CALL in parts else {}
    message = worded("message") if Part.MESSAGE in parts else {}
    record = json.dumps([on_answer, message], ensure_ascii=False, sort_keys=True)
    return Said(
        on_answer=on_answer,
        message=message,
        template=kind.name,
        sha256=hashlib.sha256(record.encode()).hexdigest(),
        amount=None if kind.amount is None else str(sums[kind.amount]),
    )


def _on_answer(
    kind: Kind, speaker: Speaker, languages: Sequence[str], worded: Callable[[str], dict[str, str]]
) -> dict[str, Any]:
    opening = worded("opening")
    keys = {key: action.value for key, action in kind.keys.items()}
    if speaker.queue is not None:
        hint = worded("queue_hint")
        opening = {language: _joined(opening[language], hint[language], language) for language in languages}
        keys[QUEUE_KEY] = "queue"
    said: dict[str, Any] = {"opening": opening}
    if kind.gate is not None:
        said["gate"] = kind.gate._asdict()
    said |= {"body": worded("body"), "on_machine": worded("on_machine"), "keys": keys}
    if speaker.queue is not None:
        said |= {"queue": speaker.queue, "queue_wait_s": speaker.queue_wait_s}
    return said


def _joined(first: str, second: str, language: str) -> str:
    return first + second if language == "zh" else f"{first} {second}"


def _values(
    kind: Kind, language: str, speaker: Speaker, account: Account, sums: Mapping[str, str]
) -> dict[str, object]:
    absent = {field.name: "" for field in kind.fields if not field.required}
    absent |= dict.fromkeys((*kind.marks, *kind.computed), "")
    return {
        "caller": getattr(speaker.caller, language),
        "call_back": speaker.call_back,
        "account": account.account,
        "name": account.name,
        "items": tuple({**absent, **item} for item in account.items[:ITEMS_SPOKEN_MAX]),
        "more": max(0, len(account.items) - ITEMS_SPOKEN_MAX),
        "sums": dict(sums),
    }


def _sum(items: Sequence[Mapping[str, str]], name: str) -> Decimal:
    try:
        return sum((Decimal(item[name]) for item in items), Decimal("0.00"))
    except (KeyError, InvalidOperation) as error:
        raise CannotSay(f"{name} of an item is no amount") from error


def _rendered(name: str, template: str, language: str, zone: str, values: Mapping[str, object]) -> str:
    """What names nobody is the same for all contacts, and filled once."""
    if _names_nobody(template, language, zone):
        return _once(name, template, language, zone, tuple(str(values[key]) for key in OF_THE_SPEAKER))
    return _filled(name, template, language, zone, values)


@lru_cache(maxsize=TEMPLATES_KEPT)
def _once(name: str, template: str, language: str, zone: str, speaker: tuple[str, ...]) -> str:
    return _filled(name, template, language, zone, dict(zip(OF_THE_SPEAKER, speaker, strict=True)))


@lru_cache(maxsize=TEMPLATES_KEPT)
def _names_nobody(template: str, language: str, zone: str) -> bool:
    """Whether it has no other values than the speaker's; one that cannot be read has not."""
    try:
        found = find_undeclared_variables(_environment(language, zone).parse(template))
    except TemplateError:
        return False
    return found <= set(OF_THE_SPEAKER)


def _filled(name: str, template: str, language: str, zone: str, values: Mapping[str, object]) -> str:
    try:
        made = _template(template, language, zone)
        # `render` would copy the environment's globals for each contact. There are none.
        text = "".join(made.root_render_func(made.new_context(dict(values), shared=True)))
    except (TemplateError, ValueError, ArithmeticError, TypeError, LookupError) as error:
        raise CannotSay(f"{name} ({language}): {error}") from error
    text = WHITE.sub(" ", text).strip()
    if not 0 < len(text) <= WORDS_CHARS_MAX:
        raise CannotSay(f"{name} ({language}): {len(text)} characters, 1 to {WORDS_CHARS_MAX} can be said")
    return text


@lru_cache(maxsize=TEMPLATES_KEPT)
def _template(template: str, language: str, zone: str) -> Template:
    return _environment(language, zone).from_string(template)


class _Environment(ImmutableSandboxedEnvironment):
    """`item.amount` is mostly a key: to look for an attribute first costs an exception each time."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


@lru_cache(maxsize=TEMPLATES_KEPT)
def _environment(language: str, zone: str) -> ImmutableSandboxedEnvironment:
    environment = _Environment(undefined=StrictUndefined, autoescape=False)  # speech, no markup
    environment.globals.clear()  # no range, no namespace: a template has its values and nothing else
    formats = forms(language, ZoneInfo(zone))
    environment.filters.update(
        {
            "day": formats.day,
            "months": formats.months,
            "moment": formats.moment,
            "money": money,
            "per_mille": formats.share,
        }
    )
    return environment
