"""Every setting that a file of ours names is a setting that the product reads."""

import re

from cti.hosting import find_parts, variables_of
from cti.settings import names
from tests.tidy.sources import ROOT

NAMED = re.compile(r"\bRINGBACK_[A-Z][A-Z0-9_]*")
# Read by the tests alone, never by the product.
OF_THE_TESTS = frozenset({"RINGBACK_TEST_KAFKA_BOOTSTRAP", "RINGBACK_TEST_POSTGRES_URL", "RINGBACK_DATA"})
FILES = (
    "docker-compose.yml",
    "deploy/Dockerfile",
    "Makefile",
    "README.md",
    ".ci/run",
    "docs/**/*.md",
    "deploy/**/*.yml",
)


def unknown(text: str) -> set[str]:
    """Names of settings in `text` that nobody reads."""
    return set(NAMED.findall(text)) - names() - variables_of(find_parts()) - OF_THE_TESTS


def test_no_file_names_a_setting_that_nobody_reads() -> None:
    texts = {path: path.read_text("utf-8") for pattern in FILES for path in ROOT.glob(pattern)}
    assert len(texts) >= 4
    assert {path.name: left for path, text in texts.items() if (left := unknown(text))} == {}


def test_an_invented_setting_is_found() -> None:
    assert unknown("RINGBACK_DB: sqlite://\nRINGBACK_INVENTED: 1") == {"RINGBACK_INVENTED"}
