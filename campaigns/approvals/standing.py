"""How a campaign stands with its approval: whether it needs one, what that would be of, and whether it has it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from campaigns.approvals import digest as digests
from campaigns.approvals.digest import Parts
from campaigns.context import Context
from campaigns.errors import ApprovalNeeded
from campaigns.kinds import known_kinds
from campaigns.ledger import approvals
from campaigns.ledger.rows import ApprovalRow, CampaignRow
from campaigns.letters.templates import SHARED, template_name, templates
from campaigns.settings import Settings

KIND, CONTACTS = "kind", "contacts"
OFF = "off"
NONE = "none"


class Standing(NamedTuple):
    """`needed`: why it is, nothing: it is not. `files`: with their names. `approval`: the newest, void or not."""

    needed: Sequence[str]
    parts: Parts
    files: Sequence[Mapping[str, Any]]
    approval: ApprovalRow | None

    @property
    def digest(self) -> str:
        return digests.digest(self.parts)

    @property
    def in_force(self) -> bool:
        """Whether exactly this is approved."""
        row = self.approval
        return row is not None and row.void_at_ms is None and row.digest == self.digest

    @property
    def beyond(self) -> list[str]:
        """Once it has begun: what of it is not approved. [NONE]: there is no approval, or it is void."""
        row = self.approval
        if row is None or row.void_at_ms is not None:
            return [NONE]
        return digests.beyond(digests.parts_of(row.parts), self.parts)


def standing(connection: Connection, context: Context, row: CampaignRow) -> Standing:
    """As it is in this transaction."""
    files = approvals.files(connection, row.id)
    shown = ("sha256", "accepted", "contacts", "keep")
    parts = Parts(
        digests.settings_of(row._asdict()),
        [{"n": file["no"], **{name: file[name] for name in shown}} for file in files],
        words_of(context, row),
    )
    needed = reasons(context.settings, row.kind, sum(file["contacts"] for file in files))
    return Standing(needed, parts, files, approvals.last(connection, row.id))


def reasons(settings: Settings, kind: str, contacts: int) -> list[str]:
    """Why an approval is needed, by the operator's settings; none: it is not."""
    if settings.approval == OFF or known_kinds()[kind].stands:  # each callback is asked for by itself
        return []
    found = [KIND] if kind in settings.approval_kinds_named else []
    return [*found, CONTACTS] if contacts > settings.approval_contacts else found


def check_approved(connection: Connection, context: Context, row: CampaignRow) -> None:
    """Before the start. Raises ApprovalNeeded."""
    found = standing(connection, context, row)
    if found.needed and not found.in_force:
        raise ApprovalNeeded(found.needed, found.digest, found.beyond)


def check_covered(connection: Connection, context: Context, row: CampaignRow) -> None:
    """Once it has begun. Raises ApprovalNeeded."""
    found = standing(connection, context, row)
    if found.needed and found.beyond:
        raise ApprovalNeeded(found.needed, found.digest, found.beyond)


def words_of(context: Context, row: CampaignRow) -> str:
    """SHA-256 of all templates that the campaign's customers hear or read, and of what is the same for all of them."""
    kind, said, language = known_kinds()[row.kind], context.settings, row.language
    letters = templates(said.letters_folder).files
    name = template_name(row.kind, language)
    spoken = {
        "words": {part: getattr(text, language) for part, text in kind.words._asdict().items()},
        "keys": {key: action.value for key, action in kind.keys.items()},
        "gate": kind.gate,
        "caller": said.caller_zh if language == "zh" else said.caller_en,
        "call_back": said.call_back,
        "letters": {file: _sha256(letters[file]) for file in (name, *SHARED) if file in letters},
    }
    return digests.sha256(spoken)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
