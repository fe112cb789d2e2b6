"""`DeadLetterBox` of `cti.topics`: dead letters of parts' topics, in the table of those of the log."""

import json
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, LargeBinary, func, literal, or_, update

from cti.adapters.ledger.dead_letters import dead_letter, insert_dead_letters
from cti.adapters.ledger.tables import dead_letters
from cti.rows import DeadLetterRow
from cti.topics import DEAD_LETTERS_FROM, SetAside
from schemas.reasons import DeadLetter

FORGOTTEN = "erased"
BARE_CHARS_MIN = 6  # a shorter text would stand in too much that is something else


class PartDeadLetters:
    """Statements in the transaction of a part."""

    def put(self, connection: Connection, dead_letters: Sequence[SetAside]) -> None:
        insert_dead_letters(connection, [DeadLetterRow(*letter) for letter in dead_letters])

    def read(self, connection: Connection, partition: int, position: int) -> SetAside | None:
        row = dead_letter(connection, partition, position)
        return None if row is None else set_aside(row)

    def forget(self, connection: Connection, tenant: str, texts: Collection[str]) -> int:
        if not texts:
            return 0
        body = dead_letters.c.body
        instr = func.instr if connection.dialect.name == "sqlite" else None
        found = []
        for form in sorted({form for text in texts for form in forms(text)}):
            sought = literal(form, LargeBinary())
            found.append((instr(body, sought) if instr else func.position(sought.op("IN")(body))) > 0)
        mine = (dead_letters.c.partition >= DEAD_LETTERS_FROM, dead_letters.c.tenant == tenant)
        blank = update(dead_letters).where(*mine, or_(*found)).values(body=b"", detail=FORGOTTEN)
        return connection.execute(blank).rowcount


def set_aside(row: DeadLetterRow) -> SetAside:
    """The row of a part's topic."""
    return SetAside(row.partition, row.position, row.tenant, DeadLetter(row.reason), row.detail, row.at_ms, row.body)


def forms(text: str) -> set[bytes]:
    """How a text stands in JSON: in UTF-8, or with escapes; and a longer one as it is, in what is no JSON."""
    bare = {text.encode()} if len(text) >= BARE_CHARS_MIN else set[bytes]()
    return bare | {json.dumps(text, ensure_ascii=False).encode(), json.dumps(text).encode()}
