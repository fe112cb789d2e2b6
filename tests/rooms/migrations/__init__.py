"""The chain of the part's tables."""
