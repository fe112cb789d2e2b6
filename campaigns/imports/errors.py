"""Why an import cannot begin or cannot be kept. Nothing of it stays in the ledger."""

from cti.errors import RingbackError


class SameFile(RingbackError):
    """The campaign has this file already."""

    def __init__(self, no: int) -> None:
        """`no`: of the import that brought it."""
        self.no = no
        super().__init__(f"import {no}")


class Truncated(RingbackError):
    """The body ended before all of it had come."""


class TooLarge(RingbackError):
    """The body is larger than an import may be."""


class UnreadableFile(RingbackError):
    """The file is not of the kind that it is sent as, or not sound; the detail says which. Nothing of it is kept."""


class WrongState(RingbackError):
    """The campaign has ended, or is being stopped."""

    def __init__(self, state: str) -> None:
        """`state`: of the campaign."""
        self.state = state
        super().__init__(state)


class CannotImport(RingbackError):
    """The file as a whole cannot be imported; the detail says why."""


class ContactMoved(RingbackError):
    """A contact has changed since it was read; nothing was written."""
