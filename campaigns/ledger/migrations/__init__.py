"""The revisions of the campaigns' tables."""
