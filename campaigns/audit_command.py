"""`ringback audit verify`: whether the audit log is as it was written. Reads the ledger, and changes nothing."""

import argparse
import json
import os
import re
import sys
from pathlib import Path

SUMMARY = "whether the audit log of campaigns is as it was written"
VARIABLES = ("RINGBACK_DB",)
HERE = "sqlite:///ringback.db"
WHOLE, BROKEN, UNREADABLE = 0, 1, 2
ANCHOR = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})", re.ASCII)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser("verify", help="exit code 0: as it was written; 1: not; 2: it cannot be read")
    verify.add_argument("--tenant", metavar="T", help="only of this tenant")
    verify.add_argument("--anchor", type=_anchor, metavar="N:HASH", help="an earlier head: it must still be there")
    verify.add_argument("--json", type=Path, metavar="OUT", help="write the answer to a file too")
    verify.add_argument("--db", metavar="URL", help=f"SQLAlchemy URL of the ledger (default: RINGBACK_DB, else {HERE})")


def run(args: argparse.Namespace) -> int:
    """0: every chain is whole; 1: a fault, which is named; 2: the ledger cannot be read, or whose anchor is unclear."""
    from campaigns.audit_verifying import verified
    from cti.errors import RingbackError

    try:
        report = verified(args.db or os.environ.get("RINGBACK_DB") or HERE, args.tenant, args.anchor)
        text = json.dumps(report, ensure_ascii=False, indent=2)
        if args.json is not None:
            args.json.write_text(f"{text}\n", "utf-8")
    except (RingbackError, OSError) as error:
        print(f"ringback audit verify: {error}", file=sys.stderr)
        return UNREADABLE
    print(text)
    return WHOLE if report["ok"] else BROKEN


def _anchor(text: str) -> tuple[int, str]:
    found = ANCHOR.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError("takes N:HASH, as GET /v1/audit/head and the daily log line have them")
    return int(found[1]), found[2]
