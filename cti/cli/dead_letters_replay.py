"""Dead letters back into the log: each is judged again, appended as the door would, and marked.

The mark comes after the append, and both are durable. A crash between the two leaves a letter that is replayed again
by the next attempt: the engine knows the event by its id and its bytes and counts a `duplicate`.

Those of a part's topic go back to the topic, unchanged; whether they can be used is seen when they are read.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cti.core.identity import hash64, key_of
from cti.ports import Appending, DeadLetters, EventLog
from cti.rows import DeadLetterFilter, DeadLetterRow
from cti.topics import DEAD_LETTERS_FROM, PartTopics, SetAside, Topic
from schemas.envelope import Refused, event_of
from schemas.reasons import DeadLetter

PAGE = 500  # lines of a listing read at a time
BATCH_MAX = 200  # letters in one append
BATCH_BYTES_MAX = 4_000_000

LetterId = tuple[int, int]
"""(partition, position)"""


class Verdict(NamedTuple):
    """The outcome of one dead letter. `state`: replayed, replayable (a dry run), stays."""

    letter_id: LetterId
    state: str
    at: LetterId | None  # where it is in the log now
    why: str


class OfTopic(NamedTuple):
    """A dead letter of a part's topic, to be written there again."""

    topic: str
    letter: SetAside

    @property
    def body(self) -> bytes:
        return self.letter.body


def of_topic(letter: DeadLetterRow, topics: Sequence[Topic]) -> OfTopic | str:
    """The dead letter of a part's topic; or why it stays. `topics`: of the installed parts."""
    reason = DeadLetter(letter.reason)
    if reason in {DeadLetter.TOO_LARGE, DeadLetter.LOST} or not letter.body:
        return "its bytes are not there, or not all of them"
    for topic in topics:
        if topic.has_dead_letter(letter.partition):
            return OfTopic(topic.name, SetAside(*letter[:3], reason, *letter[4:7]))
    return "no installed part has the topic it came from"


def appending_of(letter: DeadLetterRow) -> Appending | str:
    """The dead letter as an append, bytes unchanged; or why it is still not a valid event."""
    try:
        event = event_of(letter.body)
    except Refused as refused:
        return f"still unusable: {refused}"
    key = key_of(letter.tenant, event.source, event.subject)
    return Appending(letter.tenant, key, letter.body, event, everywhere=event.family == "switch")


async def waiting_letters(letters: DeadLetters, wanted: DeadLetterFilter, before_ms: float) -> AsyncIterator[LetterId]:
    """The letters that fit, the oldest first; none that came later: what is replayed may be set aside once more."""
    after: tuple[int, int, int] | None = None
    while page := await letters.dead_letters(wanted, after, PAGE):
        for line in page:
            if line.at_ms >= before_ms:
                return
            yield line.partition, line.position
        last = page[-1]
        after = (last.at_ms, last.partition, last.position)


async def judged(
    letters: DeadLetters, letter_id: LetterId, topics: Sequence[Topic], *, again: bool
) -> Appending | OfTopic | str:
    """The dead letter there, as an append; or why it stays. `again`: also one replayed before."""
    letter = await letters.dead_letter(*letter_id)
    if letter is None:
        return "there is no such dead letter"
    if letter.replayed_at_ms is not None and not again:
        return "it was replayed before; --again replays it once more"
    return of_topic(letter, topics) if letter.partition >= DEAD_LETTERS_FROM else appending_of(letter)


async def verdicts(
    letters: DeadLetters, letter_ids: AsyncIterator[LetterId], topics: Sequence[Topic] = (), *, again: bool
) -> AsyncIterator[Verdict]:
    """What a replay would do; nothing is written. Raises `LedgerAway`."""
    async for letter_id in letter_ids:
        item = await judged(letters, letter_id, topics, again=again)
        yield (
            Verdict(letter_id, "stays", None, item)
            if isinstance(item, str)
            else Verdict(letter_id, "replayable", None, "")
        )


@dataclass(slots=True)
class _Batch:
    """Letters that are appended together."""

    items: list[Appending | OfTopic] = field(default_factory=list)
    letter_ids: list[LetterId] = field(default_factory=list)  # of each item: the letter that it was
    size: int = 0

    def put(self, letter_id: LetterId, item: Appending | OfTopic) -> None:
        self.items.append(item)
        self.letter_ids.append(letter_id)
        self.size += len(item.body)

    @property
    def full(self) -> bool:
        return len(self.items) >= BATCH_MAX or self.size >= BATCH_BYTES_MAX


class Replay:
    """One run of `ringback dead-letters replay`."""

    def __init__(
        self, log: EventLog, letters: DeadLetters, topics: Sequence[Topic] = (), writer: PartTopics | None = None, *,
        again: bool = False,
    ) -> None:  # fmt: skip
        """`again`: also what was replayed before. `topics`: of parts; `writer` writes there, where there is Kafka."""
        self._log, self._letters, self._again = log, letters, again
        self._topics, self._writer = topics, writer
        self._everywhere: set[tuple[str, int]] = set()  # switch events of this run: each partition may have a letter

    async def run(self, letter_ids: AsyncIterator[LetterId]) -> AsyncIterator[Verdict]:
        """A verdict on each, in order; those that stay come first. Raises `LogAway`, `LedgerAway`."""
        batch = _Batch()
        async for letter_id in letter_ids:
            item = await judged(self._letters, letter_id, self._topics, again=self._again)
            if isinstance(item, OfTopic) and self._writer is None:
                item = f"its topic {item.topic} is in Kafka, which is not set"
            if isinstance(item, str):
                yield Verdict(letter_id, "stays", None, item)
            else:
                batch.put(letter_id, item)
            if batch.full:
                for verdict in await self._append(batch):
                    yield verdict
                batch = _Batch()
        for verdict in await self._append(batch):
            yield verdict

    async def _append(self, batch: _Batch) -> Sequence[Verdict]:
        """Append, then mark."""
        if not batch.items:
            return []
        for item in batch.items:
            if isinstance(item, OfTopic) and self._writer is not None:
                await self._writer.put_back(item.topic, [item.letter])
        new = [item for item in batch.items if isinstance(item, Appending) and self._is_new(item)]
        at = dict(zip(map(id, new), await self._log.append(new), strict=True)) if new else {}
        await self._letters.mark_replayed(batch.letter_ids, int(self._log.now_ms()))
        return [
            Verdict(letter_id, "replayed", at.get(id(item)), _why_not(item, at))
            for letter_id, item in zip(batch.letter_ids, batch.items, strict=True)
        ]

    def _is_new(self, item: Appending) -> bool:
        """A switch event is in every partition, and may be set aside in each: append it once."""
        name = (item.tenant, hash64(item.body))
        if not item.everywhere:
            return True
        if name in self._everywhere:
            return False
        self._everywhere.add(name)
        return True


def _why_not(item: Appending | OfTopic, at: Mapping[int, LetterId]) -> str:
    """Why it was not appended once more, where it was not."""
    return "" if isinstance(item, OfTopic) or id(item) in at else "it is in every partition already"
