"""Outages that change after they were told of: the power comes back at another time, or does not go off at all."""
