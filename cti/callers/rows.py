"""The plain rows of what callers do. All times are integer milliseconds since the Unix epoch."""

from cti.caller_rows import CallbackRequest, Caller, KnownCaller, Words

__all__ = ("CallbackRequest", "Caller", "KnownCaller", "Words")
