"""The `ringback` command. Other parts of the product add theirs by the entry point group `ringback.commands`."""

import argparse
import os
import sys
from importlib.metadata import entry_points
from typing import Any

from cti.cli import dead_letters, doctor, engine, gateway, keys, migrate, profile, rebuild, run, serve
from cti.replay import command as replay
from cti.switches.simulated import command as simulate
from cti.switches.simulated import demo

COMMANDS: dict[str, tuple[Any, str]] = {
    "run": (run, "the product with a simulated switch, for a first look"),
    "demo": (demo, "60 s of the product with a simulated switch, judged by the switch's own log"),
    "serve": (serve, "the product: gateway and engine in one process"),
    "gateway": (gateway, "the HTTP door alone, beside engines on the same PostgreSQL"),
    "engine": (engine, "the engine alone; several share the partitions"),
    "simulate": (simulate, "a simulated switch, an ordinary client of /v1"),
    "replay": (replay, "historic call records through the same door and engine"),
    "keys": (keys, "make, list and revoke API keys"),
    "doctor": (doctor, "look at everything the service needs, and change nothing"),
    "rebuild": (rebuild, "work the event log once more, into a fresh ledger"),
    "dead-letters": (dead_letters, "list, show and replay what could not be used"),
    "profile": (profile, "check a profile"),
    "migrate": (migrate, "bring a ledger's schema up to this release"),
}

INTERRUPTED = 130  # what a shell makes of Ctrl-C


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    parser = argparse.ArgumentParser(prog="ringback", description="Event-driven CTI with service-standard clocks.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    known = {**COMMANDS, **{point.name: (point.load(), "") for point in entry_points(group="ringback.commands")}}
    for name, (module, description) in known.items():
        subparser = commands.add_parser(name, help=description, description=description)
        module.add_arguments(subparser)
        subparser.set_defaults(run_command=module.run)
    args = parser.parse_args(arguments)
    try:
        code: int = args.run_command(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more at its end
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
