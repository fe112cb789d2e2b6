"""The OpenAPI document of campaigns against the running door: schemathesis with all its checks, bounded and repeatable.

What a document cannot say (windows lie inside the hours, a campaign does not end before its fallback) is answered 422:
that status is expected of valid data on the routes that ask for it, and on no other.
"""

from pathlib import Path

from tests.campaigns.api.site import contact_row, site
from tests.schemathesis_run import run_schemathesis

CONFIG = """
[checks]
positive_data_acceptance.expected-statuses = [{expected}]
"""
RUNS = (
    ("^/v1/(settlements|do-not-call)$", '"2xx", "400", "401", "403", "404", "406", "409", "422"'),
    ("/v1/campaigns$|/outcome$|/v1/calling-hours|/acknowledge$", '"2xx", "401", "403", "404", "409", "422"'),
    (("^/v1/(campaigns/.*(imports|start|pause|resume|stop|contacts|attempts|rejected|history|evidence|[}]|[0-9])$|"
      "outbound|notice|audit)"),
     '"2xx", "401", "403", "404", "409"'),
)  # fmt: skip


async def test_the_door_does_what_its_document_says(tmp_path: Path) -> None:
    async with site(f"sqlite:///{tmp_path}/ringback.db", tasks=False) as it:
        campaign = (await it.campaign())["id"]
        await it.put([contact_row(campaign, 1, state="person")])
        for number, (paths, expected) in enumerate(RUNS):
            config = tmp_path / f"run{number}.toml"
            config.write_text(CONFIG.format(expected=expected))
            options = ("--include-path-regex", paths, "--phases", "fuzzing", "--max-examples", "10")
            await run_schemathesis(it.it.url, f"Bearer {it.keys['admin']}", tmp_path, *options, config=config)
