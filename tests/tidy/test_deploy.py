"""The image and the compose file, judged by their text: no container engine is needed, and none was run."""

import re
from typing import Any

import pytest
import yaml

from tests.tidy.sources import ROOT

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# A version to the last digit; "latest" and a bare major version move under one's feet.
# PostgreSQL's versions have two numbers; its image is pinned with the Debian below it.
PINNED = re.compile(r"^([a-z0-9./-]+:v?\d+\.\d+\.\d+[a-z0-9.-]*|postgres:\d+\.\d+-[a-z]+)$")


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """(instruction, arguments) with continued lines joined and comments left out."""
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest) for word, _, rest in (line.strip().partition(" ") for line in joined.splitlines()) if word]


def weaknesses(service: dict[str, Any]) -> list[str]:
    """What a service may not be without."""
    limits = ("mem_limit", "pids_limit", "stop_grace_period", "restart", "logging", "healthcheck")
    missing = [name for name in limits if name not in service]
    if not PINNED.match(service.get("image", "")):
        missing.append("pinned image")
    if service.get("read_only") is not True or service.get("cap_drop") != ["ALL"] or service.get("privileged"):
        missing.append("least privilege")
    if "no-new-privileges:true" not in service.get("security_opt", []):
        missing.append("no-new-privileges")
    if any(not str(port).startswith("127.0.0.1:") for port in service.get("ports", [])):
        missing.append("loopback ports")
    return missing


def named_volumes(service: dict[str, Any]) -> set[str]:
    return {volume.split(":")[0] for volume in service.get("volumes", []) if not volume.startswith((".", "/"))}


def test_one_container_unless_more_is_asked_for() -> None:
    assert [name for name, service in SERVICES.items() if not service.get("profiles")] == ["ringback"]
    assert SERVICES["prometheus"]["profiles"] == SERVICES["grafana"]["profiles"] == ["monitoring"]
    assert SERVICES["ringback"]["command"] == ["serve"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_and_least_privileged(name: str) -> None:
    assert weaknesses(SERVICES[name]) == []


def test_a_careless_service_is_found() -> None:
    careless = SERVICES["ringback"] | {"image": "ringback:latest", "ports": ["8080:8080"], "privileged": True}
    assert weaknesses(careless) == ["pinned image", "least privilege", "loopback ports"]


def test_volumes_and_files_named_are_there() -> None:
    assert {name for service in SERVICES.values() for name in named_volumes(service)} == set(COMPOSE["volumes"])
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert all((ROOT / path).exists() for path in mounted if path.startswith("."))
    assert (ROOT / SERVICES["ringback"]["build"]["dockerfile"]).is_file()


def test_the_image_is_pinned_hashed_and_runs_as_nobody() -> None:
    steps = instructions(DOCKERFILE)
    bases = [rest.split()[0] for word, rest in steps if word == "FROM"]
    assert len(bases) == 2
    assert all(PINNED.match(base) for base in bases)
    last_stage = steps[max(index for index, (word, _) in enumerate(steps) if word == "FROM") :]
    assert ("USER", "10001:10001") in last_stage
    assert all("--require-hashes" in command for command in re.findall(r"pip install[^&]*-r \S+", DOCKERFILE))
    assert ("ENTRYPOINT", '["ringback"]') in last_stage
    assert any(word == "HEALTHCHECK" and "/healthz" in rest for word, rest in last_stage)


def test_what_the_image_copies_is_there_and_is_sent_to_the_builder() -> None:
    sent = (ROOT / ".dockerignore").read_text("utf-8").split()
    copied = [rest.split()[:-1] for word, rest in instructions(DOCKERFILE) if word == "COPY" and "--from" not in rest]
    names = [name for names in copied for name in names]
    assert "cti" in names
    assert [name for name in names if not (ROOT / name).exists() or f"!{name}" not in sent] == []


def careless(dockerfile: str) -> list[str]:
    """What linters of Dockerfiles warn of, as far as it concerns this one."""
    steps = instructions(dockerfile)
    words = [word for word, _ in steps]
    found = [word for word in ("ADD", "MAINTAINER", "ONBUILD") if word in words]
    found += [f"{word} twice" for word in ("CMD", "ENTRYPOINT", "HEALTHCHECK") if words.count(word) > 1]
    stages = {rest.split()[2] for word, rest in steps if word == "FROM" and " AS " in rest}
    for word, rest in steps:
        if word in ("CMD", "ENTRYPOINT") and not rest.strip().startswith("["):
            found.append(f"{word} for a shell")
        if word == "WORKDIR" and not rest.startswith("/"):
            found.append("WORKDIR that is relative")
        if word == "COPY" and (source := re.search(r"--from=(\S+)", rest)) and source[1] not in stages:
            found.append(f"COPY from {source[1]}")
        if word in ("ARG", "ENV") and re.search(r"PASSWORD|SECRET|TOKEN", rest):
            found.append(f"{word} with a secret")
        if word == "RUN":
            found += _careless_run(rest)
    if words[-1] not in ("CMD", "ENTRYPOINT") or "USER" not in words[len(words) - words[::-1].index("FROM") :]:
        found.append("runs as root")
    return found


def _careless_run(command: str) -> list[str]:
    found = ["sudo"] if re.search(r"\bsudo\b", command) else []
    for part in command.split("&&"):
        if "pip install" in part and "--no-cache-dir" not in part:
            found.append("pip keeps a cache")
        if "apt-get install" in part and "--no-install-recommends" not in part:
            found.append("apt-get with recommends")
        if re.search(r"\bcd\b", part):
            found.append("cd instead of WORKDIR")
    return found


def test_the_dockerfile_is_written_with_care() -> None:
    assert careless(DOCKERFILE) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ADD . /x", "ADD"), ("CMD ringback serve", "CMD twice"), ("RUN pip install x", "pip keeps a cache"),
        ("RUN sudo ls", "sudo"), ("RUN cd /x && ls", "cd instead of WORKDIR"), ("ENV A_TOKEN=x", "ENV with a secret"),
        ("COPY --from=nobody /a /b", "COPY from nobody"), ("WORKDIR data", "WORKDIR that is relative"),
        ("RUN apt-get install -y gcc", "apt-get with recommends"),
    ],
)  # fmt: skip
def test_a_careless_line_is_found(line: str, found: str) -> None:
    assert found in careless(f"{DOCKERFILE}\n{line}\nCMD []")


def test_a_root_image_is_found() -> None:
    assert careless(DOCKERFILE.replace("USER 10001:10001", "")) == ["runs as root"]
