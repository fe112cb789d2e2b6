"""What the figures rest on: quantiles, the traffic, and the cheap client's reading of HTTP."""

import itertools
import json
import socket
from collections import defaultdict
from collections.abc import Iterator

import pytest

from campaigns.core.calling_hours import Open, judge
from campaigns.core.decide import Dial, decide
from campaigns.core.waiting import WaitUntil
from schemas.envelope import read_event
from tests.benchmarks.campaign_opening import greatest_in_a_second
from tests.benchmarks.deciding import asked, due, rates, waiting
from tests.benchmarks.figures import Figure, against, quantile
from tests.benchmarks.stream import Stream
from tests.benchmarks.traffic import OPEN_TIME, WHOLE, batch_of, heartbeat, interleaved, stamp
from tests.benchmarks.wire import Answer, Door, Lane, timed

NOW_MS = 1_772_413_212_345
WAIT_S = 5.0  # for what never comes when the test has failed


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection."""
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(WAIT_S)
        there.settimeout(WAIT_S)
        yield here, there


def test_a_quantile_is_the_least_that_so_many_do_not_exceed() -> None:
    values = list(range(1, 1001))
    assert [quantile(values, share) for share in (0.5, 0.99, 0.999, 1.0)] == [500, 990, 999, 1000]
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([7.0], 0.999) == 7.0


def test_a_ratio_is_of_medians_and_only_where_there_is_a_baseline() -> None:
    figure = against("rate", [10.0, 90.0, 30.0], [60.0, 50.0, 1000.0], "events/s", 50)
    assert (figure.value, figure.baseline, figure.ratio, figure.runs, figure.batch) == (30.0, 60.0, 0.5, 3, 50)
    assert Figure("late", 1 / 3, "ms").told()["ratio"] is None


def test_the_traffic_is_what_the_contract_takes_and_each_call_lives_its_life_in_order() -> None:
    lives: dict[str, list[str]] = defaultdict(list)
    for lane in range(2):
        for body in itertools.islice(interleaved(lane, 2, 40), 1000):
            event = read_event(json.loads(body.replace(OPEN_TIME, stamp(NOW_MS))))
            assert event.known
            assert event.at_ms == NOW_MS
            lives[event.subject].append(event.kind)
    whole = [kinds for kinds in lives.values() if kinds[-1] == "callCleared"]
    assert len(whole) > 100
    assert {tuple(kinds) for kinds in whole} == {
        WHOLE,
        tuple(kind for kind in WHOLE if kind not in ("held", "retrieved")),
    }
    assert read_event(json.loads(heartbeat(1).replace(OPEN_TIME, stamp(NOW_MS)))).kind == "switchHeartbeat"


def test_a_request_gets_its_times_without_changing_its_length() -> None:
    events = list(itertools.islice(interleaved(0, 1, 8), 20))
    request = Door("http://127.0.0.1:1", "k").request("POST", "/v1/events", batch_of(events), "application/json")
    sent = stamp(NOW_MS).join(timed(request))
    assert len(sent) == len(request)
    assert sent.count(b"2026-03-02T01:00:12.345Z") == 20


def test_answers_are_told_apart_however_they_arrive(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    lane = Lane(here)
    found: list[Answer] = []
    bodies = [b'{"position":"0:1"}', b"", b"{}"]
    answers = b"".join(b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\nA: b\r\n\r\n%b" % (len(b), b) for b in bodies)
    for at in range(0, len(answers), 7):
        there.sendall(answers[at : at + 7])
        found += lane.received()
    assert [(one.status, one.body, one.header("a")) for one in found] == [(202, body, "b") for body in bodies]


def test_requests_that_wait_go_one_by_one(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    lane = Lane(here)
    answered: list[Answer] = []
    lane.send(b"one", answered.append)
    lane.send(b"two", answered.append)
    assert there.recv(100) == b"one"
    there.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    lane.serve()
    assert there.recv(100) == b"two"
    assert len(answered) == 1
    assert not lane.idle


def test_a_server_that_closes_is_noticed(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    there.close()
    with pytest.raises(ConnectionError):
        Lane(here).received()


@pytest.mark.parametrize("size", [11, 10_000])
def test_commands_are_read_off_the_stream_however_it_is_cut(
    ends: tuple[socket.socket, socket.socket], size: int
) -> None:
    frames = [b'event: command\nid: %d\ndata: {"id": "c%d"}\n\n' % (n, n) for n in range(5)] + [b": keep-alive\n\n"]
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (b"".join(frames[:3]), *frames[3:]))
    here, there = ends
    heard: list[str] = []
    there.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked[:10])
    stream = Stream(here, lambda command, _: heard.append(command["id"]))
    for at in range(10, len(chunked), size):
        there.sendall(chunked[at : at + size])
        stream.serve()
    assert heard == [f"c{n}" for n in range(5)]


def test_who_is_due_is_called_and_the_others_wait_for_five_reasons() -> None:
    assert all(isinstance(decide(*case), Dial) for case in due())
    assert all(isinstance(judge(case.campaign.hours, asked(case), case.now_ms), Open) for case in due())
    reasons = [found.why for found in (decide(*case) for case in waiting()) if isinstance(found, WaitUntil)]
    assert len(reasons) == len(waiting())
    assert len(set(reasons)) == 5
    found = rates(due(), rounds=1, runs=2)
    assert {name: len(values) for name, values in found.items()} == {"decide": 2, "hours": 2}


def test_the_greatest_number_in_any_second_is_found_wherever_that_second_begins() -> None:
    assert greatest_in_a_second([0.0]) == 1
    assert greatest_in_a_second([0.0, 500.0, 999.9, 1_000.0]) == 3, "a second is half open"
    assert greatest_in_a_second([0.0, 900.0, 950.0, 1_100.0, 1_899.0, 5_000.0]) == 4
