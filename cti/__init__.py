"""Ringback: events of a switch in; commands, records and metrics out."""
