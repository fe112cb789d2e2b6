"""The HTTP door under /v1: events in, commands and records out."""
