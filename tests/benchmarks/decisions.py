"""What deciding on a contact costs, beside the check of the hours alone."""

from collections.abc import Iterator

from tests.benchmarks.figures import Figure, against
from tests.benchmarks.processes import done

ROUNDS, RUNS = 2_000, 5


def figures(quick: bool, heard: list[str]) -> Iterator[Figure]:
    """Decisions a second on contacts that are due, and on contacts that wait."""
    job = {"rounds": ROUNDS // 20 if quick else ROUNDS, "runs": 1 if quick else RUNS}
    for name, found in done("tests.benchmarks.deciding", job).items():
        figure = against(f"decisions_{name}", found["decide"], found["hours"], "decisions/s", None)
        heard.append(f"{name}: {1e6 / figure.value:.1f} us a decision")
        yield figure
