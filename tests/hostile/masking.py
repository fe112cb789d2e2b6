"""H5: telephone numbers in every field that carries one, however written, as keys see them that may not."""

import contextlib
import json
import re
import unicodedata
from typing import Any

from tests.hostile.attack import Bench, attack
from tests.hostile.events import Event, event, now_ms
from tests.hostile.site import ADMIN, EVERYTHING, REVEAL, KeyAsked, Site, commands_ran
from tests.hostile.verdict import Verdict

SEPARATORS = re.compile(r"(?<=[0-9])(?:[\s().\-/\u2010-\u2015\u00a0+~|\[\]]|%20|%2[dD])+(?=[0-9])")


class Numbers:
    """Numbers that occur nowhere else: each field gets its own, so that a leak names its field."""

    def __init__(self) -> None:
        self.by_field: dict[str, str] = {}

    def new(self, field: str) -> str:
        """Eleven digits, a mobile number."""
        number = f"139{len(self.by_field) + 10:02d}7{len(self.by_field) * 7919 % 100_000:05d}"
        self.by_field[field] = number
        return number


def _written(numbers: Numbers) -> dict[str, str]:
    """One number in each of the ways in which people and machines write it."""
    n = {form: numbers.new(f"calling, {form}") for form in FORMS}
    return {form: write(n[form]) for form, write in FORMS.items()}


def _wide(digits: str) -> str:
    return "".join(chr(ord(digit) + 0xFEE0) for digit in digits)


def _circled(digits: str) -> str:
    return "".join("\u24ea" if digit == "0" else chr(0x245F + int(digit)) for digit in digits)


FORMS: dict[str, Any] = {
    "plain": lambda d: d,
    "with plus": lambda d: f"+86{d}",
    "with spaces": lambda d: f"{d[:3]} {d[3:7]} {d[7:]}",
    "with hyphens": lambda d: f"{d[:3]}-{d[3:7]}-{d[7:]}",
    "with brackets": lambda d: f"({d[:4]}){d[4:7]}.{d[7:]}",
    "with 00": lambda d: f"0086 {d[:3]} {d[3:]}",
    "as sip": lambda d: f"sip:+86{d}@gateway.example;user=phone",
    "as tel": lambda d: f"tel:+86-{d[:3]}-{d[3:7]}-{d[7:]}",
    "with a name": lambda d: f"Zhang <{d}>",
    "full width": _wide,
    "with marks": lambda d: f"{d[:3]}~{d[3:7]}|{d[7:]}",
    "in an array": lambda d: f"[{d[:3]}][{d[3:7]}][{d[7:]}]",
    "in circles": _circled,
}


def _call(source: str, numbers: Numbers, at_ms: int) -> list[Event]:
    """A call with a number in every field that can carry one."""
    new = numbers.new
    agent, device = new("agent"), new("device")
    leg = {"connection": "a1", "device": device, "agent": agent}
    hold = {"connection": "c1", "heldConnection": "c1", "holdingDevice": device}

    def one(number: int, kind: str, data: dict[str, Any]) -> Event:
        return event(source, "masked", kind, at_ms + number * 1_000, data)

    opened = {"connection": "c1", "calling": f"+86{new('calling')}", "called": new("called"), "direction": "inbound"}
    return [
        one(
            0, "offered", opened | {"private": {"ani": new("private"), "deep": [{"x": f"tel {new('private, deep')}"}]}}
        ),
        one(0, "queued", {"connection": "c1", "queue": "q"}),
        one(0, "delivered", {"connection": "a0", "device": new("device, first"), "agent": new("agent, first")}),
        one(15, "diverted", {"connection": "a0", "to": new("diverted to"), "cause": "redirected"}),
        one(15, "delivered", leg),
        one(16, "established", {**leg, "answering": new("answering")}),
        one(17, "digitsGenerated", {"connection": "c1", "digits": new("digits")}),
        one(18, "held", hold),
        one(19, "retrieved", hold | {"holdingDevice": new("holdingDevice, other")}),
        one(
            20, "agentAction", {"action": "disposition", "agent": agent, "disposition": "callback", "note": _note(new)}
        ),
        one(21, "recordingAvailable", {"connection": "c1", "recording": f"rec/20261128-{new('recording')}.wav"}),
        one(22, "transferred", {"connection": "c1", "blind": True, "reason": "transfer", "to": new("transferred to")}),
        one(24, "connectionCleared", {"connection": "c1", "releasingDevice": new("releasingDevice")}),
        one(25, "callCleared", {}),
    ]


def _note(new: Any) -> str:
    return f"calls back on {new('note')}; wife: {(n := new('note, hyphens'))[:3]}-{n[3:7]}-{n[7:]}"


