"""What is published is frozen: the generated documents are those on disk, to the byte."""

from cti.adapters.event_log_kafka import asyncapi as topics_asyncapi
from cti.gateway.openapi import written
from cti.web.limits import Limits
from schemas.publish import documents
from tests.tidy.sources import ROOT

MAKERS = ("schemas.publish", "cti.gateway.openapi", "cti.adapters.event_log_kafka.asyncapi")
REFRESH = f"run `python -m` each of {', '.join(MAKERS)}, and judge whether old readers survive it"
PUBLISHED = ROOT / "schemas" / "published"


def test_the_published_documents_are_what_the_models_say() -> None:
    on_disk = {
        path.relative_to(PUBLISHED).as_posix(): path.read_text("utf-8")
        for path in PUBLISHED.rglob("*")
        if path.is_file()
    }
    generated = documents() | {"v1/openapi.json": written(Limits()).decode()}
    generated["v1/asyncapi-kafka.json"] = topics_asyncapi.written()
    assert sorted(on_disk) == sorted(generated), REFRESH
    changed = [path for path, text in generated.items() if on_disk[path] != text]
    assert changed == [], REFRESH
