"""What goes to standard error is one JSON object a line, whoever says it."""

import json
import logging
import warnings

import pytest
import structlog

from cti.cli.logging_setup import set_up_logging

pytestmark = pytest.mark.usefixtures("logging_as_it_was")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_what_libraries_say_is_in_the_same_form_under_one_action(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("info", readable=False)
    structlog.get_logger().info("ready", action="serving")
    logging.getLogger("aiokafka.consumer").warning("offset %s\nis gone", 7)
    try:
        raise KeyError("lost")
    except KeyError:
        logging.getLogger("asyncio").exception("never retrieved")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", UserWarning, stacklevel=1)
    ours, library, failed, warned = lines(capsys)
    assert (ours["action"], ours["level"]) == ("serving", "info")
    assert library["timestamp"]
    assert {name: library[name] for name in ("action", "level", "logger", "event")} == {
        "action": "library", "level": "warning", "logger": "aiokafka.consumer", "event": "offset 7\nis gone",
    }  # fmt: skip
    assert "KeyError" in failed["exception"]
    assert (warned["action"], warned["logger"]) == ("library", "py.warnings")


@pytest.mark.parametrize(("level", "heard"), [("debug", 2), ("info", 2), ("warning", 2), ("error", 1), ("critical", 0)])
def test_libraries_are_heard_from_warnings_on(level: str, heard: int, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(level, readable=False)
    library = logging.getLogger("aiokafka")
    library.debug("a request")
    library.info("a connection")
    library.warning("slow")
    library.error("away")
    assert len(lines(capsys)) == heard


def test_a_terminal_gets_readable_lines(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("info", readable=True)
    logging.getLogger("aiokafka").warning("slow")
    told = capsys.readouterr().err
    assert "slow" in told
    assert not told.startswith("{")
