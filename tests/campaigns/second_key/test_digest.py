"""The digest is of everything that matters, and of nothing else."""

import pytest

from campaigns.approvals.digest import (
    NAMES,
    Parts,
    beyond,
    canonical,
    changed,
    digest,
    hashes,
    parts_of,
    text_of,
    within,
)
from campaigns.ledger.rows import CampaignRow

SETTINGS = {**dict.fromkeys(NAMES, 1), "windows": [[9, 12], [14, 18]]}
FILE = {"n": 1, "sha256": "a" * 64, "accepted": 2, "contacts": 2, "keep": "[]"}
PARTS = Parts(SETTINGS, [FILE], "b" * 64)
NO_SETTING = {  # state, and what only the product sets
    "id", "tenant", "state", "paused_why", "live", "version", "made_at_ms", "started_at_ms", "resumed_at_ms",
    "ended_at_ms", "made_by", "deadlines_given", "provisional", "start_at_ms", "start_contacts", "start_overlap",
    "draining", "emergency_from_ms", "emergency_until_ms",
}  # fmt: skip


def test_every_column_is_a_setting_or_none() -> None:
    assert set(NAMES) | NO_SETTING == set(CampaignRow._fields)
    assert not set(NAMES) & NO_SETTING


@pytest.mark.parametrize("name", NAMES)
def test_each_setting_is_in_it(name: str) -> None:
    other = PARTS._replace(settings={**SETTINGS, name: 2})
    assert digest(other) != digest(PARTS)
    assert changed(hashes(PARTS), hashes(other)) == ["settings"]


def test_each_file_and_the_words_are_in_it() -> None:
    for other, part in (
        (PARTS._replace(files=[{**FILE, "sha256": "c" * 64}]), "files"),
        (PARTS._replace(files=[]), "files"),
        (PARTS._replace(words="c" * 64), "words"),
    ):
        assert digest(other) != digest(PARTS)
        assert changed(hashes(PARTS), hashes(other)) == [part]


def test_it_is_kept_as_it_was() -> None:
    assert digest(parts_of(text_of(PARTS))) == digest(PARTS)
    assert canonical({"b": "户", "a": [1, None]}) == '{"a":[1,null],"b":"户"}'.encode()


def test_once_begun_less_is_still_approved() -> None:
    def now(**settings: object) -> list[str]:
        return beyond(PARTS, PARTS._replace(settings={**SETTINGS, **settings}))

    assert now() == []
    assert now(calls_per_second=9, calls_at_once=9, priority=0) == []
    assert now(windows=[[10, 11]]) == []
    assert now(windows=[[10, 13]]) == ["settings"]
    assert now(windows=[]) == ["settings"], "all that the profile leaves open"
    assert now(attempts_max=3) == ["settings"]
    assert beyond(PARTS, PARTS._replace(files=[])) == []
    assert beyond(PARTS, PARTS._replace(files=[FILE, {**FILE, "n": 2}])) == ["files"]
    assert beyond(PARTS, PARTS._replace(words="c" * 64)) == ["words"]


def test_windows_within_windows() -> None:
    assert within([[9, 10]], [])
    assert within([[9, 12], [15, 16]], [[9, 12], [14, 18]])
    assert not within([[11, 15]], [[9, 12], [14, 18]])
    assert not within([], [[9, 12]])
