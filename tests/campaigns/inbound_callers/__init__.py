"""Contacts who call in."""
