"""Numbers of cards: recognised by their digits, and never stored, whatever file they come in."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from campaigns.imports import cards
from campaigns.imports.taking import Form, taken_of
from tests.campaigns.imports.books import book_of
from tests.campaigns.imports.site import ARREARS, Site, csv_of, ndjson_of, open_site
from tests.ready import ready_sqlite

IDENTITY, IDENTITY_X = "110105194912310021", "11010519491231002X"
BANK, BANK_15, OTHER_BANK = "6222021234567890128", "378282246310005", "4111111111111111"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (IDENTITY_X, cards.IDENTITY),
        (IDENTITY_X.lower(), cards.IDENTITY),
        (f"证件 {IDENTITY_X}。", cards.IDENTITY),
        ("１１０１０５１９４９１２３１００２Ｘ", cards.IDENTITY),
        (IDENTITY, None),  # the check digit is X
        ("110105194913310026", None),  # no month 13
        ("000105194912310026", None),
        (OTHER_BANK, cards.BANK),
        ("4111 1111 1111 1111", cards.BANK),
        ("4111-1111-1111-1111", cards.BANK),
        (BANK_15, cards.BANK),
        ("4111111111111112", None),
        ("41111111111111", None),
        (OTHER_BANK + "0000", None),
        ("2026-03-01 2026-03-31", None),
        ("13800000001 13800000002", None),
        ("0" * 16, None),
    ],
)
def test_a_number_is_a_cards_by_its_check_digit(text: str, kind: str | None) -> None:
    assert cards.kind_of(text) == kind
    assert (cards.hidden(text) != cards.half_width(text)) == (kind is not None)
    assert cards.perhaps(text) or kind is None


def test_every_wrong_digit_of_an_identity_card_is_found() -> None:
    for at in range(17):
        for digit in "0123456789":
            other = IDENTITY_X[:at] + digit + IDENTITY_X[at + 1 :]
            assert cards.is_identity(other) == (other == IDENTITY_X), other


def rows(*found: dict[str, str]) -> Sequence[dict[str, str]]:
    return [{**ARREARS, "account": f"A{at}", "number": f"138{at:08}", **one} for at, one in enumerate(found)]


SECRETS = rows(
    {"备注": "x", "身份证号": "not a number", "卡": "nothing"},
    {"备注": f"见 {IDENTITY_X}", "身份证号": IDENTITY_X, "卡": OTHER_BANK},
    {"备注": "y", "number": OTHER_BANK},
    {"备注": "z", "name": f"张三{IDENTITY_X}"},
    {"备注": "w", "account": IDENTITY_X},
    {"备注": "v", "arrears": "x", "卡": "4111 1111 1111 1111"},
    {"备注": "台区7", "完好": "keep me"},
)
FORMS = {Form.CSV: csv_of(SECRETS), Form.NDJSON: ndjson_of(SECRETS), Form.XLSX: book_of(SECRETS)}
GB = csv_of(SECRETS).decode().encode("gb18030")
WIDE = csv_of(SECRETS).decode().encode("utf-16")


@pytest.mark.parametrize(
    ("form", "content"),
    [*FORMS.items(), (Form.CSV, GB), (Form.CSV, WIDE)],
    ids=["csv", "ndjson", "xlsx", "gb", "utf16"],
)
async def test_neither_the_database_nor_the_log_ever_holds_one(
    tmp_path: Path, form: Form, content: bytes, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Looked for in the files themselves, while the import is under way too: pages of a database outlive rows."""
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "ringback.db"
    async with open_site(ready_sqlite(path)) as site:
        campaign = await site.campaign("arrears")
        row = await site.receive(campaign, content, ["备注", "卡", "完好", "身份证号"], form=form)
        held = stored(tmp_path)
        await site.work()
        row = await site.read(row)
        assert (row.state, row.accepted, row.rejected) == ("done", 3, 4), await site.errors(row)
        assert {contact.kept for contact in await site.contacts()} == {'{"完好":""}', '{"完好":"keep me"}'}
        errors = await site.errors(row)
        held += stored(tmp_path)
    held += stored(tmp_path) + "".join(errors).encode() + caplog.text.encode() + capsys.readouterr().out.encode()
    assert "完好".encode() in held or b"keep me" in held
    for secret in (IDENTITY_X, OTHER_BANK, "4111 1111 1111 1111", "not a number"):
        assert secret.encode() not in held, secret
    assert [error.split(": ")[1:3] for error in errors] == [
        ["number", "PRIVATE"], ["name", "PRIVATE"], ["account", "PRIVATE"], ["arrears", "FORM"],
    ]  # fmt: skip


def stored(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_the_columns_are_named(lite: Site) -> None:
    row = await lite.receive(await lite.campaign("arrears"), FORMS[Form.CSV])
    taken = taken_of(row.header)
    assert taken is not None
    assert set(taken.dropped) == {"身份证号", "备注", "卡"}


async def test_a_file_without_header_does_not_tell_its_first_row(lite: Site) -> None:
    content = f"A1,张三,{IDENTITY_X},{OTHER_BANK}\r\nA2,李四,1,2\r\n".encode()
    row = await lite.imported(await lite.campaign("arrears"), content)
    assert row.state == "failed"
    assert "none of them names a column" in str(row.error)
    assert IDENTITY_X not in str(row.error) + str(row.header)
    assert OTHER_BANK not in str(row.error) + str(row.header)


async def test_an_account_may_look_like_a_bank_card(lite: Site) -> None:
    row = await lite.of_rows(await lite.campaign("arrears"), {**ARREARS, "account": OTHER_BANK})
    assert (row.accepted, (await lite.contacts())[0].account) == (1, OTHER_BANK)


@pytest.mark.parametrize("form", list(Form))
async def test_what_stood_in_a_column_before_it_was_known_is_dropped_too(lite: Site, form: Form) -> None:
    """Of rows that are accepted, and of those that come back."""
    found = rows({"卡": "the first"}, {"卡": "the second", "arrears": "x"}, {"卡": OTHER_BANK})
    content = {Form.CSV: csv_of, Form.NDJSON: ndjson_of, Form.XLSX: book_of}[form](found)
    row = await lite.imported(await lite.campaign("arrears"), content, ["卡"], form=form)
    assert (row.accepted, row.rejected) == (2, 1)
    held = repr(await lite.everything())
    assert "the first" not in held
    assert "the second" not in held
