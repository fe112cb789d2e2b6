"""The root of the error tree, and what goes wrong with a database. A class's docstring doubles as its message.

`cti.errors` draws the whole tree; these stand here because this package imports nothing of ours.
"""


class RingbackError(Exception):
    """Something outside the call core went wrong."""

    def __init__(self, detail: str = "", word: str = "away") -> None:
        """`detail` is for the log; `word`, one of `cti.sql.trouble`, is all that /readyz shows."""
        text = (self.__doc__ or "").split("\n", 1)[0]
        super().__init__(f"{text} ({detail})" if detail else text)
        self.detail, self.word = detail, word


class LedgerAway(RingbackError):
    """The ledger cannot be reached; nothing was written."""


class OutcomeUnknown(RingbackError):
    """The connection to the ledger broke while a commit was under way; whether it stands must be read again."""


class SchemaTooNew(RingbackError):
    """The ledger was made by a newer release of Ringback."""


class SettingsMistake(RingbackError):
    """A setting cannot be used."""


class StoreInUse(RingbackError):
    """Another process serves this SQLite file."""
