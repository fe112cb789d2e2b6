"""Structured logs: one JSON object a line on standard error, or readable lines where that is a terminal."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from cti.web.masking import masked_identifier

LIBRARIES_LEAST = logging.WARNING  # below it they tell of every request


def _named(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every line has its stable `action`; where the words are one already, they are it."""
    line.setdefault("action", line["event"])
    return line


def _masked(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No telephone number stands in a log, whatever field it came in: a source may be one (ID-1)."""
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = masked_identifier(value)
    return line


def _of_a_library(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What others say has words of their own, which change: one `action` for all, and who it was."""
    line["action"] = "library"
    line["logger"] = line["_record"].name
    return line


def set_up_logging(level: str, readable: bool | None = None) -> None:
    """Configure structlog, and what libraries log by, once, at the start of a process. `readable`: by default whether
    standard error is a terminal.
    """
    plain = sys.stderr.isatty() if readable is None else readable
    renderer = structlog.dev.ConsoleRenderer() if plain else structlog.processors.JSONRenderer()
    least = logging.getLevelNamesMapping()[level.upper()]
    dated: list[structlog.typing.Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _masked,
    ]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _named,
            *dated,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, _of_a_library, *dated],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(least, LIBRARIES_LEAST))
