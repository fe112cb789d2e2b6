"""The parts of the attacks that judge: each finds what it looks for."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any, cast

import pytest

from tests.benchmarks.stores import fresh_sqlite
from tests.hostile.__main__ import chosen
from tests.hostile.attack import ATTACKS, BOTH, SQLITE, Attack, Bench, Run, carried_out
from tests.hostile.events import event
from tests.hostile.every import ALL
from tests.hostile.masking import FORMS, Numbers, leaks
from tests.hostile.probing import Probe
from tests.hostile.product import HIT, hits
from tests.hostile.readings import samples
from tests.hostile.sending import send_all
from tests.hostile.site import Answer, Site
from tests.hostile.verdict import Verdict, spread
from tests.tidy.sources import ROOT


async def _entry(folder: Path, run: Run, limit_s: float = 5.0) -> dict[str, Any]:
    return await carried_out(Attack("sample", run, (SQLITE,), limit_s), Bench(SQLITE, fresh_sqlite, folder))


async def test_an_attack_passes_only_if_it_ends_and_no_rule_is_broken(tmp_path: Path) -> None:
    async def holds(_bench: Bench, verdict: Verdict) -> None:
        """Nothing."""
        verdict.must(True, "all is well")

    async def broken(_bench: Bench, verdict: Verdict) -> None:
        verdict.must(False, "a rule")

    async def fails(_bench: Bench, _verdict: Verdict) -> None:
        raise RuntimeError("no such site")

    async def hangs(_bench: Bench, verdict: Verdict) -> None:
        verdict.figure["seen"] = 1
        await asyncio.Event().wait()

    passed = await _entry(tmp_path, holds)
    assert (passed["tried"], passed["passed"], "wrong" in passed["figure"]) == ("Nothing.", True, False)
    assert (await _entry(tmp_path, broken))["figure"]["wrong"] == ["a rule"]
    failed = await _entry(tmp_path, fails)
    assert not failed["passed"]
    assert "RuntimeError: no such site" in failed["figure"]["wrong"][0]
    hung = await _entry(tmp_path, hangs, 0.01)
    assert (hung["passed"], hung["figure"]["seen"]) == (False, 1)


@pytest.mark.parametrize("form", FORMS)
def test_a_number_is_found_however_it_is_written(form: str) -> None:
    numbers = Numbers()
    written = FORMS[form](numbers.new("calling"))
    assert leaks(json.dumps({"calling": written}), numbers) == ["calling"]
    assert leaks(f"a,{written},b", numbers) == ["calling"]


def test_a_masked_number_is_none() -> None:
    numbers = Numbers()
    digits = numbers.new("calling")
    assert leaks(json.dumps({"calling": f"+86{digits[:3]}*****{digits[-4:]}"}), numbers) == []


def test_the_times_are_those_at_their_shares() -> None:
    assert spread([float(n) for n in range(1, 101)]) == {"count": 100, "p50_ms": 50.0, "p99_ms": 99.0, "max_ms": 100.0}
    assert spread([])["p99_ms"] is None


def test_metrics_are_read_with_their_labels() -> None:
    text = '# HELP a b\na_total{source="x",tenant="t"} 2.0\na_total{source="other"} 1.0\nb -5.0\n'
    assert samples(text) == {
        "a_total": [({"source": "x", "tenant": "t"}, 2.0), ({"source": "other"}, 1.0)],
        "b": [({}, -5.0)],
    }


async def test_what_is_sent_must_be_accepted_and_is_sent_again_where_it_may(tmp_path: Path) -> None:
    async def nothing_is_taken(bench: Bench, _verdict: Verdict) -> None:
        async with bench.site(start=False) as site:
            await site.sent("no key", [event("/switches/x", "x", "offered", 0)])

    entry = await _entry(tmp_path, nothing_is_taken)
    assert not entry["passed"]
    assert "NotCarriedOut" in entry["figure"]["wrong"][0]

    class Door:
        """Refuses for a moment, takes, then refuses for good."""

        def __init__(self) -> None:
            self.answers = [429, 202, 422]

        async def post(self, _key: str, events: list[Any]) -> Answer:
            body = {"accepted": len(events), "position": "0:2"}
            return Answer(self.answers.pop(0), {}, json.dumps(body), 0.0)

    sent = await send_all(cast("Site", Door()), "key", [[{}, {}], [{}]])
    assert (dict(sent.statuses), sent.accepted, sent.position) == ({429: 1, 202: 1, 422: 1}, 2, "0:2")


def test_few_answers_of_others_show_nothing() -> None:
    probe, verdict = Probe(), Verdict()
    probe.judge(verdict)
    assert not verdict.passed


def test_a_task_that_was_hit_is_read_from_the_log() -> None:
    log = json.dumps({HIT: "engine", "in": ["a.py"], "ended": True})
    assert hits(f"a line\n{log}\n") == [{HIT: "engine", "in": ["a.py"], "ended": True}]
    assert hits('{"event": "stopped"}') == []


def test_attacks_are_chosen_by_name_and_store() -> None:
    assert {(one.name, store) for one, store in chosen(None, "both")} == {
        (one.name, store) for one in ATTACKS.values() for store in one.stores
    }
    assert [(one.name, store) for one, store in chosen(["C2-flood"], "both")] == [("C2-flood", store) for store in BOTH]
    assert chosen(["M-file-mode"], "postgresql") == []
    with pytest.raises(KeyError):
        chosen(["C9"], SQLITE)


def test_every_attack_stands_on_the_page() -> None:
    page = (ROOT / "docs/faults.md").read_text("utf-8").partition("## Hostile clients")[2]
    assert set(re.findall(r"`((?:C|H|M)[0-9]?-[a-z0-9-]+)`", page)) == set(ALL)
    assert all(ATTACKS[name].run.__doc__ for name in ALL)
