"""Attacks of a hostile client on a real process, each bounded and judged. `python -m tests.hostile --help`."""
