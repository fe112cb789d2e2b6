"""The door of campaigns: the real routes, on both databases."""
