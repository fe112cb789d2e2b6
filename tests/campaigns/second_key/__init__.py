"""Approvals by a second key, changes, starts at a time, draining, emergencies."""
