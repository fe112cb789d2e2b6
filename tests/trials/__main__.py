"""Small inputs from the field on which the product was once wrong: `python -m tests.trials DIR [--json out.json]`.

Plays every *.ndjson of a folder (`calls`), and replays every r* file (`replays`); name -> "passed" or the difference.
A file whose right values are not known here gives its records. Exits with 0 only if there was one and all passed.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from cti.cli.logging_setup import set_up_logging
from tests.trials import calls, replays


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    set_up_logging("error")  # standard output is the verdict alone
    results: dict[str, Any] = {path.name: calls.run(path) for path in sorted(args.folder.glob("*.ndjson"))}
    results |= replays.run(args.folder)
    text = json.dumps(results, indent=1, ensure_ascii=False)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0 if results and all(result == "passed" for result in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
