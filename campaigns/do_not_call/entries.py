"""An entry: a number in E.164, or an account, with its reason. Pure."""

import hashlib

from campaigns.core.reasons import Disposition
from campaigns.dialler.orders import split_number
from campaigns.imports import cells, numbers
from campaigns.imports.cells import Wrong
from campaigns.imports.rows import read_account
from campaigns.ledger.do_not_call import HASHED
from campaigns.ledger.people import account_key
from campaigns.ledger.rows import AttemptRow, DoNotCallRow

ENTERED = frozenset({Disposition.OPTED_OUT.value, Disposition.WRONG_PARTY.value})
"""What a call may come to that makes an entry of its number."""
DIALLER = "dialler"
ACCOUNT = account_key("")


def line_of(number: str | None, account: str | None) -> str:
    """What an entry names, as a call takes it. Raises Wrong for what is no number, in whatever spelling."""
    if account is not None:
        return account_key(read_account(cells.cleaned(account)))
    read = numbers.normalised(cells.cleaned(number or ""))
    if isinstance(read, numbers.Mistake):
        raise Wrong(read.rule, read.what)
    return read.e164


def number_of(line: str) -> str | None:
    """None: it is an account, or nobody may know it."""
    return None if line.startswith((ACCOUNT, HASHED)) else line


def account_of(line: str) -> str | None:
    """None: it is a number, or nobody may know it."""
    return line.removeprefix(ACCOUNT) if line.startswith(ACCOUNT) else None


def entry_id(tenant: str, line: str, at_ms: int) -> str:
    """The id of an entry that is made at this time."""
    return f"d{hashlib.sha256(f'{tenant} {line} {at_ms}'.encode()).hexdigest()[:15]}"


def entry_of(attempt: AttemptRow, disposition: str, at_ms: int, who: str = DIALLER) -> DoNotCallRow:
    """The entry for the number of a call whose disposition is one of ENTERED: from now on, for good."""
    number, _ = split_number(attempt.number)
    id_ = entry_id(attempt.tenant, number, at_ms)
    return DoNotCallRow(
        tenant=attempt.tenant,
        line=number,
        id=id_,
        reason=disposition,
        since_ms=at_ms,
        until_ms=None,
        made_at_ms=at_ms,
        who=who,
    )
