"""Callbacks: calls that were promised to callers (CB-1, CB-2). Each is a contact of a campaign that stands."""
