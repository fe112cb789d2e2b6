"""Leases: which process owns what. Heartbeats, epochs and fair shares, by lease group."""
