"""The Grafana dashboards ask for series that the product has, and Grafana finds them where it looks. None was run."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from campaigns.metrics import CampaignMetrics
from cti.dial.metrics import DialMetrics
from cti.engine.metrics import CallMetrics
from cti.telemetry import Telemetry
from tests.tidy.sources import ROOT
from tests.tidy.test_alerts import SELECTOR, unknown
from tests.tidy.test_deploy import SERVICES

GRAFANA = ROOT / "deploy/grafana"
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted((GRAFANA / "dashboards").glob("*.json"))
}
PANELS: list[dict[str, Any]] = [
    panel for dashboard in DASHBOARDS.values() for panel in dashboard["panels"] if panel["type"] != "row"
]
WIDTH = 24


def expressions() -> Iterator[tuple[str, str]]:
    """(panel, expression)"""
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def test_every_series_of_the_dashboards_exists() -> None:
    assert {title: unknown(expression) for title, expression in expressions() if unknown(expression)} == {}


def test_every_metric_of_the_product_is_on_one() -> None:
    telemetry = Telemetry()
    CallMetrics(telemetry)
    DialMetrics(telemetry.registry)
    for collector in CampaignMetrics().collectors:
        telemetry.registry.register(collector)
    families = {family.name for family in telemetry.registry.collect()}
    shown = {name for _, expression in expressions() for name, _ in SELECTOR.findall(expression)}
    assert {family for family in families if not any(name.startswith(family) for name in shown)} == set()


def test_there_is_one_for_calls_and_one_for_campaigns() -> None:
    assert {name: dashboard["uid"] for name, dashboard in DASHBOARDS.items()} == {
        "campaigns": "ringback-campaigns",
        "ringback": "ringback",
    }


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_have_names_of_their_own_and_do_not_lie_on_one_another(name: str) -> None:
    panels = DASHBOARDS[name]["panels"]
    titles = [panel["title"] for panel in panels]
    assert len(titles) == len(set(titles))
    assert len({panel["id"] for panel in panels}) == len(titles)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
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
