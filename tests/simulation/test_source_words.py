"""How far each source that is dialled on has been read: a word never says more than what is committed."""

import random
from typing import Any

import pytest

from cti.adapters.clock import VirtualClock
from cti.adapters.event_log_kafka.log import KafkaEventLog
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.core.identity import key_of
from cti.errors import Fenced, LedgerAway
from cti.ports import call_partitions
from cti.rows import Round, SourceWordRow
from schemas.envelope import Family
from tests.scheduler import START_MS, TENANT, event
from tests.simulation import dial_ledger
from tests.simulation.dial_ledger import PARTITIONS, DialLedger, DialSite, HeldLog, ShakyDialLedger

SOURCE = "/switches/s1"
ASKED_EVERY_S = 5


class AwayDialLedger(DialLedger):
    """A ledger that can go away."""

    away = False

    async def commit(self, round_: Round) -> None:
        if self.away:
            raise LedgerAway("by the test")
        await super().commit(round_)


async def site_on(seconds: float = 10, *, outbound: bool = True, **options: Any) -> DialSite:
    """An engine that knows one switch, which has sent a heartbeat a moment ago."""
    site = DialSite(**options)
    await site.declare("s1", outbound=outbound)
    await site.engine.start()
    await site.to(seconds - 0.1)
    await site.beat("s1")
    await site.to(seconds)
    return site


def words(site: DialSite) -> list[SourceWordRow]:
    return [site.ledger.words[SOURCE, partition] for partition in range(PARTITIONS)]


def subject_in(site: DialSite, partition: int) -> str:
    names = (str(number) for number in range(1_000))
    return next(name for name in names if site.log.partition_of(key_of(TENANT, SOURCE, name)) == partition)


async def test_an_idle_engine_says_once_a_second_how_far_it_is() -> None:
    site = await site_on()
    rounds, said = site.ledger.rounds, len(site.ledger.said)
    await site.to(20)
    assert site.ledger.rounds - rounds == len(site.ledger.said) - said == 10
    assert {len(row) for row in site.ledger.said} == {PARTITIONS}
    for word in words(site):
        assert START_MS + 18_900 < word.appended_at_ms <= START_MS + 20_000
        assert (word.lag_ms, word.trusted, word.word_at_ms) == (0, 1, START_MS + 9_000)


async def test_a_busy_engine_says_it_no_more_often() -> None:
    site = await site_on()
    said, rounds = len(site.ledger.said), site.ledger.rounds
    for number in range(100):
        await site.say(event("s1", f"c{number}", "offered", 10 + number / 10, {"direction": "inbound"}))
        await site.to(10 + (number + 1) / 10)
    assert site.ledger.rounds - rounds >= 100
    assert len(site.ledger.said) - said in (9, 10)


async def test_without_a_source_that_is_dialled_on_there_is_no_round_and_no_word() -> None:
    site = await site_on(outbound=False)
    rounds = site.ledger.rounds
    await site.to(120)
    assert (site.ledger.rounds, site.ledger.said) == (rounds, [])
    await site.declare("s1")
    await site.to(120 + ASKED_EVERY_S + 1)
    assert len(words(site)) == PARTITIONS
    await site.declare("s1", outbound=False)
    await site.to(130 + ASKED_EVERY_S)
    said = len(site.ledger.said)
    await site.to(180)
    assert len(site.ledger.said) == said


async def test_a_source_that_is_not_dialled_on_any_more_has_words_until_its_last_order_is_settled() -> None:
    """Whether its switch takes no more orders, or has another source by now."""
    site = await site_on()
    other = "/switches/earlier"
    site.ledger.awaited = [(TENANT, SOURCE), (TENANT, other)]
    await site.declare("s1", outbound=False)
    await site.to(60)
    assert min(word.appended_at_ms for word in words(site)) > START_MS + 58_000
    assert {source for source, _ in site.ledger.words} == {SOURCE, other}
    site.ledger.awaited = []
    await site.to(60 + ASKED_EVERY_S + 1)
    said = len(site.ledger.said)
    await site.to(180)
    assert len(site.ledger.said) == said


async def test_a_round_that_fails_says_nothing_and_the_next_one_does() -> None:
    ledger = ShakyDialLedger(7, 0.2)
    site = await site_on(ledger=ledger)
    await site.to(120)
    assert ledger.failed > 10
    assert min(word.appended_at_ms for word in words(site)) > START_MS + 115_000


async def test_after_a_round_that_failed_only_what_was_read_again_counts() -> None:
    ledger = AwayDialLedger()
    site = await site_on(ledger=ledger)
    ledger.away = True
    await site.say(event("s1", subject_in(site, 1), "offered", 10, {"direction": "inbound"}))
    await site.to(12)
    site.log.held = 1
    ledger.away = False
    await site.to(15)
    assert words(site)[1].appended_at_ms <= START_MS + 10_000
    assert words(site)[0].appended_at_ms > START_MS + 13_500


async def test_the_word_of_a_partition_that_lags_stays_where_it_is() -> None:
    """The others go on: the least word is what counts."""
    site = await site_on()
    site.log.held = 1
    await site.say(event("s1", subject_in(site, 1), "offered", 10, {"direction": "inbound"}))
    await site.to(60)
    lags = words(site)
    assert lags[1].appended_at_ms <= START_MS + 10_000 < START_MS + 59_000 < lags[0].appended_at_ms
    site.log.held = None
    await site.to(62)
    assert min(word.appended_at_ms for word in words(site)) > START_MS + 60_000


