"""What agents see of callers: words for whatever a contact may be."""

from campaigns.core.reasons import State
from campaigns.inbound_callers import words
from campaigns.kinds import known_kinds


def test_every_kind_and_state_has_a_name_in_chinese() -> None:
    assert set(words._KINDS_ZH) == set(known_kinds())
    assert set(words._STATES_ZH) == set(State)
