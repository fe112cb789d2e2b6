"""The compose file as a whole, by our own reading of the compose specification: nothing here was run."""

import re
from typing import Any

import pytest
import yaml

from cti.__main__ import COMMANDS
from cti.adapters.event_log_kafka.settings import kafka_options
from cti.commands import find_commands
from cti.settings import PREFIX, Settings
from tests.tidy.sources import ROOT
from tests.tidy.test_deploy import COMPOSE, SERVICES

# Of the compose specification, what this file uses: a word beside these is a mistake in writing until it is added.
OF_THE_FILE = frozenset({"name", "services", "volumes"})
OF_A_SERVICE = frozenset(
    {
        "build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "init", "logging",
        "mem_limit", "pids_limit", "ports", "profiles", "read_only", "restart", "security_opt", "shm_size",
        "stop_grace_period", "tmpfs", "user", "volumes",
    }
)  # fmt: skip
OF_A_HEALTHCHECK = frozenset({"test", "interval", "timeout", "start_period", "retries"})
DURATION = re.compile(r"^\d+(s|m)$")
SIZE = re.compile(r"^\d+(m|g)$")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|PRIVATE|API_KEY")
FROM_OUTSIDE = re.compile(r"^\$\{[A-Z_]+:-\}$")
CLUSTER = {name: service for name, service in SERVICES.items() if service.get("profiles") == ["cluster"]}
PARTS = {name: service for name, service in CLUSTER.items() if name.startswith(("gateway-", "engine-", "dialler-"))}
BROKERS = [name for name in CLUSTER if name.startswith("kafka-")]


def malformed(service: dict[str, Any]) -> list[str]:
    """What the compose specification does not know, or writes otherwise."""
    check = service["healthcheck"]
    wrong = sorted(service.keys() - OF_A_SERVICE) + sorted(check.keys() ^ OF_A_HEALTHCHECK)
    durations = [check[name] for name in ("interval", "timeout", "start_period")] + [service["stop_grace_period"]]
    wrong += [one for one in durations if not DURATION.match(one)]
    wrong += [one for one in (service["mem_limit"], service.get("shm_size", "1m")) if not SIZE.match(one)]
    wrong += [name for name, value in service.get("environment", {}).items() if not isinstance(value, str)]
    return wrong + ([] if check["test"][0] == "CMD" and isinstance(check["retries"], int) else ["healthcheck"])


def secrets(service: dict[str, Any]) -> list[str]:
    """Names of secrets whose value stands in the file, and addresses that hold a password."""
    given = service.get("environment", {})
    wrong = [name for name, value in given.items() if SECRET.search(name) and not FROM_OUTSIDE.match(value)]
    return wrong + [name for name, value in given.items() if re.search(r"://[^/@\s]+:[^/@\s]+@", value)]


def test_the_file_knows_only_what_the_specification_does() -> None:
    assert [name for name in COMPOSE if name not in OF_THE_FILE and not name.startswith("x-")] == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_well_formed_and_holds_no_secret(name: str) -> None:
    assert malformed(SERVICES[name]) == []
    assert secrets(SERVICES[name]) == []


def test_a_malformed_service_and_a_secret_are_found() -> None:
    service = SERVICES["ringback"]
    assert malformed(service | {"mem_limitt": "1g", "stop_grace_period": "soon", "mem_limit": "much"}) == [
        "mem_limitt", "soon", "much"
    ]  # fmt: skip
    given = {"POSTGRES_PASSWORD": "abc", "RINGBACK_DB": "postgresql+psycopg://ringback:abc@postgres/ringback"}
    assert secrets(service | {"environment": given}) == ["POSTGRES_PASSWORD", "RINGBACK_DB"]


def test_what_a_service_waits_for_is_started_with_it() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            profiles = SERVICES[other].get("profiles", [])
            assert not profiles or profiles == service["profiles"], (name, other)
            assert how == {"condition": "service_healthy"}


def test_no_two_services_take_the_same_port_of_the_machine() -> None:
    taken = [port.rsplit(":", 1)[0] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(taken) == len(set(taken))


def test_every_service_has_its_own_volumes() -> None:
    used = [volume.split(":")[0] for one in SERVICES.values() for volume in one.get("volumes", []) if volume[0] != "."]
    assert len(used) == len(set(used))


def test_the_sizes_are_one_container_and_a_cluster_with_a_spare_of_everything() -> None:
    assert {name: service["command"] for name, service in PARTS.items()} == {
        "gateway-1": ["gateway"], "gateway-2": ["gateway"],
        "engine-1": ["engine"], "engine-2": ["engine"], "engine-3": ["engine"],
        "dialler-1": ["dialler"], "dialler-2": ["dialler"],
    }  # fmt: skip
    assert CLUSTER.keys() - PARTS.keys() == {"postgres", *BROKERS}
    assert {one for service in SERVICES.values() for one in service.get("profiles", [])} == {"cluster", "monitoring"}


@pytest.mark.parametrize("name", ["ringback", *PARTS])
def test_settings_that_a_container_gets_can_be_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = SERVICES[name]
    assert service["command"][0] in {*COMMANDS, *find_commands()[0]}
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, value)
    settings = Settings.read()
    given = {variable for variable in service["environment"] if variable.startswith(PREFIX)}
    assert given <= {PREFIX + field.upper() for field in Settings.model_fields}
    assert f":{settings.port}/healthz" in service["healthcheck"]["test"][-1]
    options = kafka_options(settings)
    assert (options is None) == (name == "ringback")
    if options is not None:
        assert options.bootstrap.split(",") == [f"{broker}:9092" for broker in BROKERS]
        assert options.replication <= len(BROKERS)


def test_brokers_agree_on_who_they_are() -> None:
    settings = [CLUSTER[name]["environment"] for name in BROKERS]
    voters = settings[0]["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")
    for number, (name, one) in enumerate(zip(BROKERS, settings, strict=True), start=1):
        assert one["KAFKA_NODE_ID"] == str(number)
        assert one["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{name}:9092"
        assert voters[number - 1] == f"{number}@{name}:9093"
        own = {"KAFKA_NODE_ID", "KAFKA_ADVERTISED_LISTENERS"}
        assert {key: value for key, value in one.items() if key not in own} == {
            key: value for key, value in settings[0].items() if key not in own
        }
        assert CLUSTER[name]["volumes"] == [f"{name}:{one['KAFKA_LOG_DIRS']}"]


@pytest.mark.parametrize(("file", "watched"), [("prometheus.yml", ["ringback"]), ("cluster.yml", [*PARTS])])
def test_prometheus_looks_at_every_process_and_nothing_else(file: str, watched: list[str]) -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus" / file).read_text("utf-8"))
    [job] = config["scrape_configs"]
    targets = [target for group in job["static_configs"] for target in group["targets"]]
    assert sorted(targets) == sorted(f"{name}:8080" for name in watched)
    assert job["job_name"] == "ringback"
    assert config["rule_files"] == ["ringback.rules.yml"]
    assert "${PROMETHEUS_CONFIG:-prometheus.yml}" in SERVICES["prometheus"]["command"][0]
