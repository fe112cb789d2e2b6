"""Short campaigns with what must come of them."""

import json
from pathlib import Path

import pytest

from tests.campaigns.played import verdict_of
from tests.replay.cases import PASSED

FILES = sorted((Path(__file__).parent / "vectors" / "campaigns").glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_campaign_comes_to_what_is_expected(file: Path) -> None:
    assert verdict_of(json.loads(file.read_text("utf-8"))) == PASSED
