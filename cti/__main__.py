"""The `ringback` command. Parts of the product add theirs by the entry point group `ringback.commands`.

Only the command that is asked for is imported.
"""

import argparse
import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from importlib import import_module

from cti.commands import Command, command_names, find_command
from cti.errors import SettingsMistake

COMMANDS = {
    "run": ("cti.cli.run", "the product with a simulated switch, for a first look"),
    "demo": ("cti.switches.simulated.demo", "60 s of it with a simulated switch, judged by the switch's own log"),
    "serve": ("cti.cli.serve", "the product: gateway and engine in one process"),
    "gateway": ("cti.cli.gateway", "the HTTP door alone, beside engines on the same PostgreSQL"),
    "engine": ("cti.cli.engine", "the engine alone; several share the partitions"),
    "simulate": ("cti.switches.simulated.command", "a simulated switch, an ordinary client of /v1"),
    "replay": ("cti.replay.command", "historic call records through the same door and engine"),
    "keys": ("cti.cli.keys", "make, list and revoke API keys"),
    "dial": ("cti.cli.dial", "allow dialling on a ledger, or see whether it is allowed"),
    "doctor": ("cti.cli.doctor", "look at everything the service needs, and change nothing"),
    "rebuild": ("cti.cli.rebuild", "work the event log once more, into a fresh ledger"),
    "dead-letters": ("cti.cli.dead_letters", "list, show and replay what could not be used"),
    "profile": ("cti.cli.profile", "check a profile"),
    "migrate": ("cti.cli.migrate", "bring a ledger's schema up to this release"),
}

INTERRUPTED = 130  # what a shell makes of Ctrl-C


def loaded(name: str) -> Command | None:
    """A command by its name; None: there is none, or a part's cannot be loaded, which is said."""
    with _collector_at_rest():
        if name in COMMANDS:
            ours: Command = import_module(COMMANDS[name][0])
            return ours
        try:
            return find_command(name)
        except SettingsMistake as mistake:
            print(f"ringback: {mistake.detail}", file=sys.stderr)
            return None


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    """What an import makes stays: the collector would look through all of it again and again, and find nothing."""
    rested = not gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not rested:
            gc.enable()


def names() -> list[str]:
    """Those of the call side, and those of installed parts."""
    return [*COMMANDS, *sorted(command_names() - COMMANDS.keys())]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="ringback", description="Event-driven CTI with service-standard clocks.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = None if not words or words[0].startswith("-") else loaded(words[0])
    # Who asks for none that there is gets to know all.
    for name, module in [(words[0], asked)] if asked else [(name, loaded(name)) for name in names()]:
        if module is not None:
            description = COMMANDS[name][1] if name in COMMANDS else getattr(module, "SUMMARY", "")
            subparser = commands.add_parser(name, help=description, description=description)
            module.add_arguments(subparser)
            subparser.set_defaults(run_command=module.run)
    args = parser.parse_args(words)
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
