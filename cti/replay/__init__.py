"""Replay: historic call records become events that go through the product's own door and engine."""
