"""Attacks of a hostile client on a real process, each bounded, each with a verdict. `python -m tests.hostile --help`."""
