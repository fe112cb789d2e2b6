"""The command lines that parts add to `ringback`: found by an entry point group, loaded one by one.

Every command imports this file, so it imports little.
"""

from argparse import ArgumentParser, Namespace
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from cti.errors import SettingsMistake

GROUP = "ringback.commands"


class Command(Protocol):
    """A module that is the command line `ringback NAME` of a part. It imports little: `ringback --help` imports all.

    It may have a `SUMMARY` for `ringback --help`, and `VARIABLES`: the environment variables that it reads.
    """

    def add_arguments(self, parser: ArgumentParser) -> None: ...

    def run(self, args: Namespace) -> int:
        """The exit code."""


def command_names() -> set[str]:
    """Those of installed parts. None of them is loaded."""
    return set(entry_points(group=GROUP).names)


def find_command(name: str) -> Command | None:
    """A part's; None: there is none. Raises SettingsMistake where it cannot be loaded."""
    found = [*entry_points(group=GROUP, name=name)]
    return _loaded(found[0]) if found else None


def find_commands() -> tuple[dict[str, Command], list[SettingsMistake]]:
    """The installed command lines of parts by name, and why others cannot be loaded."""
    found, mistakes = dict[str, Command](), list[SettingsMistake]()
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            found[point.name] = _loaded(point)
        except SettingsMistake as mistake:
            mistakes.append(mistake)
    return found, mistakes


def _loaded(point: EntryPoint) -> Command:
    try:
        command: Command = point.load()
    except Exception as fault:  # a module may raise anything
        raise SettingsMistake(f"command {point.name} cannot be loaded: {fault}") from fault
    return command
