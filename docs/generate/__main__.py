"""`python -m docs.generate` writes the generated parts; with --check it names the pages that are out of date."""

import sys

from docs.generate.pages import DOCS, outdated, pages


def main() -> int:
    old = outdated()
    if "--check" in sys.argv[1:]:
        print("\n".join(old), end="\n" if old else "")
        return 1 if old else 0
    for name in old:
        (DOCS / name).write_text(pages()[name], encoding="utf-8")
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
