"""Imports: from bytes to contacts."""
