"""Whole imports, on both databases."""

import json

import pytest

from campaigns.imports import receiving
from campaigns.imports.errors import SameFile, TooLarge, Truncated, WrongState
from campaigns.imports.receiving import Sent
from campaigns.ledger.tables import FAR, import_additions
from tests.campaigns.imports.site import ARREARS, BILLING, DAY_MS, HOUR_MS, OUTAGE, Site, csv_of, pieces
from tests.scheduler import START_MS


class KilledHere(Exception):
    """The process ends."""


NOTHING_LEFT = {"campaign_import_chunks": 0, "campaign_import_rows": 0}
FEBRUARY = {**ARREARS, "months": "2026-02", "arrears": "80.00", "total_due": "82.32"}


def counts(row: object) -> tuple[int, ...]:
    return tuple(getattr(row, name) for name in ("received", "accepted", "rejected", "merged", "contacts"))


async def test_a_row_becomes_a_contact(site: Site) -> None:
    campaign = await site.campaign("arrears")
    row = await site.of_rows(campaign, ARREARS)
    assert (row.state, row.error) == ("done", None)
    assert counts(row) == (1, 1, 0, 0, 1)
    (contact,) = await site.contacts()
    assert (contact.id, contact.no, contact.account, contact.name) == (f"{campaign.id}-1", 1, "A1", "张三")
    assert json.loads(contact.phones) == [["+8613800000001", ["Asia/Shanghai"]]]
    assert json.loads(contact.items)[0]["total_due"] == "123.48"
    assert (contact.state, contact.hours_class) == ("waiting", "1|resident|Asia/Shanghai")
    assert contact.fallback_by_ms == campaign.fallback_by_ms
    assert contact.deadline_at_ms == campaign.notice_out_by_ms
    assert contact.next_at_ms == START_MS
    assert await site.left() == NOTHING_LEFT


async def test_rows_of_an_account_are_one_contact_wherever_they_stand(site: Site) -> None:
    campaign = await site.campaign("arrears")
    other = {**ARREARS, "account": "A2", "number": "13800000002"}
    row = await site.of_rows(
        campaign, ARREARS, other, {**ARREARS, "number": "13800000009"}, FEBRUARY, ARREARS, {**ARREARS, "number": ""}
    )
    assert counts(row) == (6, 4, 1, 1, 2)
    first, second = await site.contacts()
    assert (first.account, second.account) == ("A1", "A2")
    assert [number for number, _ in json.loads(first.phones)] == ["+8613800000001", "+8613800000009"]
    assert [item["months"] for item in json.loads(first.items)] == ["2026-01", "2026-02"]
    assert await site.errors(row) == ["7: number: MISSING: is empty"]


async def test_the_same_item_with_other_values_rejects_all_its_rows(site: Site) -> None:
    campaign = await site.campaign("arrears")
    rows = [{**ARREARS, "account": f"B{n}", "number": f"139{n:08}"} for n in range(30)]
    contradiction = {**ARREARS, "arrears": "130.00", "total_due": "133.77"}
    row = await site.of_rows(campaign, ARREARS, FEBRUARY, *rows, contradiction)
    assert counts(row) == (33, 31, 2, 0, 31)
    assert await site.errors(row) == [
        "2: arrears: CONFLICT: the same item has '120.00' and '130.00'",
        "34: arrears: CONFLICT: the same item has '120.00' and '130.00'",
    ]
    assert json.loads((await site.contacts())[0].items)[0]["months"] == "2026-02"


@pytest.mark.parametrize(("column", "other"), [("name", "李四"), ("class", "单位"), ("address", "北街2号")])
async def test_an_account_that_contradicts_itself_is_rejected_whole(lite: Site, column: str, other: str) -> None:
    campaign = await lite.campaign("arrears")
    said = {"name": "张三", "class": "居民", "address": "北街1号"}
    row = await lite.of_rows(campaign, {**ARREARS, **said}, {**FEBRUARY, **said, column: other})
    assert counts(row) == (2, 0, 2, 0, 0)
    assert all(f": {column}: CONFLICT: " in error for error in await lite.errors(row))


