"""One suite for every adapter behind a port."""
