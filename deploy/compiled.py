"""The product with its core and engine compiled, in a folder of its own: the same modules, faster.

    python deploy/compiled.py build/compiled

Needs mypyc (of the development environment), a C compiler and Python's headers. The sources stay what they are, and
what is compiled is a copy of them; whoever puts the folder first on PYTHONPATH runs it.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("schemas", "cti", "campaigns")
COMPILED = (
    "cti/core/*.py",
    "cti/engine/*.py",
    "cti/rows.py",
    "schemas/plain_events.py",
    "cti/telemetry.py",
    "cti/adapters/event_log_kafka/records.py",
    "cti/adapters/clock.py",
    "cti/adapters/log_clock.py",
    "cti/adapters/partitioning.py",
    "cti/adapters/event_log_sql.py",
    "cti/adapters/log_tail.py",
    "cti/gateway/backpressure.py",
    "cti/gateway/events.py",
)
"""Plain typed Python that runs for every event. Not what is mostly calls into libraries, nor pydantic's models."""
STAMP = "made-from"


def main() -> int:
    """0: the folder is there and up to date; 1: it could not be compiled, and is gone."""
    target = Path(sys.argv[1])
    digest = _digest()
    if (target / STAMP).is_file() and (target / STAMP).read_text("utf-8") == digest:
        return 0
    shutil.rmtree(target, ignore_errors=True)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", target)
    files = sorted(str(file.relative_to(target)) for pattern in COMPILED for file in target.glob(pattern))
    command = [sys.executable, "-m", "mypyc", "--strict", *files]
    made = subprocess.run(command, cwd=target, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if made.returncode:
        print(made.stdout[-4_000:], file=sys.stderr)
        shutil.rmtree(target)
        return 1
    shutil.rmtree(target / "build", ignore_errors=True)
    (target / STAMP).write_text(digest, "utf-8")
    return 0


def _digest() -> str:
    """Of every file that goes in, of what is compiled, and of the Python that compiles it."""
    found = hashlib.sha256(sys.version.encode() + b"\0" + "\0".join(COMPILED).encode())
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                found.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return found.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
