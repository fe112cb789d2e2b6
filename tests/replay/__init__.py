"""Recorded conversations and records, played through the real service."""
