"""Worked examples of the calling hours, asked of `explain_hours`, or of a running service.

    python -m tests.replay.hours DIR --json out.json
    python -m tests.replay.hours DIR --url http://127.0.0.1:8080 --key rb_..

writes {name: "passed" or the difference} and exits 0 only if all passed. The form of a case is told in docs/vectors.md.
With --url each case is a POST to /v1/calling-hours, with a key that has campaigns:read; what cannot be asked there (a
campaign's own windows and closed dates, an agreed time) is said of the case.
"""

import http.client
import json
import sys
from collections.abc import Mapping
from datetime import date
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

from campaigns.calendars import work_calendar
from campaigns.core.calling_hours import Asked, Window
from campaigns.core.explain import explain_hours
from campaigns.core.operator_rules import OperatorRules
from campaigns.profile import clock_ms, shipped_rules
from tests.replay.cases import Judge, differences, ms_of, parser_of, told

ANSWER_S = 30.0  # the longest wait for an answer
ASKED = ("at", "kind", "class", "ring_timeout_s", "channel")
NOT_ASKED = ("windows", "closed_dates", "agreed_at")


@cache
def rules() -> OperatorRules:
    return shipped_rules(work_calendar())


def judge(case: Mapping[str, Any]) -> str:
    operator = rules()
    if case["profile"] not in operator.profiles:
        raise ValueError(f"no hours are known of the profile {case['profile']}")
    return differences(case["expect"], explain_hours(operator.hours, asked_of(case), ms_of(case["at"])))


def asked_of(case: Mapping[str, Any]) -> Asked:
    agreed = case.get("agreed_at")
    return Asked(
        kind=case["kind"],
        customer_class=case["class"],
        zones=tuple(case["zones"]),
        ring_timeout_ms=round(case["ring_timeout_s"] * 1000),
        channel=case.get("channel", "auto"),
        windows=tuple(_window(text) for text in case.get("windows", ())),
        closed_dates=frozenset(date.fromisoformat(day) for day in case.get("closed_dates", ())),
        agreed_at_ms=None if agreed is None else ms_of(agreed),
        zone=case.get("zone", rules().zone),
    )


def _window(text: str) -> Window:
    opens, _, closes = text.partition("-")
    return Window(clock_ms(opens), clock_ms(closes))


# -- a running service -------------------------------------------------------------------------------------------------


def judge_answer(case: Mapping[str, Any], url: str, key: str) -> str:
    """The same of a service's answer. Raises ValueError for what cannot be asked."""
    beyond = [name for name in NOT_ASKED if case.get(name)]
    if beyond:
        raise ValueError(f"the service is not asked about {', '.join(beyond)}")
    body = {name: case[name] for name in ASKED if name in case} | {"zone": list(case["zones"])}
    status, answer = _post(url, key, json.dumps(body).encode())
    if status != http.client.OK:
        return f"{status} {answer}"
    return differences(case["expect"], json.loads(answer))


def _post(url: str, key: str, body: bytes) -> tuple[int, str]:
    """Raises ValueError where nobody answers."""
    at = urlsplit(url)
    made = http.client.HTTPSConnection if at.scheme == "https" else http.client.HTTPConnection
    connection = made(at.hostname or "", at.port, timeout=ANSWER_S)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        connection.request("POST", at.path.rstrip("/") + "/v1/calling-hours", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise ValueError(f"no answer: {error}") from error
    finally:
        connection.close()


def main() -> int:
    parser = parser_of(__doc__ or "")
    parser.add_argument("--url", help="of a running service")
    parser.add_argument("--key", help="of the service, with campaigns:read")
    args = parser.parse_args()
    if (args.url is None) is not (args.key is None):
        parser.error("--url and --key belong together")
    asked: Judge = judge if args.url is None else partial(judge_answer, url=args.url, key=args.key)
    return told(args, asked)


if __name__ == "__main__":
    sys.exit(main())
