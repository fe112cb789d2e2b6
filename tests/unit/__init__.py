"""Unit tests: pure parts, no fixtures, no I/O."""
