"""`ringback calendar check|add`: which years the work calendar knows, and a new one put in."""

import argparse
import sys
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

SUMMARY = "which years the work calendar knows; add one that was announced"
VARIABLES = ("RINGBACK_CALENDARS",)
CHINA = "Asia/Shanghai"
KNOWN, PROVISIONAL, UNUSABLE = 0, 1, 2
ADDED, REFUSED = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="exit code 1: this year, or from November the next, is provisional")
    add = actions.add_parser("add", help="check a year file and put it into the folder")
    add.add_argument("file", type=Path, metavar="FILE")
    add.add_argument("--replace", action="store_true", help="instead of the file of that year which is there")
    for action in (check, add):
        action.add_argument("--folder", type=Path, help="of the year files (default: RINGBACK_CALENDARS)")


def run(args: argparse.Namespace) -> int:
    """0: done; 1: provisional, or refused; 2: a file or a folder cannot be used."""
    from campaigns.settings import Settings

    folder = args.folder or Settings.read().calendar_folder
    try:
        return check(folder, today()) if args.action == "check" else add(args.file, folder, args.replace)
    except (OSError, ValueError) as mistake:  # a mistake of a year file is a ValueError
        print(_said(mistake), file=sys.stderr)
        return UNUSABLE


def today() -> date:
    """By the clock of China."""
    return datetime.now(ZoneInfo(CHINA)).date()


def check(folder: Path | None, day: date) -> int:
    """Print the known years, their sources, and what is provisional."""
    from campaigns.year_files import known_years, needed_years, spans_of_years

    known = known_years(folder)
    for years, source in spans_of_years(known):
        print(f"{years:<10} {source}")
    gaps = [f"{year}, " for year in range(min(known), max(known)) if year not in known]
    print(f"{'':<10} provisional: {''.join(gaps)}{max(known) + 1} and later")
    missing = [year for year in needed_years(day) if year not in known]
    for year in missing:
        print(f"{year} is provisional: `ringback calendar add FILE` when it is announced", file=sys.stderr)
    return PROVISIONAL if missing else KNOWN


def add(file: Path, folder: Path | None, replace: bool) -> int:
    """Put a year file that can be used into the folder, whole or not at all."""
    from campaigns.calendars import content_of, year_of
    from campaigns.year_files import YearIsThere, days_of_law_worked, install_year

    if folder is None:
        raise ValueError("no folder of year files: set RINGBACK_CALENDARS, or give --folder")
    content = content_of(file)
    year = year_of(content, str(file))
    for day in days_of_law_worked(year):
        print(f"{file}: holidays: {day} is a day off by law, and is worked here", file=sys.stderr)
    try:
        path = install_year(content, year, folder, replace)
    except YearIsThere as there:
        print(there, file=sys.stderr)
        return REFUSED
    print(f"{year.year}: {path}")
    return ADDED


def _said(mistake: OSError | ValueError) -> str:
    """A mistake of a file with the rule that it breaks."""
    mistakes = getattr(mistake, "mistakes", None)
    return str(mistake) if mistakes is None else "\n".join(f"{each} [{each.rule}]" for each in mistakes)