async def test_what_a_row_does_not_say_contradicts_nothing(lite: Site) -> None:
    campaign = await lite.campaign("arrears")
    row = await lite.of_rows(campaign, {**ARREARS, "name": ""}, {**FEBRUARY, "class": "单位", "zone": "Asia/Urumqi"})
    assert counts(row) == (2, 2, 0, 0, 1)
    (contact,) = await lite.contacts()
    assert (contact.name, contact.customer_class) == ("张三", "organisation")
    assert contact.hours_class == "1|organisation|Asia/Shanghai;Asia/Urumqi"


async def test_an_outage_takes_rows_without_a_number(site: Site) -> None:
    campaign = await site.campaign("outage")
    row = await site.of_rows(
        campaign,
        OUTAGE,
        {**OUTAGE, "account": "O2", "number": "95598"},
        {**OUTAGE, "account": "O3", "number": "", "important": "是"},
        {**OUTAGE, "account": "O4", "number": "95598", "area": ""},
    )
    assert counts(row) == (4, 3, 1, 0, 3)
    found = [(one.account, one.state, one.why) for one in await site.contacts()]
    assert found == [("O1", "waiting", None), ("O2", "expired", "no_number"), ("O3", "person", "no_number")]
    assert await site.errors(row) == [
        "5: area: MISSING: is empty; 5: number: SERVICE_NUMBER: '95598' is a service number"
    ]


async def test_deadlines_of_an_outage_are_those_of_each_contact(site: Site) -> None:
    campaign = await site.campaign("outage")
    later = {**OUTAGE, "starts_at": "2026-03-14 08:00", "restores_at": "2026-03-14 16:00"}
    begun = {"starts_at": "2026-03-02 08:00", "restores_at": "2026-03-02 12:00"}
    await site.of_rows(campaign, OUTAGE, later, {**OUTAGE, **begun, "account": "O2"})
    both, already = await site.contacts()
    first_ms = START_MS + 10 * DAY_MS - HOUR_MS  # 2026-03-12 08:00
    assert both.notice_out_by_ms == first_ms - HOUR_MS
    assert both.expires_at_ms == first_ms + 2 * DAY_MS
    assert already.expires_at_ms == START_MS + 3 * HOUR_MS
    assert (both.fallback_by_ms, both.deadline_at_ms) == (None, both.notice_out_by_ms)


async def test_deadlines_that_were_asked_for_hold_for_all(lite: Site) -> None:
    campaign = await lite.campaign("outage", deadlines_given=1, expires_at_ms=START_MS + DAY_MS)
    await lite.of_rows(campaign, OUTAGE)
    (contact,) = await lite.contacts()
    assert (contact.notice_out_by_ms, contact.expires_at_ms) == (None, START_MS + DAY_MS)


async def test_a_later_file_adds_to_contacts_that_are_not_final(site: Site) -> None:
    campaign = await site.campaign("arrears")
    await site.of_rows(campaign, ARREARS, {**ARREARS, "account": "A2", "number": "13800000002"})
    row = await site.of_rows(
        campaign,
        {**FEBRUARY, "number": "13800000008"},
        ARREARS,
        {**ARREARS, "account": "A2", "number": "13800000002", "arrears": "1.00", "total_due": "1.03"},
        {**ARREARS, "account": "A3", "number": "13800000003"},
    )
    assert (row.no, *counts(row)) == (2, 4, 2, 1, 1, 1)
    first, second, third = await site.contacts()
    assert (first.version, second.version, third.no) == (2, 1, 3)
    assert [number for number, _ in json.loads(first.phones)] == ["+8613800000001", "+8613800000008"]
    assert [item["months"] for item in json.loads(first.items)] == ["2026-01", "2026-02"]
    assert (first.hours_class, third.hours_class) == ("1|resident|Asia/Shanghai", "2|resident|Asia/Shanghai")


