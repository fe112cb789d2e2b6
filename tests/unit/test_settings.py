"""What the settings take, refuse, and show."""

import pytest

from cti.errors import SettingsMistake
from cti.settings import Settings
from cti.sql.connections import database_url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen", "127.0.0.1:65536"), ("listen", "127.0.0.1:99999"), ("listen", "127.0.0.1"), ("listen", ":80"),
        ("kafka_bootstrap", "one"), ("kafka_bootstrap", ",:"), ("kafka_bootstrap", "one:9092,"),
        ("kafka_bootstrap", "one:9092,two:99999"), ("kafka_bootstrap", "one:9092 two:9092"),
        ("kafka_bootstrap", "one:http"),
    ],
)  # fmt: skip
def test_places_that_cannot_be_are_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsMistake, match=f"RINGBACK_{name.upper()}"):
        Settings.read(**{name: value})


@pytest.mark.parametrize("value", ["", "one:9092", "one.example:9092, 10.0.0.1:9093 ,[::1]:9094"])
def test_servers_of_kafka_are_places_with_commas(value: str) -> None:
    assert Settings.read(kafka_bootstrap=value, listen="[::1]:0").kafka_bootstrap == value


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hush@db.example/ringback",
        "postgresql://me@db.example/ringback?password=hush&sslmode=require",
        "postgresql://me@db.example/ringback?sslpassword=hush",
    ],
)
def test_no_password_of_the_database_is_shown(url: str) -> None:
    shown = str(Settings(db=url).shown())
    assert "hush" not in shown
    assert "db.example/ringback" in shown


@pytest.mark.parametrize(
    "url", ["postgresql://me:x@y:hush@db/x", "postgresql://me@db:hush/x", "hush", "mysql://me:hush@db/x"]
)
def test_a_mistaken_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(SettingsMistake) as refused:
        database_url(url)
    assert "hush" not in str(refused.value)
