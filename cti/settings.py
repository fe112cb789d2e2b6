"""The settings of this package: one frozen model with every default. Only entry points read it from the environment."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from sqlalchemy import make_url

from cti.errors import SettingsMistake

PREFIX = "RINGBACK_"
PROFILES = Path(__file__).parent / "profiles"
PORT_MAX = 65_535
_ADDRESS = r"(\[[0-9a-fA-F:]+\]|[^:,\s]+):[0-9]{1,5}"
SERVERS = rf"^({_ADDRESS}(\s*,\s*{_ADDRESS})*)?$"  # host:port, several with commas


class Settings(BaseModel):
    """The variable of a field is RINGBACK_ and the name in capitals. Keyword arguments override the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    db: str = "sqlite:///ringback.db"  # SQLAlchemy URL; also memory:
    listen: str = Field("127.0.0.1:8080", pattern=rf"^{_ADDRESS}$")
    profile: str = "power-95598"  # a shipped profile's name, or a file
    partitions: int = Field(4, ge=1, le=256)  # of the event log; cannot change once the ledger exists
    call_idle_max_s: float = Field(4 * 3600, gt=0)  # a call without events for this long ends as `lost`
    call_events_max: int = Field(10_000, ge=100)  # of one call; further events are set aside
    call_bytes_max: int = Field(8 * 1024 * 1024, ge=1024 * 1024)  # of one call's events, as stored
    timeline_days: float = Field(7, gt=0)  # for which events of ended calls are kept
    records_days: float = Field(3 * 365, gt=0)
    kafka_bootstrap: str = Field("", pattern=SERVERS)  # empty: the event log is in the database
    kafka_prefix: str = Field("ringback.", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    kafka_tenant: str = Field("default", pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    kafka_partitions: int = Field(8, ge=1, le=256)  # of each topic of events; cannot change once it exists
    kafka_replication: int = Field(3, ge=1, le=9)
    kafka_min_insync: int = Field(2, ge=1, le=9)
    kafka_retention_days: float = Field(7, gt=0)
    kafka_compression: Literal["none", "gzip", "lz4", "zstd"] = "lz4"
    kafka_group: str = Field("ringback", min_length=1, max_length=200)  # Kafka's tools show our positions under it
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_username: str = ""
    kafka_password: SecretStr = SecretStr("")
    kafka_ca_file: str = ""
    kafka_cert_file: str = ""
    kafka_key_file: str = ""
    metrics_sources: int = Field(500, ge=1, le=10_000)  # sources with their own series; the rest count as `other`
    log_level: str = Field("info", pattern=r"^(debug|info|warning|error)$")

    @field_validator("listen", "kafka_bootstrap")
    @classmethod
    def _ports_exist(cls, addresses: str) -> str:
        """The operating system would silently use another port."""
        for port in re.findall(r":([0-9]+)\s*(?:,|$)", addresses):
            if int(port) > PORT_MAX:
                raise ValueError(f"a port is a number up to {PORT_MAX}")
        return addresses

    @model_validator(mode="after")
    def _kafka_fits(self) -> Self:
        if self.kafka_min_insync > self.kafka_replication:
            raise ValueError("kafka_min_insync is greater than kafka_replication: nothing could ever be written")
        if self.kafka_security.startswith("SASL_") and not (self.kafka_username and self.kafka_password):
            raise ValueError("kafka_security requires a login: set kafka_username and kafka_password")
        return self

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
            why = "; ".join(
                f"{PREFIX}{'_'.join(map(str, fault['loc'])).upper() or '*'}: {fault['msg']}" for fault in error.errors()
            )
            raise SettingsMistake(why) from None

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    def shown(self) -> dict[str, Any]:
        """All settings without secrets."""
        shown = self.model_dump(mode="json")  # a SecretStr shows stars
        if "://" in self.db:
            url = make_url(self.db)
            secret = {name: "***" for name in url.query if "password" in name}  # libpq accepts passwords there too
            shown["db"] = url.update_query_dict(secret).render_as_string(hide_password=True)
        return shown


def names() -> set[str]:
    """The environment variables that exist."""
    return {PREFIX + name.upper() for name in Settings.model_fields}


def profile_path(name: str) -> Path:
    """The file of a profile: the shipped profile of this name, otherwise the name is a path."""
    shipped = PROFILES / f"{name}.toml"
    return shipped if shipped.is_file() else Path(name)
