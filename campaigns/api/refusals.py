"""What the transactions of campaigns refuse, as problem documents."""

from collections.abc import Iterator
from contextlib import contextmanager

from campaigns.api.codes import refusal
from campaigns.api.second_key_refusals import refusing_second_key
from campaigns.errors import (
    AlreadyCancelled,
    CannotDial,
    ContactsChanged,
    NoSuchOutage,
    NotFound,
    SettlementsSilent,
    Stale,
    WrongState,
)
from cti.web.instants import rfc3339
from cti.web.refusal import busy, fault

RETRY_AFTER_S = 1


@contextmanager
def refusing() -> Iterator[None]:
    """Errors of the outbound side leave as Refusal."""
    try:
        with refusing_second_key():
            yield
    except NotFound as error:
        raise refusal("not_found") from error
    except WrongState as error:
        raise wrong_state(error.state, error.action, error.allowed) from error
    except ContactsChanged as error:
        detail = f"There are {error.there} contacts, not {error.expected}"
        raise refusal("contacts_changed", detail, members={"contacts": error.there}) from error
    except NoSuchOutage as error:
        raise refusal("no_such_outage", f"No contact has it: {error}") from error
    except AlreadyCancelled as error:
        raise refusal("already_cancelled", f"It was cancelled: {error}") from error
    except SettlementsSilent as error:
        when = "never" if error.heard_ms is None else rfc3339(error.heard_ms)
        raise refusal("settlements_silent", f"Payments were last told: {when}") from error
    except CannotDial as error:
        faults = [fault(lack.pointer, "cannot_dial", lack.detail) for lack in error.lacks]
        raise refusal("cannot_dial", "; ".join(lack.detail for lack in error.lacks), faults) from error
    except Stale as error:  # somebody was quicker each time
        raise busy("ledger_away", RETRY_AFTER_S) from error


def wrong_state(state: str, action: str, allowed: tuple[str, ...]) -> Exception:
    """Names both: where it stands and what was asked."""
    wanted = f"; it is allowed in {', '.join(allowed)}" if allowed else ""
    members = {"state": state, "action": action, "allowed": list(allowed)}
    return refusal("wrong_state", f"{action} is not allowed in state {state}{wanted}", members=members)
