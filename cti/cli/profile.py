"""`ringback profile check FILE`: whether a profile can be used, and where it cannot."""

import argparse
import sys

from cti.errors import RingbackError
from cti.wiring import read_book


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("check", choices=["check"], metavar="check", help="the only action")
    parser.add_argument("profile", help="a shipped profile's name, or a file")


def run(args: argparse.Namespace) -> int:
    """0: it can be used; 2: its mistakes by file, line and field on standard error."""
    try:
        book = read_book(args.profile)
    except RingbackError as error:
        print(error.detail, file=sys.stderr)
        return 2
    ids = dict.fromkeys(rule.id for rule in (*book.interventions, *book.measures))
    print(f"{book.name}: {', '.join(ids)}")
    return 0
