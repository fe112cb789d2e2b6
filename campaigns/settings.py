"""The settings of the outbound side: one frozen model with every default. Only entry points read it."""

import os
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

PREFIX = "RINGBACK_"


class Settings(BaseModel):
    """The variable of a field is RINGBACK_ and the name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calendars: str = ""  # the folder of year files; empty: only the years that ship are known

    @classmethod
    def read(cls) -> Self:
        """From the environment."""
        variables = {name: PREFIX + name.upper() for name in cls.model_fields}
        return cls(**{name: os.environ[variable] for name, variable in variables.items() if variable in os.environ})

    @property
    def calendar_folder(self) -> Path | None:
        return Path(self.calendars) if self.calendars else None


def names() -> set[str]:
    """The environment variables that exist."""
    return {PREFIX + name.upper() for name in Settings.model_fields}
