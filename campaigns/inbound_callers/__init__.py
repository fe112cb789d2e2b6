"""Contacts who call in: they hear of their outage, the agent sees their case, and nobody dials them meanwhile."""
