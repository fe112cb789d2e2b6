"""The Grafana dashboard asks for series that the product has, and Grafana finds it where it looks. It was not run."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from cti.dial.metrics import DialMetrics
from cti.engine.metrics import CallMetrics
from cti.telemetry import Telemetry
from tests.tidy.sources import ROOT
from tests.tidy.test_alerts import SELECTOR, unknown
from tests.tidy.test_deploy import SERVICES

GRAFANA = ROOT / "deploy/grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards/ringback.json").read_text("utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
WIDTH = 24


def expressions() -> Iterator[tuple[str, str]]:
    """(panel, expression)"""
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def test_every_series_of_the_dashboard_exists() -> None:
    assert {title: unknown(expression) for title, expression in expressions() if unknown(expression)} == {}


def test_every_metric_of_the_product_is_on_it() -> None:
    telemetry = Telemetry()
    CallMetrics(telemetry)
    DialMetrics(telemetry.registry)
    families = {family.name for family in telemetry.registry.collect()}
    shown = {name for _, expression in expressions() for name, _ in SELECTOR.findall(expression)}
    assert {family for family in families if not any(name.startswith(family) for name in shown)} == set()


def test_panels_have_names_of_their_own_and_do_not_lie_on_one_another() -> None:
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert len(titles) == len(set(titles))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(titles)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= WIDTH
        assert not cells & taken, panel["title"]
        taken |= cells


def test_grafana_finds_data_source_and_dashboard_where_compose_puts_them() -> None:
    [source] = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text("utf-8"))["datasources"]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {source["uid"]}
    host, _, port = source["url"].removeprefix("http://").partition(":")
    assert SERVICES[host]["ports"] == [f"127.0.0.1:{port}:{port}"]
    [provider] = yaml.safe_load((GRAFANA / "provisioning/dashboards/ringback.yml").read_text("utf-8"))["providers"]
    mounted = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"] if volume.startswith("."))
    assert mounted["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert mounted["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/ringback.json"
