"""Dead letters of parts' topics: which can go back to their topic, and which stay."""

from collections.abc import AsyncIterator, Sequence

import pytest

from cti.adapters.clock import VirtualClock
from cti.adapters.event_log_memory import MemoryEventLog
from cti.adapters.ledger.memory import MemoryLedger
from cti.adapters.ledger.part_dead_letters import forms
from cti.cli.dead_letters_replay import LetterId, OfTopic, Replay, of_topic, verdicts
from cti.errors import SettingsMistake
from cti.hosting import Part, check
from cti.rows import DeadLetterRow
from cti.topics import DEAD_LETTERS_FROM, DEAD_LETTERS_OF_A_TOPIC, SetAside, Topic
from schemas.reasons import DeadLetter


def topic(name: str, dead_letters_from: int | None) -> Topic:
    return Topic(name=name, about="", key="", message=name, schema="", dead_letters_from=dead_letters_from)


TOPICS = (
    topic("a.in", DEAD_LETTERS_FROM),
    topic("a.out", None),
    topic("b.in", DEAD_LETTERS_FROM + DEAD_LETTERS_OF_A_TOPIC),
)


def letter(partition: int, reason: DeadLetter = DeadLetter.INVALID, body: bytes = b"{}") -> DeadLetterRow:
    return DeadLetterRow(partition, 7, "t", reason, "why", 1, body)


@pytest.mark.parametrize(
    ("row", "went"),
    [
        (letter(1_000), "a.in"),
        (letter(1_255), "a.in"),
        (letter(1_256), "b.in"),
        (letter(1_512), None),
        (letter(1_000, DeadLetter.TOO_LARGE), None),
        (letter(1_000, DeadLetter.LOST, b""), None),
        (letter(1_000, body=b""), None),
    ],
)
def test_a_letter_goes_back_to_the_topic_that_it_came_from(row: DeadLetterRow, went: str | None) -> None:
    found = of_topic(row, TOPICS)
    if went is None:
        assert isinstance(found, str)
    else:
        assert found == OfTopic(went, SetAside(row.partition, 7, "t", DeadLetter.INVALID, "why", 1, b"{}"))


async def test_without_kafka_it_stays() -> None:
    ledger, clock = MemoryLedger(), VirtualClock(0)
    ledger._dead_letters[1_000, 7] = letter(1_000)

    async def named() -> AsyncIterator[LetterId]:
        yield 1_000, 7

    replay = Replay(MemoryEventLog(clock, 1), ledger, TOPICS)
    (stays,) = [verdict async for verdict in replay.run(named())]
    assert (stays.state, "a.in" in stays.why) == ("stays", True)
    (dry,) = [verdict async for verdict in verdicts(ledger, named(), TOPICS, again=False)]
    assert dry.state == "replayable"


def of(*topics: Topic) -> Sequence[Part]:
    def nothing(_host: object) -> None:
        raise AssertionError("nothing is opened")

    return [Part(name="one", open=nothing, topics=topics)]


def test_names_and_numbers_of_topics_are_taken_once() -> None:
    check(of(*TOPICS))
    with pytest.raises(SettingsMistake, match="topic a.in is taken"):
        check(of(topic("a.in", None), topic("a.in", None)))
    with pytest.raises(SettingsMistake, match="number of dead letters 1000 is taken"):
        check(of(topic("a", DEAD_LETTERS_FROM), topic("b", DEAD_LETTERS_FROM)))


def test_a_text_is_found_in_each_form_that_json_has_and_a_short_one_only_whole() -> None:
    assert forms("A1") == {b'"A1"'}
    assert forms("\u6237-77315") == {"\u6237-77315".encode(), '"\u6237-77315"'.encode(), b'"\\u6237-77315"'}
