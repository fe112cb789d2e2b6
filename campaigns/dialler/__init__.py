"""The loop that calls people: one turn, one transaction."""
