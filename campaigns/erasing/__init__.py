"""Persons are erased on request: from every table, with proof of what went."""
