"""`ringback migrate`: bring a ledger's schema up to this release (every start does it too)."""

import argparse
import sys

from cti.adapters.migrations import CHAIN
from cti.cli.logging_setup import set_up_logging
from cti.errors import RingbackError
from cti.hosting import chains_of, find_parts
from cti.settings import Settings
from cti.sql.schema import upgrade


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--db", metavar="URL", help="SQLAlchemy URL (default: RINGBACK_DB)")


def run(args: argparse.Namespace) -> int:
    """0: up to date; 1: the ledger cannot be used."""
    set_up_logging("warning")
    try:
        upgrade(args.db or Settings.read().db, [CHAIN, *chains_of(find_parts())])
    except RingbackError as error:
        print(f"ringback migrate: {error}", file=sys.stderr)
        return 1
    print("up to date")
    return 0
