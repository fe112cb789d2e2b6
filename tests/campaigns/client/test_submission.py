"""A file becomes a campaign: what is asked of the service, what is shown, what the exit code says."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from campaigns.client.media import media_of
from campaigns.client.options import most
from campaigns.client.submission import Wish, submit
from campaigns.client.terminal import Terminal
from tests.campaigns.client.scripted_service import Service, door_to, problem

C = "/campaigns/c1"
HEAD = "\ufeffaccount,number,error\r\n"
NEXT: dict[str, Any] = {
    "text": {"en": "Rest hours", "zh": "休息时段"},
    "until": "2026-03-04T06:00:00Z",
    "why": "quiet_hours",
    "rule": "CB-1",
}


def campaign(state: str, **progress: int) -> dict[str, Any]:
    return {
        "id": "c1", "name": "march", "kind": "arrears", "state": state, "zone": "Asia/Shanghai", "next": NEXT,
        "progress": {"contacts": 9, **progress},
    }  # fmt: skip


def imported(state: str = "done", **counts: Any) -> dict[str, Any]:
    held = {"received": 100, "accepted": 95, "rejected": 4, "merged": 1, "contacts": 90}
    return {"n": 1, "state": state, **held, **counts}


def working(*imports: dict[str, Any]) -> Service:
    """One that does all that is asked of it."""
    service = Service()
    service.will("POST", "/campaigns", (201, campaign("draft")))
    first, *later = imports or (imported("running", received=0), imported("running"), imported())
    service.will("POST", f"{C}/imports", (202, first))
    service.will("GET", f"{C}/imports/1", *((200, one) for one in later or [first]))
    rows = "".join(f"{row},1,{row}: number: TYPE: no number\r\n" for row in range(1, 41))
    service.will("GET", f"{C}/imports/1/rejected", (200, (HEAD + rows).encode()))
    service.will("GET", C, (200, campaign("draft")), (200, campaign("running")))
    service.will("POST", f"{C}/start", (202, campaign("running")))
    return service


async def done(
    service: Service, folder: Path, answer: str | None = "y", limit: str = "5%", **wishes: bool
) -> tuple[int, dict[str, Any], str]:
    """(exit code, JSON, what was shown)"""
    file, out = folder / "march.csv", io.StringIO()
    file.write_text("account,number\n1,13812345678\n")
    body = {"name": "march", "kind": "arrears", "switch": "s1", "trunk_group": "main"}
    wish = Wish(file, body, most(limit), wishes.get("yes", False), wishes.get("wait", False))
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return answer or ""

    async with door_to(service) as door:
        code, found = await submit(door, wish, Terminal(out, None if answer is None else ask))
    return code, found, out.getvalue() + "".join(asked)


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


async def test_it_is_created_imported_shown_and_started_with_the_contacts_that_were_shown(tmp_path: Path) -> None:
    service = working()
    code, found, shown = await done(service, tmp_path)
    assert code == 0
    counts = {name: found[name] for name in ("received", "accepted", "rejected", "merged", "contacts", "started")}
    assert counts == {
        "received": 100, "accepted": 95, "rejected": 4, "merged": 1, "contacts": 90, "started": True
    }  # fmt: skip
    assert (found["campaign"], found["state"], found["next"]["rule"]) == ("c1", "running", "CB-1")
    assert json.loads(service.of("POST", f"{C}/start")[0].body) == {"contacts": 90}
    assert len(service.of("GET", f"{C}/imports/1")) == 2, "looked at until it had ended"
    assert "received 100, accepted 95, rejected 4, merged 1, contacts 90" in shown
    assert "  1: number: TYPE: no number\n" in shown
    assert "  6: number" not in shown, "the first few"
    assert "ringback campaign export c1 --what rejected" in shown, "and where the others are"
    assert "next      2026-03-04 14:00 Asia/Shanghai; quiet_hours CB-1; Rest hours" in shown
    assert "start with 90 contacts?" in shown


async def test_a_sample_of_what_is_said_is_shown_before_anything_is_dialled(tmp_path: Path) -> None:
    said = {
        "opening": {"zh": "您好"},
        "gate": {"key": "1"},
        "body": {"zh": "欠费5元"},
    }
    service = working(imported() | {"sample": {"contact": "c1-1", "on_answer": said}})
    _, found, shown = await done(service, tmp_path, answer="n")
    assert found["sample"]["on_answer"] == said
    heard = "  opening  您好\n  gate     goes on after key 1\n  body     欠费5元\n"
    assert f"one contact would hear:\n{heard}" in shown


@pytest.mark.parametrize("answer", ["n", "", "maybe"])
async def test_without_a_yes_it_stays_a_draft(tmp_path: Path, answer: str) -> None:
    service = working()
    code, found, shown = await done(service, tmp_path, answer)
    assert (code, found["started"], found["contacts"]) == (1, False, 90)
    assert service.of("POST", f"{C}/start") == []
    assert "stays a draft; `ringback campaign start c1` starts it" in shown


@pytest.mark.parametrize(("limit", "code"), [("4%", 0), ("3.9%", 3), ("4", 0), ("3", 3)])
async def test_more_rejected_rows_than_the_limit_leave_a_draft_even_with_yes(
    tmp_path: Path, limit: str, code: int
) -> None:
    service = working()
    got, found, shown = await done(service, tmp_path, None, limit, yes=True)
    assert (got, found["started"]) == (code, code == 0)
    assert len(service.of("POST", f"{C}/start")) == (code == 0)
    assert ("stays a draft" in shown) is (code == 3)
    assert found["rejected_rows"][0] == "1: number: TYPE: no number"


async def test_an_import_that_failed_leaves_a_draft(tmp_path: Path) -> None:
    service = working(imported("failed", contacts=0) | {"error": "not a CSV"})
    code, found, shown = await done(service, tmp_path, yes=True)
    assert (code, found["started"]) == (1, False)
    assert "the import failed: not a CSV" in shown


async def test_a_refused_campaign_says_why_in_the_json_too(tmp_path: Path) -> None:
    service = Service()
    faults = [{"pointer": "/switch", "rule": "unknown", "detail": "no such switch"}]
    service.will("POST", "/campaigns", (422, problem("cannot_dial", 422, errors=faults)))
    code, found, shown = await done(service, tmp_path, yes=True)
    assert (code, found["campaign"], found["received"], found["problem"]["code"]) == (1, None, None, "cannot_dial")
    assert "cannot_dial (422): why cannot_dial\n  /switch: no such switch [unknown]" in shown


async def test_contacts_that_changed_meanwhile_are_not_started(tmp_path: Path) -> None:
    service = working()
    service.answers["POST", f"/v1{C}/start"].clear()
    service.will("POST", f"{C}/start", (409, problem("contacts_changed", 409, contacts=91)))
    code, found, shown = await done(service, tmp_path, yes=True)
    assert (code, found["started"], found["problem"]["contacts"]) == (1, False, 91)
    assert "c1 stays a draft" in shown


@pytest.mark.parametrize(("state", "code"), [("running", 0), ("draft", 1)])
async def test_a_start_whose_answer_was_lost_is_looked_up(tmp_path: Path, state: str, code: int) -> None:
    service = working()
    service.answers["POST", f"/v1{C}/start"].clear()
    service.will("POST", f"{C}/start", (503, problem("ledger_away", 503)), (409, problem("wrong_state", 409)))
    service.answers["GET", f"/v1{C}"].clear()
    service.will("GET", C, (200, campaign("draft")), (200, campaign(state)))
    got, found, _ = await done(service, tmp_path, yes=True)
    assert (got, found["started"]) == (code, code == 0)


async def test_it_waits_until_every_contact_is_final(tmp_path: Path) -> None:
    service = working()
    service.answers["GET", f"/v1{C}"].clear()
    over = campaign("done", reached=7, fallback=2)
    service.will("GET", C, *((200, one) for one in (campaign("draft"), campaign("running", waiting=9), over)))
    code, found, shown = await done(service, tmp_path, yes=True, wait=True)
    assert (code, found["state"], found["progress"]) == (0, "done", over["progress"])
    assert "contacts  9: waiting 9" in shown
    assert "contacts  9: reached 7, fallback 2" in shown


@pytest.mark.parametrize("content", [b'{"account": 1}\n', b"PK\x03\x04"])
async def test_a_file_is_sent_as_what_it_is(tmp_path: Path, content: bytes) -> None:
    service = working(imported(dropped=["身份证号"], hidden_sheets=["草稿"], sheet="三月"))
    file, out = tmp_path / "march.csv", io.StringIO()
    file.write_bytes(content)
    wish = Wish(file, {"name": "march"}, most("5%"), True, False, sheet="三月")
    async with door_to(service) as door:
        assert (await submit(door, wish, Terminal(out, None)))[0] == 0
    (sent,) = service.of("POST", f"{C}/imports")
    assert sent.headers["Content-Type"] == media_of(file) != "text/csv"
    assert dict(sent.query) == {"file": "march.csv", "sheet": "三月"}
    assert "not kept: 身份证号" in out.getvalue()
    assert "hidden ones: 草稿" in out.getvalue()
