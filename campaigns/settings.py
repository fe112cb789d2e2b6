"""The settings of the outbound side: one frozen model with every default. Only entry points read it."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cti.errors import SettingsMistake

PREFIX = "RINGBACK_"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Settings(BaseModel):
    """The variable of a field is RINGBACK_ and the name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calendars: str = ""  # the folder of year files; empty: only the years that ship are known
    campaigns_days: Annotated[int, Field(ge=1, le=36_500)] = 1_095  # ended campaigns and the audit log are kept
    caller_zh: str = "95598供电服务热线"  # who speaks: calls and messages begin with it
    caller_en: str = "the 95598 electricity service line"
    call_back: str = "95598"  # the number that messages and answering machines are told
    settlements_days: Annotated[int, Field(ge=1, le=36_500)] = 90  # payments are remembered for files that come later
    # A campaign of arrears starts only where payments are told: on, off, or auto (from the first payment on).
    settlement_feed: Literal["auto", "on", "off"] = "auto"
    settlement_silence_h: Annotated[int, Field(ge=1, le=8_760)] = 24  # the feed is silent when nothing came for so long
    approval: Literal["on", "off"] = "on"  # a campaign that needs it starts only where a second key has approved it:
    approval_kinds: str = "arrears"  # of these kinds, with commas between them,
    approval_contacts: Annotated[int, Field(ge=0, le=10_000_000)] = 1_000  # or with more contacts than that
    letters: str = ""  # the folder of own templates of letters; empty: those that ship
    letter_fonts: str = ""  # a folder of fonts beside Noto Sans CJK
    message_gateways: str = ""  # the file of tenants' message gateways; empty: messages go by switches alone
    message_gateways_loopback: bool = False  # they may be on this machine, over http: for trials
    failure_spike_percent: int = Field(50, ge=1, le=101)  # of the last attempts failed: pause; 101: never

    @classmethod
    def read(cls) -> Self:
        """From the environment. Raises SettingsMistake that names the variable."""
        variables = {name: PREFIX + name.upper() for name in cls.model_fields}
        given = {name: os.environ[variable] for name, variable in variables.items() if variable in os.environ}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            why = "; ".join(f"{variables[str(mistake['loc'][0])]}: {mistake['msg']}" for mistake in error.errors())
            raise SettingsMistake(why) from None

    @property
    def approval_kinds_named(self) -> frozenset[str]:
        return frozenset(name for name in self.approval_kinds.split(",") if name)

    @property
    def calendar_folder(self) -> Path | None:
        return Path(self.calendars) if self.calendars else None

    @property
    def letters_folder(self) -> Path | None:
        return Path(self.letters) if self.letters else None

    @property
    def fonts_folder(self) -> Path | None:
        return Path(self.letter_fonts) if self.letter_fonts else None

    @property
    def message_gateways_file(self) -> Path | None:
        return Path(self.message_gateways) if self.message_gateways else None

    @property
    def kept_ms(self) -> int:
        """How long ended campaigns and lines of the audit log are kept."""
        return self.campaigns_days * DAY_MS

    @property
    def settlements_ms(self) -> int:
        """How long payments are remembered, and their references known."""
        return self.settlements_days * DAY_MS

    @property
    def silence_ms(self) -> int:
        """The feed of payments is silent when nothing came for so long."""
        return self.settlement_silence_h * HOUR_MS


def names() -> set[str]:
    """The environment variables that exist."""
    return {PREFIX + name.upper() for name in Settings.model_fields}
