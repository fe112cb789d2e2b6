"""Outbound campaigns, a part of the product (`cti.hosting.Part`): `ringback serve` and `ringback dialler` run it."""
