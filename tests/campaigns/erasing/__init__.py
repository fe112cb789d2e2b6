"""Persons are erased."""
