"""The states of a campaign, as the contract names them."""

import pytest

from campaigns.core.campaign import CAMPAIGN_TABLE, STANDING_ENDS_MS, STANDING_TAKES_MS, moved
from campaigns.core.reasons import CampaignState, CampaignStep
from campaigns.core.zones import DAY_MS

S, M = CampaignState, CampaignStep
FINAL = {S.DONE, S.STOPPED, S.EXPIRED}


def after(*steps: CampaignStep) -> CampaignState | None:
    """From a draft on."""
    state: CampaignState | None = S.DRAFT
    for step in steps:
        assert state is not None
        state = moved(state, step)
    return state


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ((M.START,), S.RUNNING),
        ((M.START, M.PAUSE), S.PAUSED),
        ((M.START, M.PAUSE, M.RESUME), S.RUNNING),
        ((M.START, M.ALL_FINAL), S.DONE),
        ((M.START, M.PAUSE, M.ALL_FINAL), S.DONE),  # fallbacks are made in a pause
        ((M.START, M.PAUSE, M.EXPIRY), S.EXPIRED),
        ((M.START, M.EXPIRY), S.EXPIRED),
        ((M.EXPIRY,), S.EXPIRED),
        ((M.STOP,), S.STOPPING),
        ((M.START, M.STOP), S.STOPPING),
        ((M.START, M.PAUSE, M.STOP), S.STOPPING),
        ((M.START, M.STOP, M.STOP_ACKNOWLEDGED), S.STOPPED),
        ((M.START, M.ALL_FINAL, M.REVISION), S.RUNNING),  # what it told has changed
        ((M.APPROVE, M.START), S.RUNNING),
        ((M.APPROVE, M.APPROVAL_VOID), S.DRAFT),
        ((M.APPROVE, M.SCHEDULE, M.START), S.RUNNING),
        ((M.APPROVE, M.SCHEDULE, M.STILL_APPROVED), S.APPROVED),
        ((M.SCHEDULE, M.SCHEDULE, M.NOT_STARTED), S.DRAFT),
        ((M.SCHEDULE, M.APPROVAL_VOID), S.DRAFT),
        ((M.SCHEDULE, M.STOP), S.STOPPING),
        ((M.START, M.DRAIN, M.ALL_FINAL), S.DONE),
        ((M.START, M.DRAIN, M.PAUSE, M.RESUME_DRAIN), S.DRAINING),
        ((M.START, M.PAUSE, M.DRAIN, M.RESUME_DRAIN), S.DRAINING),
        ((M.START, M.PAUSE, M.APPROVE, M.RESUME), S.RUNNING),
    ],
)
def test_a_campaign_moves(steps: tuple[CampaignStep, ...], state: CampaignState) -> None:
    assert after(*steps) is state


@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize("step", list(M))
def test_nothing_moves_a_campaign_that_has_ended(state: CampaignState, step: CampaignStep) -> None:
    goes_on = (state, step) == (S.DONE, M.REVISION)
    assert moved(state, step) is (S.RUNNING if goes_on else None)


def test_a_stop_is_final() -> None:
    assert {step for step in M if moved(S.STOPPING, step) is not None} == {M.STOP_ACKNOWLEDGED}


def test_what_a_state_does_not_allow_is_refused() -> None:
    assert moved(S.DRAFT, M.PAUSE) is None
    assert moved(S.DRAFT, M.RESUME) is None
    assert moved(S.RUNNING, M.START) is None
    assert moved(S.PAUSED, M.PAUSE) is None
    assert moved(S.DRAFT, M.ALL_FINAL) is None, "a draft without contacts is not done"


def test_every_state_is_reached_and_every_other_than_the_final_ones_can_be_stopped() -> None:
    assert {S.DRAFT, *CAMPAIGN_TABLE.values()} == set(S)
    assert {state for state, step in CAMPAIGN_TABLE if step is M.STOP} == set(S) - FINAL - {S.STOPPING}


def test_a_contact_of_a_standing_campaign_s_last_day_has_a_day_left() -> None:
    assert (STANDING_TAKES_MS, STANDING_ENDS_MS - STANDING_TAKES_MS) == (30 * DAY_MS, DAY_MS)
