"""Keeps a part's faults from the call side and from other parts: bounded, counted, named."""
