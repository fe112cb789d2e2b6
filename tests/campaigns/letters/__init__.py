"""Letters as they come out of the press."""
