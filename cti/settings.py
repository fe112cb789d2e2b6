"""The settings of this package: one frozen model, every default visible, read from the environment by entry points
only.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import make_url

from cti.errors import SettingsMistake

PREFIX = "RINGBACK_"
PROFILES = Path(__file__).parent / "profiles"


class Settings(BaseModel):
    """Each field is RINGBACK_ and its name in capitals; what is given by name wins over the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    db: str = "sqlite:///ringback.db"  # SQLAlchemy URL; also memory:
    listen: str = Field("127.0.0.1:8080", pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):[0-9]{1,5}$")
    profile: str = "power-95598"  # a shipped profile's name, or a file
    partitions: int = Field(4, ge=1, le=256)  # of the event log; fixed for the life of a ledger
    call_idle_max_s: float = Field(4 * 3600, gt=0)  # a call that nothing is heard of ends as `lost`
    timeline_days: float = Field(7, gt=0)  # how long events of ended calls are kept
    records_days: float = Field(3 * 365, gt=0)
    log_level: str = Field("info", pattern=r"^(debug|info|warning|error)$")

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, given: Any) -> Any:
        found = {
            name: os.environ[PREFIX + name.upper()] for name in cls.model_fields if PREFIX + name.upper() in os.environ
        }
        return {**found, **given} if isinstance(given, Mapping) else given

    @classmethod
    def read(cls, **given: Any) -> Self:
        """As the constructor; raises SettingsMistake that names the variable."""
        try:
            return cls(**given)
        except ValidationError as error:
            told = "; ".join(
                f"{PREFIX}{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()
            )
            raise SettingsMistake(told) from None

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    def shown(self) -> dict[str, Any]:
        """All settings without secrets."""
        shown = self.model_dump()
        if "://" in self.db:
            shown["db"] = make_url(self.db).render_as_string(hide_password=True)
        return shown


def names() -> set[str]:
    """The environment variables that exist."""
    return {PREFIX + name.upper() for name in Settings.model_fields}


def profile_path(name: str) -> Path:
    """The file of a profile: a shipped one by name, else a path."""
    shipped = PROFILES / f"{name}.toml"
    return shipped if shipped.is_file() else Path(name)
