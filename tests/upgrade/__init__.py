"""Ledgers of earlier releases, as they were written, and what the current one must find in them; and those releases.

The files `spine-3a8a4b2.*.sql` were written by the commit of that name, the last one with the first schema (revision
0001): `written.write` ran there on an empty store of each kind, and the database was dumped with `iterdump` of sqlite3,
and with `pg_dump --inserts --no-owner --no-privileges` (its settings of the session and its comments left out).

`spine-3a8a4b2.whl` is that commit built by `pip wheel --no-deps .`, so that its processes can be run beside ours.
"""

from pathlib import Path

EARLIER = Path(__file__).parent / "spine-3a8a4b2.whl"
