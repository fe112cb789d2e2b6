"""Structured logs: one JSON object a line on standard error, or readable lines where that is a terminal."""

import logging
import sys
from collections.abc import MutableMapping, Sequence
from typing import Any

import structlog

from cti.cli.log_writer import LogWriter
from cti.web.masking import masked_identifier

LIBRARIES_LEAST = logging.WARNING  # below it they log every request


def _named(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every line has its stable `action`; without one the message is the action."""
    line.setdefault("action", line["event"])
    return line


def _masked(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask telephone numbers in every field of a log line: a source may be one (ID-1)."""
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = masked_identifier(value)
    return line


def _of_a_library(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Give all lines of libraries one `action`, because their texts change; `logger` names the library."""
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
        _masked,
    ]
    said: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _named,
        *dated,
        renderer,
    ]
    structlog.configure(
        processors=[_Rendering(said, writer)],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: _LineLogger(writer),
    )
    foreign = [structlog.stdlib.add_log_level, _of_a_library, *dated]
    handler = logging.StreamHandler(writer)
    handler.setFormatter(_Formatter(foreign, renderer, writer))
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # what cannot be formatted is counted, and not written out as a traceback
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(least, LIBRARIES_LEAST))
    return writer


class _Rendering:
    """All processors as one: a line that one of them fails on is counted as lost."""

    def __init__(self, processors: Sequence[structlog.typing.Processor], writer: LogWriter) -> None:
        self._processors, self._writer = processors, writer

    def __call__(self, logger: Any, method: str, line: MutableMapping[str, Any]) -> Any:
        made: Any = line
        try:
            for process in self._processors:
                made = process(logger, method, made)
        except Exception as error:
            self._writer.drop()
            raise structlog.DropEvent from error
        return made


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """The same for what libraries log."""

    def __init__(
        self, foreign: Sequence[structlog.typing.Processor], renderer: structlog.typing.Processor, writer: LogWriter
    ) -> None:
        super().__init__(
            foreign_pre_chain=foreign,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
        self._writer = writer

    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(record)
        except Exception:
            self._writer.drop()
            raise


class _LineLogger:
    """structlog's last step: one line."""

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer

    def msg(self, message: str) -> None:
        self._writer.write(message + "\n")

    log = debug = info = warning = error = critical = exception = fatal = msg
