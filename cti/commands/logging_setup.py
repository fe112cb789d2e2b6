"""Structured logs: one JSON object a line on standard error, or readable lines where that is a terminal."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog


def _named(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every line has its stable `action`; where the words are one already, they are it."""
    line.setdefault("action", line["event"])
    return line


def set_up_logging(level: str, readable: bool | None = None) -> None:
    """Configure structlog once, at the start of a process. `readable`: by default whether standard error is a
    terminal.
    """
    plain = sys.stderr.isatty() if readable is None else readable
    renderer = structlog.dev.ConsoleRenderer() if plain else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _named,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