async def test_to_which_contacts_a_later_file_has_added_is_kept(site: Site) -> None:
    campaign = await site.campaign("arrears")
    more, other = {**ARREARS, "number": "13900000009"}, {**ARREARS, "account": "A2"}
    await site.of_rows(campaign, ARREARS, other)
    await site.of_rows(campaign, more, other, {**ARREARS, "account": "A3"})
    found = [tuple(row) for row in await site.all_of(import_additions)]
    assert found == [(campaign.id, 2, f"{campaign.id}-1")], "neither what it brought, nor what it only repeated"


async def test_an_important_contact_on_which_a_person_works_is_called_once_it_has_a_number(lite: Site) -> None:
    """OUT-1: called beside a person's work until confirmed. For whom calling is over is decided at a look."""
    campaign = await lite.campaign("outage")
    await lite.of_rows(campaign, {**OUTAGE, "number": "", "important": "是"})
    (contact,) = await lite.contacts()
    assert (contact.state, contact.next_at_ms) == ("person", FAR)
    await lite.of_rows(campaign, {**OUTAGE, "important": "是"})
    (contact,) = await lite.contacts()
    assert (contact.state, contact.next_at_ms) == ("person", START_MS)
    assert contact.hours_class == "1|resident|Asia/Shanghai"


async def test_a_row_for_a_final_contact_is_rejected(lite: Site) -> None:
    campaign = await lite.campaign("outage")
    await lite.of_rows(campaign, {**OUTAGE, "number": ""})
    row = await lite.of_rows(campaign, OUTAGE)
    assert counts(row) == (1, 0, 1, 0, 0)
    assert await lite.errors(row) == ["2: account: FINAL: the contact is final (expired)"]
    assert (await lite.contacts())[0].deadline_at_ms == FAR


async def test_the_same_file_is_refused_until_it_failed(site: Site) -> None:
    campaign = await site.campaign("arrears")
    content = csv_of([ARREARS])
    running = await site.receive(campaign, content)
    with pytest.raises(SameFile) as refused:
        await site.receive(campaign, content)
    assert refused.value.no == running.no
    await site.work()
    with pytest.raises(SameFile):
        await site.receive(campaign, content)
    assert [row.no for row in await site.imports()] == [1]
    bad = csv_of([BILLING])
    assert (await site.imported(campaign, bad)).state == "failed"
    assert (await site.imported(campaign, bad)).state == "failed"
    other = await site.campaign("arrears", "c2")
    assert (await site.imported(other, content)).state == "done"


async def test_of_a_body_that_ends_early_nothing_is_kept(site: Site) -> None:
    campaign = await site.campaign("arrears")
    content = csv_of([ARREARS]) * 30_000

    async def broken():
        async for piece in pieces(content):
            yield piece
            raise ConnectionResetError

    short = Sent("f", (), "me", length_ok=lambda size: size == len(content) + 1)
    with pytest.raises(Truncated):
        await receiving.receive(site.context, campaign, pieces(content), short)
    with pytest.raises(ConnectionResetError):
        await receiving.receive(site.context, campaign, broken(), Sent("f", (), "me"))
    assert await site.imports() == []
    assert await site.left() == NOTHING_LEFT


