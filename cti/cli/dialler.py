"""`ringback dialler`: the process that dials, beside gateways and engines on the same PostgreSQL. An installed part may
add it to the command.
"""

import argparse

from cti.cli import serve

SUMMARY = "the dialler alone; several share the trunk groups"

add_arguments = serve.add_addresses


def run(args: argparse.Namespace) -> int:
    """0 after an orderly stop; 1 when it cannot start or had to stop."""
    return serve.run_roles(args, frozenset({"dialler"}))
