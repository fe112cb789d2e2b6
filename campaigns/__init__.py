"""Outbound campaigns: the place of the dialler, which is a service of its own beside the middleware."""
