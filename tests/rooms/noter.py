"""`ringback noter`: the process of the part's own, as an installed part adds it to the command."""

import argparse

from cti.cli import serve

add_arguments = serve.add_addresses


def run(args: argparse.Namespace) -> int:
    """0 after an orderly stop; 1 when it cannot start or had to stop."""
    return serve.run_roles(args, frozenset({"noter"}))
