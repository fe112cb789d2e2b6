"""The hours' cases, asked of a service over HTTP: what is asked, and that a wrong answer is seen."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.replay.cases import PASSED
from tests.replay.hours import judge_answer

ANSWER = {"may_dial": True, "dial_before": "2026-03-04T04:29:20.000Z"}
CASE: dict[str, Any] = {
    "name": "open", "profile": "power-95598", "kind": "billing", "class": "resident", "ring_timeout_s": 30,
    "zones": ["Asia/Shanghai", "Asia/Urumqi"], "at": "2026-03-04T10:00:00+08:00",
    "expect": {"may_dial": True, "until": None, "dial_before": "2026-03-04T12:29:20+08:00"},
}  # fmt: skip


class _Service(ThreadingHTTPServer):
    """Keeps what it was asked, and answers the same to everybody with the key."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.asked: list[tuple[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answering(BaseHTTPRequestHandler):
    server: _Service

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        known = self.headers["Authorization"] == "Bearer rb_key"
        answer = json.dumps(ANSWER if known else {"code": "unauthenticated"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing: a test's output is its own."""


@pytest.fixture
def service() -> Iterator[_Service]:
    with _Service() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_all_candidate_zones_are_asked_about(service: _Service) -> None:
    assert judge_answer(CASE, service.url, "rb_key") == PASSED
    asked = {name: CASE[name] for name in ("at", "kind", "class", "ring_timeout_s")}
    assert service.asked == [("/v1/calling-hours", asked | {"zone": CASE["zones"]})]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"may_dial": False}, "may_dial: False expected, True found"),
        ({"dial_before": "2026-03-04T12:29:20.001+08:00"}, "dial_before: "),
        ({"until": "2026-03-04T14:00:00+08:00"}, "until: '2026-03-04T14:00:00+08:00' expected, None found"),
    ],
)
def test_an_answer_that_differs_is_told(service: _Service, change: dict[str, object], said: str) -> None:
    assert judge_answer({**CASE, "expect": CASE["expect"] | change}, service.url, "rb_key").startswith(said)


def test_a_refusal_is_told(service: _Service) -> None:
    assert judge_answer(CASE, service.url, "another") == '401 {"code": "unauthenticated"}'


@pytest.mark.parametrize("beyond", [{"windows": ["09:00-10:00"]}, {"agreed_at": CASE["at"]}])
def test_what_the_route_does_not_know_is_no_case_for_it(service: _Service, beyond: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(beyond))):
        judge_answer({**CASE, **beyond}, service.url, "rb_key")
    assert service.asked == []
