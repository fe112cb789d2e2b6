"""Processes of the product on one database: started by us, found ready, ended by us."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import make_url

from tests.faults.served import free_port

READY_S, STOP_S, LOOK_S = 60.0, 30.0, 0.02
USED = slice(11, 13)  # user and system time in /proc/ID/stat, behind the name


def pause(seconds: float = LOOK_S) -> None:
    """Between two looks."""
    threading.Event().wait(seconds)


class Product:
    """`more`: further RINGBACK_ variables."""

    def __init__(self, db: str, more: Mapping[str, str]) -> None:
        self.db, self.environment = db, {"RINGBACK_DB": db, "RINGBACK_LOG_LEVEL": "warning", **more}
        self.address = make_url(db).set(drivername="postgresql").render_as_string(hide_password=False)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, role: str) -> str:
        """Start `ringback gateway`, `engine` or `dialler`; its address when it is ready. Raises RuntimeError."""
        url = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "cti", role, "--listen", url]
        self.processes.append(subprocess.Popen(command, env={**os.environ, **self.environment}))
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            with suppress(OSError), urllib.request.urlopen(f"http://{url}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return f"http://{url}"
            pause()
        raise RuntimeError(f"{role} was not ready within {READY_S} s")

    def cpu_s(self, number: int) -> float:
        """The processor time that a process has used."""
        stat = Path(f"/proc/{self.processes[number].pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return sum(map(int, stat[USED])) / os.sysconf("SC_CLK_TCK")

    def halt(self) -> None:
        """All but the first stand still."""
        for process in self.processes[1:]:
            process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        for process in self.processes[1:]:
            process.send_signal(signal.SIGCONT)

    def kill(self, number: int) -> None:
        """kill -9."""
        self.processes[number].send_signal(signal.SIGKILL)
        self.processes[number].wait(STOP_S)

    def stop(self) -> None:
        self.go_on()
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def product(db: str) -> Iterator[Product]:
    """Processes that need no broker: the events are in the database, too."""
    found = Product(db, {})
    try:
        yield found
    finally:
        found.stop()
