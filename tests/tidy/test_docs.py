"""The pages say what is so: links resolve, generated parts are up to date, and what they name exists."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from campaigns.core.campaign import CAMPAIGN_TABLE
from campaigns.core.reasons import CampaignState
from campaigns.metrics import CampaignMetrics
from cti.__main__ import names
from cti.core.indicators import indicators
from cti.dial.metrics import DialMetrics
from cti.engine.metrics import CallMetrics
from cti.gateway.routes import routes_of
from cti.rows import Totals
from cti.settings import PROFILES
from cti.telemetry import Telemetry
from cti.web.limits import Limits
from docs.generate.pages import BLOCKS, filled, outdated
from docs.generate.states import edges_of
from docs.generate.writing import described
from schemas.profile import read_profile
from schemas.records import CallRecord
from tests.tidy.sources import ROOT, sources

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
PLAYED = [
    ROOT / "README.md",
    DOCS / "quickstart.md",
    DOCS / "quickstart.sh",
    DOCS / "outbound-quickstart.md",
    DOCS / "outbound-quickstart.sh",
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
RULE = re.compile(r"\b([A-Z]{2,8})-[0-9]{1,2}\b")
NO_RULES = frozenset({"UTF", "ECMA", "SHA", "RFC"})
REQUEST = re.compile(r"""(?:\bapi (\w+) ["']?|(?:-X (\w+) )?"?\$URL)(/[A-Za-z0-9_/$@{}"'.-]+)""")
REPOSITORY_PATH = re.compile(r"`((?:cti|schemas|tests|docs|deploy|campaigns)/[A-Za-z0-9_./-]+)`")
COMMAND_LINE = re.compile(r"\bringback ([a-z]+(?:-[a-z]+)*)\b")
METRIC = re.compile(r"`(ringback_[a-z_]+)`")
FILE = re.compile(r"\.(?:py|mako|toml|json)$")
ACTION = re.compile(r"""\baction="(?!store_true)(\w+)"|\blog(?:ger)?\.\w+\("(\w+)\"""")


def by_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    return path.read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [code for name, code in FENCE.findall(text) if name == language]


# -- links -------------------------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """A page's headings as a forge names them."""
    heads = re.findall(
        r"^#+ (.+)$", CODE.sub(lambda found: found[0] if found[0][:3] != "```" else "", text), re.MULTILINE
    )
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def dead_links(page: Path, text: str) -> Iterator[str]:
    """Targets inside the repository that are not there."""
    for target in LINK.findall(CODE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        path = (page.parent / place).resolve() if place else page
        if not path.exists() or (anchor and anchor not in anchors(text_of(path))):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_links_resolve(page: Path) -> None:
    assert list(dead_links(page, text_of(page))) == []


@pytest.mark.parametrize("target", ["gone.md", "rules.md#no-such-heading", "../cti/gone.py"])
def test_a_dead_link_is_found(target: str) -> None:
    assert list(dead_links(DOCS / "x.md", f"[a](rules.md#profiles) and [b]({target}) `[c](code.md)`")) == [target]


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = (target.partition("#")[0] for target in LINK.findall(CODE.sub("", text_of(page))))
        waiting += [path for link in links if link and (path := (page.parent / link).resolve()).is_file()]
    assert [by_name(page) for page in PAGES if page not in reached] == []


# -- generated parts ---------------------------------------------------------------------------------------------------


def test_generated_parts_are_up_to_date() -> None:
    assert outdated() == [], "run `python -m docs.generate`"


def test_every_generated_part_stands_on_a_page_and_a_stale_one_is_found() -> None:
    everything = "".join(map(text_of, PAGES))
    assert [name for name in BLOCKS if f"<!-- generated: {name} -->" not in everything] == []
    stale = "a\n<!-- generated: setting_table -->\nold\n<!-- end -->\nb"
    assert "RINGBACK_DB" in filled(stale)
    with pytest.raises(KeyError):
        filled(stale.replace("setting_table", "nobody_makes_this"))


def test_any_in_a_diagram_stands_for_all_other_states_those_without_an_arrow_too() -> None:
    stop = {(state, "stop"): CampaignState.STOPPING for state in CampaignState}
    assert edges_of(stop | {(CampaignState.STOPPING, "stop"): CampaignState.STOPPING}).keys() == {("any", "stopping")}
    without_final = edges_of(CAMPAIGN_TABLE)
    assert [edge for edge in without_final if edge[0] == "any"] == []
    assert {source for source, target in without_final if target == "stopping"} == {
        "draft", "approved", "scheduled", "running", "paused", "draining"}  # fmt: skip


def test_what_a_generated_table_leaves_without_a_word_is_found() -> None:
    rows = [("`connections`", "2 000", "open at a time"), ("`streams`", "1 000", "")]
    assert described(("limit", "value", ""), rows[:1]).endswith("| `connections` | 2 000 | open at a time |\n")
    with pytest.raises(ValueError, match="`streams` has no description"):
        described(("limit", "value", ""), rows)


# -- what is named exists ----------------------------------------------------------------------------------------------


def unknown_requests(text: str) -> list[str]:
    """Requests of curl, or of the script's `api`, that no route takes."""
    routes = [(one.method, re.sub(r"\{\w+\}", "[^/]+", one.path)) for one in routes_of(Limits())]
    wrong = []
    for named, flagged, path in REQUEST.findall(re.sub(r"\\\n\s*", "", text)):
        clean = path.strip("\"'").partition("?")[0]
        methods = {named} if named else {flagged} if flagged else {"GET", "POST"}
        if not any(method in methods and re.fullmatch(pattern, clean) for method, pattern in routes):
            wrong.append(f"{named or flagged} {clean}".strip())
    return wrong


@pytest.mark.parametrize("page", PLAYED, ids=by_name)
def test_what_is_played_names_routes_that_exist(page: Path) -> None:
    text = text_of(page)
    assert len(REQUEST.findall(text)) >= 3
    assert unknown_requests(text) == []


def test_a_route_that_is_not_there_is_found() -> None:
    text = (
        'curl "$URL/v1/event"; api PUT "/v1/switches/$S/commands"; curl -X PUT "$URL/v1/switches/x"; api GET /v1/calls'
    )
    assert unknown_requests(text) == ["/v1/event", "PUT /v1/switches/$S/commands"]


def test_shell_blocks_can_be_read_by_a_shell() -> None:
    whole = [text_of(DOCS / name) for name in ("quickstart.sh", "outbound-quickstart.sh")]
    scripts = [*whole, *(code for page in PAGES for code in blocks(text_of(page), "sh"))]
    for script in scripts:
        done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{done.stderr}\n{script}"


def test_the_quick_start_calls_functions_that_its_script_has() -> None:
    functions = set(re.findall(r"^(\w+)\(\) \{", text_of(DOCS / "quickstart.sh"), re.MULTILINE))
    played = next(code for code in blocks(text_of(DOCS / "quickstart.md"), "sh") if code.startswith("start="))
    used = set(re.findall(r"(?:^|; |=)\$?\(?(\w+)(?= \$id|\))", played, re.MULTILINE))
    assert {"comes", "rings", "answers", "hangs_up", "seen", "now_ms"} <= used <= functions


def rules_known() -> set[str]:
    """Those of the profile, and those that docs/rules.md says are figures only or come later."""
    path = PROFILES / "power-95598.toml"
    told = text_of(DOCS / "rules.md").partition("## As figures only")[2].partition("\n# ")[0]
    assert told
    return {rule.id for rule in read_profile(text_of(path), path.name).rules} | {m[0] for m in RULE.finditer(told)}


def unknown_rules(text: str) -> set[str]:
    return {found[0] for found in RULE.finditer(text) if found[1] not in NO_RULES} - rules_known()


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_rules_that_are_named_exist_or_are_said_to_come_later(page: Path) -> None:
    assert unknown_rules(text_of(page)) == set()


def test_an_invented_rule_is_found() -> None:
    assert unknown_rules("RING-1 and RING-9 in UTF-8, SILENT-1 later") == {"RING-9"}


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_files_that_are_named_exist(page: Path) -> None:
    assert [path for path in REPOSITORY_PATH.findall(text_of(page)) if not (ROOT / path).exists()] == []


def folders_listed(text: str) -> dict[str, str]:
    """What docs/architecture.md says under the heading of each folder."""
    parts = re.split(
        r"^### `((?:cti|schemas|campaigns)[\w/]*)/`$",
        text.partition("## Every file")[2].partition("\n## ")[0],
        flags=re.MULTILINE,
    )
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def names_listed(text: str) -> set[str]:
    """Each name with the folder under whose heading it stands."""
    folders = folders_listed(text)
    return {f"{folder}/{name}" for folder, part in folders.items() for name in re.findall(r"`([\w./-]+)`", part)}


def not_listed(text: str, files: list[str]) -> list[str]:
    """The files that no folder's list names. A folder's `__init__.py` is named by its heading."""
    named, folders = names_listed(text), folders_listed(text)
    return [one for one in files if one not in named and one.removesuffix("/__init__.py") not in folders]


def not_there(text: str) -> list[str]:
    """The files that a folder's list names and that the folder does not have."""
    files = (one for one in names_listed(text) if FILE.search(one) and not one.endswith("/__init__.py"))
    return sorted(one for one in files if not (ROOT / one).is_file())


def test_the_architecture_names_every_file() -> None:
    folders = ("cti", "schemas", "campaigns")
    files = [by_name(path) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    has_code = [one for one in files if text_of(ROOT / one).count("\n") > 1 or not one.endswith("__init__.py")]
    assert len(files) > 200
    assert not_listed(text_of(DOCS / "architecture.md"), has_code) == []
    assert not_there(text_of(DOCS / "architecture.md")) == []


def test_a_file_that_is_named_nowhere_is_found() -> None:
    text = "`gone.py`\n## Every file\n\n### `cti/web/`\n\n| [`auth.py`](../cti/web/auth.py) | keys |\n"
    files = ["cti/web/__init__.py", "cti/web/auth.py", "cti/web/gone.py", "cti/sql/auth.py"]
    assert not_listed(text, files) == ["cti/web/gone.py", "cti/sql/auth.py"]


def test_a_file_that_a_folder_does_not_have_is_found() -> None:
    text = "## Every file\n\n### `cti/web/`\n\n| [`auth.py`](../cti/web/auth.py) | `gone` |\n| `gone.py` | keys |\n"
    assert not_there(text) == ["cti/web/gone.py"]


def test_the_architecture_answers_twelve_questions() -> None:
    answers = text_of(DOCS / "architecture.md").partition("## Where is ...?")[2].partition("\n## ")[0]
    asked = re.split(r"^\d+\. \*\*Where (?:is|are) [^*]+\?\*\*", answers, flags=re.MULTILINE)[1:]
    assert len(asked) == 12
    assert [answer for answer in asked if not LINK.findall(answer)] == []


def test_commands_that_are_named_exist() -> None:
    code = [part for page in PAGES for part in CODE.findall(text_of(page))]
    named = {word for part in code for word in COMMAND_LINE.findall(part)}
    assert {"run", "serve", "keys"} <= named
    assert named - set(names()) == set()


def test_metrics_that_are_named_exist() -> None:
    telemetry = Telemetry()
    CallMetrics(telemetry)
    DialMetrics(telemetry.registry)
    for collector in CampaignMetrics().collectors:
        telemetry.registry.register(collector)
    families = {each.name + ("_total" if each.type == "counter" else "") for each in telemetry.registry.collect()}
    named = {name for page in PAGES for name in METRIC.findall(text_of(page))}
    assert named - families == set()
    assert families - named == set()


def test_every_action_of_the_logs_is_explained() -> None:
    told = text_of(DOCS / "operations.md").partition("## Logs")[2]
    actions = {word for source in sources("cti") for found in ACTION.findall(source.text) for word in found if word}
    actions -= {"stopped", "waiting"}  # sentences of one word, beside their action
    assert len(actions) > 8
    assert {action for action in actions if f"| `{action}` |" not in told} == set()


def test_every_figure_and_every_member_of_a_record_is_explained() -> None:
    told = text_of(DOCS / "integrators.md").partition("## Reading")[2]
    nothing = Totals("", *(0,) * (len(Totals._fields) - 1))
    wanted = [*indicators(nothing), *CallRecord.model_fields]
    assert [name for name in wanted if f"`{name}`" not in told] == []


def test_every_alert_is_explained() -> None:
    rules = yaml.safe_load(text_of(ROOT / "deploy/prometheus/ringback.rules.yml"))
    severities = {one["alert"]: one["labels"]["severity"] for group in rules["groups"] for one in group["rules"]}
    told = dict(re.findall(r"^\| `(Ringback\w+)` \| (\w+) \|", text_of(DOCS / "operations.md"), re.MULTILINE))
    assert told == severities