async def test_a_body_that_is_too_large_is_not_kept(lite: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = await lite.campaign("arrears")
    monkeypatch.setattr(receiving, "BYTES_MAX", 1_000_000)
    with pytest.raises(TooLarge):
        await lite.receive(campaign, bytes(1_000_001))
    assert await lite.imports() == []


async def test_a_campaign_that_has_ended_takes_no_contacts(site: Site) -> None:
    campaign = await site.campaign("arrears", state="stopped")
    with pytest.raises(WrongState) as refused:
        await site.receive(campaign, csv_of([ARREARS]))
    assert refused.value.state == "stopped"


async def test_a_stop_fails_an_import_that_is_under_way(site: Site) -> None:
    campaign = await site.campaign("arrears")
    row = await site.receive(campaign, csv_of([ARREARS]))
    await site.set_state(campaign, "stopping")
    await site.work()
    row = await site.read(row)
    assert (row.state, row.error, *counts(row)) == ("failed", "the campaign is stopping", 0, 0, 0, 0, 0)
    assert (await site.contacts(), await site.left()) == ([], NOTHING_LEFT)


async def test_a_body_whose_receiver_died_is_given_up(site: Site) -> None:
    campaign = await site.campaign("arrears")

    async def until_it_dies():
        yield bytes(600_000)
        raise KilledHere

    async def gone(*_args: object) -> None:
        """A process that was killed drops nothing."""

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(receiving, "drop", gone)
        with pytest.raises(KilledHere):
            await receiving.receive(site.context, campaign, until_it_dies(), Sent("f", (), "me"))
    await site.work()
    assert [row.state for row in await site.imports()] == ["receiving"]
    site.clock.move_to(site.clock.now_ms() + 599_000)
    await site.work()
    assert [row.state for row in await site.imports()] == ["receiving"]
    site.clock.move_to(site.clock.now_ms() + 2_000)
    await site.work()
    assert (await site.imports(), await site.left()) == ([], NOTHING_LEFT)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "the file has no header"),
        (b"\r\n,,\r\n", "the file has no header"),
        (csv_of([BILLING]), "no column for arrears, months, pay_at, total_due; the header is: account, name, number"),
        (b"account,number,account\n", "two columns are account"),
        (csv_of([{**ARREARS, "户号": "1"}]), "two columns are account: account and 户号"),
    ],
)
async def test_a_file_that_is_none_fails_whole(lite: Site, content: bytes, error: str) -> None:
    campaign = await lite.campaign("arrears")
    row = await lite.imported(campaign, content)
    assert (row.state, *counts(row)) == ("failed", 0, 0, 0, 0, 0)
    assert error.split("; ", maxsplit=1)[0] in str(row.error)
    assert await lite.left() == NOTHING_LEFT


async def test_other_columns_are_dropped_unless_they_are_to_be_kept(lite: Site) -> None:
    campaign = await lite.campaign("arrears")
    content = csv_of([{**ARREARS, "台区": "台区7", "身份证号": "360102199001011234", "备注": "x"}])
    await lite.imported(campaign, content, keep=["台区", "身份证号"])
    (contact,) = await lite.contacts()
    assert json.loads(contact.kept) == {"台区": "台区7"}
    assert "360102199001011234" not in repr(await lite.everything())


async def test_too_many_rows_of_an_account_come_back_all(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.imports.job.ROWS_MAX", 5)
    monkeypatch.setattr("campaigns.imports.job.REJECTED_AT_ONCE", 3)
    campaign = await site.campaign("arrears")
    many = [{**ARREARS, "number": f"138000{n:05}"} for n in range(20)]
    row = await site.of_rows(campaign, *many[:10], {**ARREARS, "account": "A2"}, *many[10:])
    assert counts(row) == (21, 1, 20, 0, 1)
    assert (await site.errors(row))[0] == "2: account: LIMIT: the account has more than 5 rows"


async def test_numbers_and_items_of_a_contact_are_bounded(lite: Site) -> None:
    campaign = await lite.campaign("arrears")
    rows = [{**ARREARS, "number": f"138000{n:05}"} for n in range(12)]
    row = await lite.of_rows(campaign, *rows)
    assert counts(row) == (12, 10, 2, 0, 1)
    assert (await lite.errors(row))[0] == "12: number: LIMIT: the account has more than 10 numbers"


async def test_classes_of_hours_are_bounded(lite: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.imports.contacts.HOURS_CLASSES_MAX", 2)
    campaign = await lite.campaign("arrears")
    zones = ["", "Asia/Urumqi", "Asia/Tokyo", "Asia/Urumqi"]
    row = await lite.of_rows(campaign, *({**ARREARS, "account": f"A{n}", "zone": zone} for n, zone in enumerate(zones)))
    assert counts(row) == (4, 3, 1, 0, 3)
    assert [contact.account for contact in await lite.contacts()] == ["A0", "A1", "A3"]
    assert "LIMIT" in (await lite.errors(row))[0]
