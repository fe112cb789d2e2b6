"""What approvals, changes and starts of campaigns refuse, as problem documents."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from campaigns.api.codes import invalid, refusal
from campaigns.api.new_campaign import window_text
from campaigns.errors import (
    ApprovalMismatch,
    ApprovalNeeded,
    ChangedMeanwhile,
    NoEmergency,
    Overlaps,
    SecondKeyNeeded,
    WindowsWider,
)
from cti.web.refusal import fault


@contextmanager
def refusing_second_key() -> Iterator[None]:
    """These errors leave as Refusal."""
    try:
        yield
    except ApprovalNeeded as error:
        members: dict[str, Any] = {"needed": list(error.needed), "digest": error.digest, "missing": list(error.missing)}
        raise refusal("approval_needed", _capital(error), members=members) from error
    except ApprovalMismatch as error:
        members = {"digest": error.digest, "parts": error.hashes, "changed": list(error.changed)}
        what = f"; what has changed: {', '.join(error.changed)}" if error.changed else ""
        raise refusal("approval_mismatch", f"Its digest is {error.digest} now{what}", members=members) from error
    except SecondKeyNeeded as error:
        raise refusal("second_key_needed", f"{error} had a hand in it") from error
    except Overlaps as error:
        members = {"campaign": error.campaign, "name": error.name, "contacts": error.contacts,
                   "counted_all": error.counted_all}  # fmt: skip
        count = f"{error.contacts}{'' if error.counted_all else ' or more'}"
        detail = f"{error.campaign} ({error.name}) has {count} of its contacts"
        raise refusal("overlaps", detail, members=members) from error
    except ChangedMeanwhile as error:
        raise refusal("changed_meanwhile", f'Its ETag is "{error.version}" now') from error
    except WindowsWider as error:
        windows = ", ".join(window_text(window) for window in error.allowed)
        raise invalid([fault("/windows", "approved", f"It runs: not beyond what was approved, {windows}")]) from error
    except NoEmergency as error:
        raise refusal("no_emergency", str(error)) from error


def _capital(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
