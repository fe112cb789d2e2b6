"""`ringback gateway`: the HTTP door alone: as many as wanted, any of them for any switch.

Several processes share a PostgreSQL ledger; `ringback serve` is both parts in one.
"""

import argparse

from cti.cli import serve
from cti.hosting import GATEWAY

add_arguments = serve.add_addresses


def run(args: argparse.Namespace) -> int:
    """0 after an orderly stop; 1 when the part cannot start or had to stop."""
    return serve.run_roles(args, frozenset({GATEWAY}))
