"""The plain rows of what callers do. All times are integer milliseconds since the Unix epoch."""

from cti.caller_rows import CallbackRequest

__all__ = ("CallbackRequest",)
