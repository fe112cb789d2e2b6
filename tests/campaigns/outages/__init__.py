"""Outages that change after they were told of."""
