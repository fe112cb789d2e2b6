"""Every alert asks for metrics, labels and bucket edges that the product really has, and says what to do.

That each alert fires on its fault and is silent in health is proven by promtool (`make alerts`).
"""

import re
from typing import Any

import pytest
import yaml

from campaigns.metrics import CampaignMetrics
from cti.dial.metrics import DialMetrics
from cti.engine.metrics import CallMetrics
from cti.telemetry import Telemetry
from tests.tidy.sources import ROOT

RULES: dict[str, Any] = yaml.safe_load((ROOT / "deploy/prometheus/ringback.rules.yml").read_text("utf-8"))
TESTED: dict[str, Any] = yaml.safe_load((ROOT / "deploy/prometheus/ringback.tests.yml").read_text("utf-8"))
ALERTS: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
SELECTOR = re.compile(r"\b(ringback_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
PROMETHEUS_ADDS = frozenset({"instance", "job"})


def exposed() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Series name -> its labels, and for buckets the edges as they are written."""
    series: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
    telemetry = Telemetry()
    campaigns = CampaignMetrics()
    packages = (telemetry, CallMetrics(telemetry), DialMetrics(telemetry.registry), campaigns)
    gauges = [*campaigns.figures.describe()]
    for instrument in (*(each for package in packages for each in vars(package).values()), *gauges):
        labels = frozenset(getattr(instrument, "_labelnames", ()))
        name = getattr(instrument, "_name", "") or getattr(instrument, "name", "")
        kind = getattr(instrument, "_type", "") or getattr(instrument, "type", "")
        if kind == "counter":
            series[f"{name}_total"] = (labels, frozenset())
        elif kind == "histogram":
            written = frozenset(str(float(edge)) for edge in instrument._kwargs["buckets"])
            series |= {f"{name}_count": (labels, frozenset()), f"{name}_sum": (labels, frozenset())}
            series[f"{name}_bucket"] = (labels | {"le"}, written)
        elif kind == "gauge":
            series[name] = (labels, frozenset())
    return series


def unknown(expression: str) -> list[str]:
    """What an expression asks for that is not exposed."""
    have, missing = exposed(), []
    for name, matchers in SELECTOR.findall(expression):
        if name not in have:
            missing.append(name)
            continue
        labels, edges = have[name]
        for label, value in MATCHER.findall(matchers):
            if label not in labels | PROMETHEUS_ADDS or (label == "le" and value not in edges):
                missing.append(f"{name}{{{label}={value}}}")
    return missing


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_asks_for_what_is_there_and_says_what_to_do(alert: dict[str, Any]) -> None:
    assert unknown(alert["expr"]) == []
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert len(alert["annotations"]["summary"]) > 20
    assert len(alert["annotations"]["description"]) > 20


def test_names_are_single_and_all_are_counted_by_their_own_test() -> None:
    names = [alert["alert"] for alert in ALERTS]
    assert len(names) == len(set(names))
    (everything,) = [test for test in TESTED["tests"] if test["name"] == "everything is wrong"]
    assert everything["promql_expr_test"][0]["exp_samples"][0]["value"] == len(names)


@pytest.mark.parametrize(
    "expression",
    [
        "rate(ringback_invented_total[5m])",
        'ringback_events_total{verdict="refused"}',
        'ringback_answer_seconds_bucket{le="12.5"}',
    ],
)
def test_an_invented_series_is_found(expression: str) -> None:
    assert len(unknown(expression)) == 1
