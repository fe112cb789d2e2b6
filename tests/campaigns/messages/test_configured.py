"""The file of message gateways: what is wrong is named, and no secret is shown."""

import base64
from pathlib import Path

import pytest

from campaigns.core.reasons import Channel
from campaigns.messages.configured import read_gateways
from cti.errors import SettingsMistake

ONE = "whsec_" + base64.b64encode(b"1" * 24).decode()
TWO = "whsec_" + base64.b64encode(b"2" * 32).decode()


SHARED = (
    f'url = "https://a.example.com/"\nsecrets = ["{ONE}"]\n'
    f'[other]\nurl = "https://b.example.com/"\nsecrets = ["{TWO}", "{ONE}"]'
)


def written(folder: Path, text: str) -> Path:
    path = folder / "gateways.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_gateway_with_all_that_it_may_have(tmp_path: Path) -> None:
    text = f"""
        [grid]
        url = "https://sms.example.com/messages"
        secrets = ["{ONE}", "{TWO}"]
        channels = ["sms", "fax"]
        messages_per_second = 20
        at_once = 4
        [trial]
        url = "simulated:"
        secrets = ["whsec_{base64.b64encode(b"3" * 24).decode()}"]
    """
    found = read_gateways(written(tmp_path, text))
    assert found["grid"].keys == [b"1" * 24, b"2" * 32]
    assert found["grid"].written == {Channel.SMS, Channel.FAX}
    assert (found["trial"].written, found["trial"].at_once) == ({Channel.SMS}, 8)
    assert ONE not in repr(found)


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (f'secrets = ["{ONE}"]', "grid.url"),
        (f'url = "http://sms.example.com/"\nsecrets = ["{ONE}"]', "grid.url: is not https"),
        (f'url = "https://10.0.0.1/"\nsecrets = ["{ONE}"]', "grid.url: names an address"),
        (f'url = "http://127.0.0.1/"\nsecrets = ["{ONE}"]', "grid.url"),
        ('url = "https://sms.example.com/"\nsecrets = []', "grid.secrets"),
        ('url = "https://sms.example.com/"\nsecrets = ["hush-hush"]', "grid.secrets"),
        (f'url = "https://sms.example.com/"\nsecrets = ["{ONE}"]\nchannels = ["pigeon"]', "grid.channels"),
        (f'url = "https://sms.example.com/"\nsecrets = ["{ONE}"]\nat_once = 0', "grid.at_once"),
        (f'url = "https://sms.example.com/"\nsecrets = ["{ONE}"]\nretries = 3', "grid.retries"),
        ("url = ", "gateways.toml"),
        (
            SHARED,
            "grid and other have one secret",
        ),
    ],
)
def test_a_mistake_is_named_and_no_secret_shown(tmp_path: Path, lines: str, named: str) -> None:
    with pytest.raises(SettingsMistake) as mistake:
        read_gateways(written(tmp_path, f"[grid]\n{lines}\n"))
    assert named in str(mistake.value)
    assert "hush" not in str(mistake.value)
    assert ONE not in str(mistake.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsMistake, match=r"gone\.toml"):
        read_gateways(tmp_path / "gone.toml")


def test_this_machine_is_taken_where_that_is_set(tmp_path: Path) -> None:
    text = f'[grid]\nurl = "http://127.0.0.1:9/"\nsecrets = ["{ONE}"]\n'
    assert read_gateways(written(tmp_path, text), loopback=True)["grid"].url == "http://127.0.0.1:9/"
