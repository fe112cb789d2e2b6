"""Ledgers of earlier releases, as they were written, and what the current one must find in them; and those releases.

- `spine-3a8a4b2`: the last commit with the first schema (revision 0001).
- `cluster-30fac69`: the release before this one (revision 0005), with engines that share the partitions.

`NAME.*.sql`: `written.write` ran at the commit of that name on an empty store of each kind, and the database was dumped
with `iterdump` of sqlite3, and with `pg_dump --inserts --no-owner --no-privileges` (its settings of the session and its
comments left out). `NAME.whl`: that commit built by `pip wheel --no-deps .`, so that its processes can run beside ours.
"""

from pathlib import Path

BEFORE = Path(__file__).parent / "cluster-30fac69.whl"
"""The release before this one."""
