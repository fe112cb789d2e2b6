"""Every worked campaign of the data, through the real service on both databases."""

import os
from pathlib import Path

from tests.replay.campaigns import DATABASES, read_cases, together, verdicts
from tests.replay.cases import PASSED


def test_every_campaign_passes() -> None:
    cases = read_cases(Path(os.environ["RINGBACK_DATA"]) / "campaigns")
    found = together(verdicts(cases, DATABASES))
    assert {name: verdict for name, verdict in found.items() if verdict != PASSED} == {}
    assert len(found) == len(cases) > 0