async def test_an_engine_that_lags_says_the_time_of_its_last_entry() -> None:
    """Its log goes on while it reads: no end is confirmed, and none is made up."""
    site = await site_on()
    site.log.held, site.log.by_ms = 1, 3_000
    subject = subject_in(site, 1)
    for number in range(200):
        await site.say(event("s1", subject, "digitsGenerated", 10, {"digits": "1"}, id=f"d{number}"))
        await site.to(10 + (number + 1) / 10)
    await site.to(30)
    assert START_MS + 25_500 < words(site)[1].appended_at_ms <= START_MS + 27_000
    assert words(site)[0].appended_at_ms > START_MS + 28_500
    await site.to(36)
    assert words(site)[1].appended_at_ms > START_MS + 34_500, "it has read all"


@pytest.mark.parametrize("off_s", [-3.0, 5.0])
async def test_a_clock_that_is_not_believed_is_said_so(off_s: float) -> None:
    site = await site_on()
    assert all(word.trusted for word in words(site))
    for second in range(10, 50, 5):
        await site.beat("s1", off_s)
        await site.to(second + 5)
    assert [word.trusted for word in words(site)] == [0] * PARTITIONS
    assert {word.lag_ms for word in words(site)} == {round(-off_s * 1_000)}


async def test_a_source_that_the_engine_has_not_heard_of_is_not_believed() -> None:
    site = await site_on()
    await site.take_over()
    await site.to(13)
    assert [(word.trusted, word.word_at_ms) for word in words(site)] == [(0, 0)] * PARTITIONS
    await site.beat("s1")
    await site.to(15)
    assert [(word.trusted, word.word_at_ms) for word in words(site)] == [(1, START_MS + 13_000)] * PARTITIONS


async def test_a_switch_that_falls_silent_is_read_up_to_now_and_was_last_heard_then() -> None:
    site = await site_on()
    await site.to(60)
    for word in words(site):
        assert word.appended_at_ms > START_MS + 58_000
        assert word.word_at_ms == START_MS + 9_000


@pytest.mark.parametrize("by_s", [-3_600.0, 3_600.0])
async def test_the_word_goes_with_the_log_s_clock_and_the_source_is_not_believed_until_heard(by_s: float) -> None:
    site = await site_on()
    site.log_clock.off_ms = by_s * 1_000
    await site.to(12)
    now_ms = START_MS + (12 + by_s) * 1_000
    assert {word.trusted for word in words(site)} == {0}
    for word in words(site):
        assert now_ms - 1_500 < word.appended_at_ms <= now_ms
    await site.beat("s1", off_s=by_s)
    await site.to(14)
    assert {word.trusted for word in words(site)} == {1}


async def test_what_was_said_before_the_clock_was_set_holds_no_more() -> None:
    """A partition whose end is not known by the new time has nothing to say."""
    site = await site_on()
    site.log_clock.off_ms = -3_600_000
    site.log.held = 1
    await site.say(event("s1", subject_in(site, 1), "offered", 10, {"direction": "inbound"}))
    await site.to(12)
    assert [(word.appended_at_ms > 0, word.trusted) for word in words(site)] == [(True, 0), (False, 0), (True, 0)]
    site.log.held = None
    await site.to(14)
    assert all(word.appended_at_ms > 0 for word in words(site))


async def test_a_word_never_goes_back_while_the_clock_goes_on() -> None:
    """Whoever takes over, whatever fails: a dialler has acted on the last word."""
    for seed in range(20):
        chance = random.Random(seed)
        site = await site_on(ledger=ShakyDialLedger(seed, 0.1))
        now_s = 10.0
        for number in range(60):
            await site.say(event("s1", f"c{chance.randrange(9)}", "offered", now_s, {}, id=f"e{number}"))
            if chance.random() < 0.2:
                await site.take_over()
            if chance.random() < 0.5:
                await site.beat("s1")
            now_s += chance.random() * 2
            await site.to(now_s)
        latest: dict[int, int] = {}
        for row in (row for said in site.ledger.said for row in said):
            assert row.appended_at_ms >= latest.get(row.partition, 0), f"seed {seed}"
            latest[row.partition] = row.appended_at_ms


async def test_an_engine_that_lost_its_partitions_says_nothing_more() -> None:
    site = await site_on()
    old, said = site.engine, len(site.ledger.said)
    await site.take_over()
    site.clock.move_to(site.clock.now_ms() + 1_100)
    with pytest.raises(Fenced):
        await old.drain()
    assert len(site.ledger.said) == said


class ApartLog(HeldLog):
    """A log that keeps calls, agents and switches apart, one partition each."""

    kinds = 3

    def partition_of(self, key: str, family: Family = "call") -> int:
        del key
        return {"agent": 1, "switch": 2}.get(family, 0)


async def test_only_partitions_of_calls_have_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial_ledger, "HeldLog", ApartLog)
    site = await site_on()
    await site.to(12)
    assert {row.partition for said in site.ledger.said for row in said} == {0}


def test_the_partitions_of_calls_in_topics() -> None:
    log = KafkaEventLog(
        KafkaOptions("localhost:1", "p.", TENANT, 4, replication=1, min_insync=1), VirtualClock(START_MS)
    )
    assert call_partitions(log) == sorted({log.partition_of(f"{n}", "call") for n in range(200)}) == [0, 3, 6, 9]
