"""The mutator itself: what it finds, what it changes, and that a survivor is reported."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.mutation import __main__ as command
from tests.mutation.__main__ import ROOT, chosen, everything, excused, faults
from tests.mutation.judging import CAUGHT, SURVIVED, Trial
from tests.mutation.reviewed import EQUIVALENT, JUDGES, Equivalent
from tests.mutation.sites import mutants, mutated

SAMPLE = """\
@cached(size=7)
def f(a: Literal[1], b=2) -> Literal[3]:
    if not a or a < b <= 5 and a is not None:
        a += min(b, -1)
    return "1 < 2", True, a // 2
"""


def test_every_place_is_found_and_annotations_decorators_and_text_are_left_alone() -> None:
    assert [(one.line, one.column, one.what) for one in mutants(SAMPLE, "f.py")] == [
        (2, 24, "2 becomes 1"),
        (2, 24, "2 becomes 3"),
        (3, 8, "not is dropped"),
        (3, 17, "or becomes and"),
        (3, 21, "< becomes <="),
        (3, 26, "5 becomes 4"),
        (3, 26, "5 becomes 6"),
        (3, 26, "<= becomes <"),
        (3, 32, "and becomes or"),
        (3, 41, "is not becomes is"),
        (4, 14, "+ becomes -"),
        (4, 14, "min becomes max"),
        (4, 21, "- is dropped"),
        (4, 22, "1 becomes 0"),
        (4, 22, "1 becomes 2"),
        (5, 21, "True becomes False"),
        (5, 32, "// becomes *"),
        (5, 32, "2 becomes 1"),
        (5, 32, "2 becomes 3"),
    ]


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("a < b", ["a <= b"]),
        ("a == b != c", ["a != b != c", "a == b == c"]),
        ("a in b", ["a not in b"]),
        ("a - b * c", ["a + b * c", "a - b // c"]),
        ("not a", ["not (not a)"]),
        ("-a", ["+a"]),
        ("a and b and c", ["a or b or c"]),
        ("max(a)", ["min(a)"]),
        ("a << 1", ["a >> 1", "a << 0", "a << 2"]),
        ("timedelta(days=1)", ["timedelta(days=0)", "timedelta(days=2)"]),
        ("1.5", ["0.5", "2.5"]),
        ("False", ["True"]),
    ],
)
def test_each_mutant_is_the_module_with_one_change(text: str, changed: list[str]) -> None:
    sources = [ast.unparse(mutated(text, one.n)) for one in mutants(text, "x.py")]
    assert sorted(sources) == sorted(ast.unparse(ast.parse(one)) for one in changed)


def test_the_deciding_part_has_hundreds_each_with_a_name_of_its_own() -> None:
    names = [one.name for one in everything(ROOT)]
    assert len(set(names)) == len(names) > 800
    for module in JUDGES:
        assert any(name.startswith(f"campaigns/core/{module}.py:") for name in names)


# -- judging -----------------------------------------------------------------------------------------------------------

JUDGE = """\
import json, sys
from tests.mutation.judging import Trial, judged
from tests.mutation.sites import mutants, mutated

source, test = sys.argv[1:]
trials = [Trial(one.what, "planted", compile(mutated(source, one.n), "planted.py", "exec"), [test])
          for one in mutants(source, "planted.py")]