def leaks(text: str, numbers: Numbers) -> list[str]:
    """The fields whose number can be read in `text`, whatever stands between its digits."""
    with contextlib.suppress(ValueError):
        text += json.dumps(json.loads(text), ensure_ascii=False)  # what is written as an escape is read too
    plain = SEPARATORS.sub("", unicodedata.normalize("NFKC", text))
    return [field for field, number in numbers.by_field.items() if number in plain]


@attack("H5-masking", 90)
async def masking(bench: Bench, verdict: Verdict) -> None:
    """A call with a number in each of some twenty fields, calls whose caller is written in ten ways, a source that is a
    number. A key with calls:read, and a new admin key, read the call, the lists, records, breaches, figures and CSV:
    no number may be readable. A key with numbers:reveal must see them. Metrics and the log must not show the source's.
    """
    numbers, hidden = Numbers(), Numbers()
    async with bench.site() as site:
        writing, reading, admin = await site.keys(
            KeyAsked(), KeyAsked(scopes="calls:read"), KeyAsked(scopes=f"{EVERYTHING},{ADMIN}")
        )
        events = _call("/switches/mask", numbers, now_ms() - 60_000)
        for form, caller in _written(numbers).items():
            data = {"connection": "c1", "calling": caller, "called": "95598", "direction": "inbound"}
            events += [event("/switches/mask", form, kind, now_ms() - 50_000, data) for kind in ("offered",)]
            events.append(event("/switches/mask", form, "callCleared", now_ms() - 40_000))
        hidden.by_field["source"] = "13987654321"
        masked_source = "4321@pbx"  # what remains of it, where it is shown
        late = event("sip:+8613987654321@pbx", "s", "offered", now_ms() - 60_000, {"connection": "c1"})
        posts = [(await site.post(writing, part)).status for part in (events, [late])]
        verdict.figure["posts"] = posts
        verdict.must(set(posts) == {202}, "the events are taken")
        ended = await site.comes(reading, 10.0, len(FORMS) + 1, state="ended", limit="100")
        verdict.must(ended is not None, "every call has its record")
        for name, key in {"calls:read": reading, "admin": admin}.items():
            found = await _leaked(site, key, numbers)
            verdict.figure[f"readable with {name}"] = found
            verdict.must(not found, f"a key with {name} alone reads no number")
        outside = [(await site.seen("", "/metrics")).text, site.process.log()]
        verdict.must(all(masked_source in text for text in outside), "metrics and the log name the source at all")
        shown = {
            where: leaks(text, hidden) + leaks(text, numbers)
            for where, text in zip(("metrics", "log"), outside, strict=True)
        }
        verdict.figure["outside"] = shown
        verdict.must(not any(shown.values()), "metrics and the log show no number")
        await _revealed(site, numbers, verdict)


async def _pages(site: Site, key: str) -> dict[str, str]:
    """Everything that a key can read of the calls."""
    pages = {
        path: (await site.seen(key, path, limit="100")).text for path in ("/v1/calls", "/v1/records", "/v1/breaches")
    }
    pages["csv"] = (await site.seen(key, "/v1/calls", accept="text/csv", limit="100")).text
    pages["breaches csv"] = (await site.seen(key, "/v1/breaches", accept="text/csv", limit="100")).text
    for group in ("agent", "queue"):
        pages[f"indicators by {group}"] = (await site.seen(key, "/v1/indicators", by=group)).text
    for call in await site.listed(key, limit="100"):
        pages[f"call {call['subject']}"] = (await site.seen(key, f"/v1/calls/{call['call']}")).text
    return pages


async def _leaked(site: Site, key: str, numbers: Numbers) -> dict[str, list[str]]:
    """By field: where its number can be read."""
    found = dict[str, list[str]]()
    for where, text in (await _pages(site, key)).items():
        for field in leaks(text, numbers):
            found.setdefault(field, []).append(where)
    return found


async def _revealed(site: Site, numbers: Numbers, verdict: Verdict) -> None:
    """A key that may see numbers sees them."""
    [(code, out, said)] = await commands_ran([KeyAsked(scopes=f"calls:read,{REVEAL}").arguments(site.db)])
    if code:
        verdict.figure["with numbers:reveal"] = said.strip().rpartition("\n")[2]
        verdict.must(False, "a key with numbers:reveal can be made")
        return
    pages = await _pages(site, json.loads(out)["key"])
    seen = {field for text in pages.values() for field in leaks(text, numbers)}
    unseen = sorted(set(numbers.by_field) - seen)
    verdict.figure["hidden with numbers:reveal"] = unseen
    verdict.must(not unseen, "a key with numbers:reveal reads every number")
