"""Approval of a campaign by a second key: what is approved, by whom, and what makes it void."""