print(json.dumps({trial.name: verdict for trial, verdict in judged(trials, 2)}))
"""


def verdicts(source: str, test: str, folder: Path) -> dict[str, str]:
    """Of the mutants of a module that is on no disk, by a test."""
    path = folder / "test_planted.py"
    path.write_text(test, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", JUDGE, source, str(path)], cwd=ROOT, capture_output=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, str] = json.loads(done.stdout)
    return found


OVER_THREE = "def over(x):\n    return x > 3\n"


def test_what_no_test_notices_survives_and_what_one_notices_is_caught(tmp_path: Path) -> None:
    loose = "from planted import over\ndef test_it():\n    assert over(10) and not over(0)\n    assert over(4)\n"
    assert verdicts(OVER_THREE, loose, tmp_path) == {
        "> becomes >=": SURVIVED,
        "3 becomes 2": SURVIVED,
        "3 becomes 4": CAUGHT,
    }


def test_a_test_that_does_not_know_the_module_judges_nothing(tmp_path: Path) -> None:
    found = verdicts(OVER_THREE, "def test_it():\n    assert True\n", tmp_path)
    assert set(found.values()) == {"not judged: the tests do not import the module"}


def test_what_fails_at_import_is_caught(tmp_path: Path) -> None:
    assert verdicts("assert 1 < 2\n", "import planted\ndef test_it():\n    pass\n", tmp_path) == {
        "< becomes <=": SURVIVED,
        "1 becomes 0": SURVIVED,
        "1 becomes 2": CAUGHT,
        "2 becomes 1": CAUGHT,
        "2 becomes 3": SURVIVED,
    }


# -- the result --------------------------------------------------------------------------------------------------------


def test_a_survivor_and_one_that_was_not_judged_are_faults() -> None:
    results = {"a unchanged": SURVIVED, "a:1": CAUGHT, "a:2": SURVIVED, "a:3": "not judged: timeout", "a:4": SURVIVED}
    assert faults(results, {"a:4": "a reason"}) == ["a:2: survived", "a:3: not judged: timeout"]


def test_tests_that_fail_without_a_change_and_an_equivalent_that_is_caught_are_faults() -> None:
    assert faults({"a unchanged": CAUGHT, "a:4": CAUGHT}, {"a:4": "a reason"}) == [
        "a unchanged: caught",
        "a:4: caught though it is listed as equivalent",
    ]


def test_an_entry_that_fits_nothing_or_several_is_stale() -> None:
    found = mutants("a = 1 < b\nc = 1 < 2\nc = 1 < 2\n", "campaigns/core/x.py")
    entries = [
        Equivalent("x", "a = 1 < b", "1 < b", "< becomes <=", "a reason"),
        Equivalent("x", "a = 2 < b", "2 < b", "< becomes <=", "gone"),
        Equivalent("x", "c = 1 < 2", "1 < 2", "< becomes <=", "twice"),
    ]
    reasons, stale = excused(found, entries)
    assert reasons == {"campaigns/core/x.py:1:9 < becomes <=": "a reason"}
    assert [line.rpartition(": ")[2] for line in stale] == ["fits 0 mutants", "fits 2 mutants"]


def test_no_entry_of_the_table_is_stale() -> None:
    assert excused(everything(ROOT), EQUIVALENT)[1] == []


def test_a_sample_is_of_every_module_and_the_same_for_the_same_seed() -> None:
    found = everything(ROOT)
    sample = chosen(found, [], len(JUDGES), seed=1)
    assert len({one.name for one in sample}) == len(JUDGES)
    assert {Path(one.file).stem for one in sample} == set(JUDGES)
    assert sample == chosen(found, [], len(JUDGES), seed=1) != chosen(found, [], len(JUDGES), seed=2)
    assert {one.file for one in chosen(found, ["core/zones"], None, 1)} == {"campaigns/core/zones.py"}


@pytest.mark.parametrize(("verdict", "code"), [(CAUGHT, 0), (SURVIVED, 1), ("not judged: timeout", 1)])
def test_the_exit_code_says_whether_one_survived(
    verdict: str, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"

    def judge(trials: Iterable[Trial], _jobs: int) -> Iterable[tuple[Trial, str]]:
        return ((one, SURVIVED if one.name.endswith("unchanged") else verdict) for one in trials)

    monkeypatch.setattr(command, "judged", judge)
    monkeypatch.setattr(sys, "argv", ["mutation", "--json", str(out), "--only", "core/deadlines"])
    assert command.main() == code
    assert set(json.loads(out.read_text("utf-8")).values()) == {verdict}
    there = len(command.everything(command.ROOT, ["deadlines"]))
    assert f"{there} mutants" in capsys.readouterr().err


def test_a_sample_of_the_deciding_part_is_caught() -> None:
    """All of them: `make mutate`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutation", "--sample", "16", "--seed", "10"],
        cwd=ROOT, capture_output=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert list(json.loads(done.stdout).values()).count(CAUGHT) >= 12
