"""A small trial of the cluster, and a server away for a moment; the full ones are `make faults`."""

from pathlib import Path

import pytest

from tests.faults.cluster import dialling, ordering, scenarios, upgrading
from tests.faults.cluster.plan import BROKER, ENGINE, GATEWAY, KILLED, LEDGER, STOPPED, TAKEN_OVER, TAKEN_OVER_S, Fault
from tests.faults.cluster.trial import tried, unsound

HANDFUL = (
    Fault(ENGINE, KILLED, 0.2, 0.5, 0.0),
    Fault(GATEWAY, KILLED, 0.2, 0.5, 0.0),
    Fault(LEDGER, KILLED, 0.2, 1.0, 0.0),
    Fault(BROKER, KILLED, 0.2, 1.0, 0.0),
    Fault(ENGINE, TAKEN_OVER, TAKEN_OVER_S, 0.5, 0.0),
)
AWAY_S = 6.0  # longer than a door lets anybody wait for the log


async def test_nothing_acknowledged_is_lost_and_nothing_happens_twice_in_a_cluster(tmp_path: Path) -> None:
    figures = await tried(HANDFUL, 1, tmp_path, engines=2)
    assert unsound(figures) == [], figures
    assert figures["faults"] == len(HANDFUL)
    assert figures["takeovers"] > 0


@pytest.mark.parametrize("name", sorted(scenarios.AWAY))
async def test_a_server_that_is_away_is_waited_for(name: str, tmp_path: Path) -> None:
    figures = await scenarios.away(name, AWAY_S, STOPPED, 1, tmp_path, engines=2)
    assert scenarios.failures(name, figures) == [], figures


async def test_the_earlier_release_and_this_one_work_together_until_all_is_replaced(tmp_path: Path) -> None:
    figures = await upgrading.upgraded(1, tmp_path)
    assert upgrading.failures(figures) == [], figures


async def test_no_telephone_rings_twice_for_one_attempt_whatever_dies(tmp_path: Path) -> None:
    figures = await ordering.ordered(ordering.SHORT, tmp_path)
    assert ordering.failures(figures) == [], figures
    assert figures["orders"] == ordering.SHORT.orders


async def test_a_campaign_is_carried_on_and_nobody_is_called_twice_whatever_dies(tmp_path: Path) -> None:
    figures = await dialling.dialled(dialling.SHORT, tmp_path)
    wrong = set(dialling.failures(figures))
    assert wrong <= {"stale_turns_refused"}, (
        figures
    )  # so short a trial may wake no former owner in the middle of a turn
