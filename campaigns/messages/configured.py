"""The message gateways of tenants, from a file that the operator writes.

    [power-a]
    url = "https://sms.example.com/messages"     # or "simulated:"
    secrets = ["whsec_NEW", "whsec_OLD"]         # one; two while it is replaced
    channels = ["sms", "fax"]                    # sms where absent
    messages_per_second = 20
    at_once = 8

The secret is the tenant's name too: a receipt is of whoever's secret signed it, so no two tenants share one.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from campaigns.core.reasons import Channel
from campaigns.messages.addresses import checked_url
from campaigns.messages.signing import secret_of
from cti.errors import SettingsMistake

SIMULATED = "simulated:"
PER_SECOND_MAX, AT_ONCE_MAX, TENANTS_MAX = 1_000, 100, 1_000
Tenant = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]


class Gateway(BaseModel):
    """A tenant's message gateway. Nothing of it is shown: it has secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    url: str
    secrets: list[str] = Field(min_length=1, max_length=2, repr=False)
    channels: list[Literal["sms", "fax"]] = Field(["sms"], min_length=1, max_length=2)
    messages_per_second: Annotated[int, Field(ge=1, le=PER_SECOND_MAX)] = 10
    at_once: Annotated[int, Field(ge=1, le=AT_ONCE_MAX)] = 8

    @property
    def keys(self) -> list[bytes]:
        """The keys of the secrets, the newest first."""
        return [secret_of(text) for text in self.secrets]

    @property
    def written(self) -> frozenset[Channel]:
        """The channels that it declares."""
        return frozenset(Channel(name) for name in self.channels)


Gateways = Mapping[str, Gateway]
"""By tenant."""
_FILE: TypeAdapter[dict[str, Gateway]] = TypeAdapter(Annotated[dict[Tenant, Gateway], Field(max_length=TENANTS_MAX)])


def read_gateways(path: Path, *, loopback: bool = False) -> Gateways:
    """The file's. `loopback`: URLs of this machine are taken. Raises SettingsMistake that names file, tenant and field,
    never a secret.
    """
    try:
        found = _FILE.validate_python(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsMistake(f"{path}: {type(error).__name__}") from None
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg']}" for mistake in error.errors(include_input=False)
        )
        raise SettingsMistake(f"{path}: {'; '.join(faults)}") from None
    for tenant, gateway in found.items():
        for field, fault in _faults(gateway, loopback):
            raise SettingsMistake(f"{path}: {tenant}.{field}: {fault}")
    _check_apart(path, found)
    return found


def _faults(gateway: Gateway, loopback: bool) -> list[tuple[str, str]]:
    """(field, what is wrong), the first."""
    try:
        _ = gateway.keys
    except ValueError as fault:
        return [("secrets", str(fault))]
    try:
        if gateway.url != SIMULATED:
            checked_url(gateway.url, loopback=loopback)
    except ValueError as fault:
        return [("url", str(fault))]
    return []


def _check_apart(path: Path, found: Gateways) -> None:
    whose: dict[bytes, str] = {}
    for tenant, gateway in found.items():
        for key in set(gateway.keys):
            if whose.setdefault(key, tenant) != tenant:
                raise SettingsMistake(f"{path}: {whose[key]} and {tenant} have one secret")
