"""Structured logs: one JSON object a line on standard error, or readable lines where that is a terminal."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from cti.cli.log_writer import LogWriter

LIBRARIES_LEAST = logging.WARNING  # below it they log every request


def _named(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every line has its stable `action`; without one the message is the action."""
    line.setdefault("action", line["event"])
    return line


def _of_a_library(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The words of libraries change: their lines share one `action`, and `logger` says whose line it is."""
    line["action"] = "library"
    line["logger"] = line["_record"].name
    return line


def set_up_logging(level: str, readable: bool | None = None) -> LogWriter:
    """Configure structlog, and what libraries log by, once, at the start of a process.

    `readable`: by default whether standard error is a terminal. No log call raises: the writer that is returned counts
    the lines that were lost.
    """
    writer = LogWriter(sys.stderr)
    plain = writer.isatty() if readable is None else readable
    renderer = structlog.dev.ConsoleRenderer() if plain else structlog.processors.JSONRenderer()
    least = logging.getLevelNamesMapping()[level.upper()]
    dated: list[structlog.typing.Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _named,
            *dated,
            renderer,
        ],
        wrapper_class=_never_failing(least, writer),
        logger_factory=lambda *_: _LineLogger(writer),
    )
    handler = _Handler(writer)
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
    return writer


class _LineLogger:
    """structlog's last step: one line."""

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer

    def msg(self, message: str) -> None:
        self._writer.write(message + "\n")

    log = debug = info = warning = error = critical = exception = fatal = msg


class _Handler(logging.StreamHandler[LogWriter]):
    """The standard library's last step. A record that cannot be formatted is a lost line and no more."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        del record
        self.stream.drop()


def _never_failing(least: int, writer: LogWriter) -> type:
    """structlog's bound logger, whose calls raise nothing: what fails in rendering is a lost line."""

    class NeverFailing(structlog.make_filtering_bound_logger(least)):  # type: ignore[misc]
        def _proxy_to_logger(self, method_name: str, event: str | None = None, *args: Any, **fields: Any) -> Any:
            try:
                return super()._proxy_to_logger(method_name, event, *args, **fields)
            except Exception:
                writer.drop()
                return None

    return NeverFailing
