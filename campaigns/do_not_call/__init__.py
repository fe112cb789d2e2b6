"""Whom nobody calls."""
