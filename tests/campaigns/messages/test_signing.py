"""Standard Webhooks 1.0: the vector of its reference libraries, and every way in which a signature does not hold."""

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from campaigns.messages import signing
from campaigns.messages.signing import NotSigned, Signed, check_form, headers_of, id_of, is_signed, secret_of
from tests.tidy.sources import ROOT

# The vector that the specification's own libraries are tested with.
SECRET = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
OTHER = secret_of("whsec_" + base64.b64encode(bytes(range(32))).decode())
ID, AT_S, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def given(*secrets: bytes, id_: str = ID, at_s: int = AT_S, body: bytes = BODY) -> Signed:
    return Signed(*headers_of(secrets or (SECRET,), id_, at_s, body).values())


def test_it_signs_as_openssl_does() -> None:
    openssl = shutil.which("openssl")
    assert openssl is not None
    signed = f"{ID}.{AT_S}.".encode() + BODY
    asked = [openssl, "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{SECRET.hex()}", "-binary"]
    made = subprocess.run(asked, input=signed, capture_output=True, check=True, timeout=20).stdout
    assert given().signature == f"v1,{base64.b64encode(made).decode()}"


def test_what_the_documentation_shows_in_shell_is_signed(tmp_path: Path) -> None:
    """The lines of the page as they stand; curl shows what it was given."""
    page = (ROOT / "docs/integrators.md").read_text("utf-8")
    (lines,) = re.findall(r"```sh\n(SECRET=.*?)```", page, re.DOTALL)
    shown = tmp_path / "curl"
    shown.write_text('#!/bin/sh\nfor given in "$@"; do printf "%s\\n" "$given"; done\n', "utf-8")
    shown.chmod(0o700)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RINGBACK_URL": "http://127.0.0.1"}
    said = subprocess.run(["/bin/sh", "-c", lines], env=env, capture_output=True, check=True, timeout=20, text=True)
    given = said.stdout.splitlines()
    headers = dict(one.split(": ", 1) for one in given if one.startswith("webhook-"))
    signed = Signed(headers[signing.ID], headers[signing.TIMESTAMP], headers[signing.SIGNATURE])
    check_form(signed, int(signed.timestamp))
    assert is_signed([SECRET], signed, given[given.index("-d") + 1].encode())


def test_it_signs_as_the_reference_does() -> None:
    assert given().signature == SIGNATURE


@pytest.mark.parametrize(
    ("changed", "secrets"),
    [
        (given(), [OTHER]),
        (given()._replace(id=ID + "x"), [SECRET]),
        (given()._replace(timestamp=str(AT_S + 1)), [SECRET]),
        (given()._replace(signature=given().signature.replace("v1,", "v2,")), [SECRET]),
        (given()._replace(signature=given().signature[3:]), [SECRET]),
        (given()._replace(signature=given().signature[:-2]), [SECRET]),
        (given()._replace(signature=""), [SECRET]),
        (given()._replace(signature="v1,"), [SECRET]),
        (given()._replace(signature="v1,\udcff"), [SECRET]),
        (given()._replace(signature=" ".join(["v1,x"] * signing.SIGNATURES_MAX) + " " + given().signature), [SECRET]),
        (given(), []),
    ],
)
def test_what_does_not_hold(changed: Signed, secrets: list[bytes]) -> None:
    assert is_signed([SECRET], given(), BODY)
    assert not is_signed(secrets, changed, BODY)


def test_one_changed_byte_of_the_body_does_not_hold() -> None:
    assert not is_signed([SECRET], given(), BODY.replace(b"4", b"5", 1))


def test_while_a_secret_is_replaced_either_is_enough_on_either_side() -> None:
    both = given(OTHER, SECRET)
    assert [is_signed([secret], both, BODY) for secret in (SECRET, OTHER)] == [True, True]
    assert is_signed([OTHER, SECRET], given(SECRET), BODY)


@pytest.mark.parametrize("off_s", [-signing.TOLERANCE_S, 0, signing.TOLERANCE_S])
def test_it_holds_for_five_minutes(off_s: int) -> None:
    check_form(given(), AT_S + off_s)


@pytest.mark.parametrize(
    ("changed", "now_s"),
    [
        (given(), AT_S + signing.TOLERANCE_S + 1),
        (given(), AT_S - signing.TOLERANCE_S - 1),
        (given()._replace(timestamp=""), AT_S),
        (given()._replace(timestamp=f"{AT_S}.0"), AT_S),
        (given()._replace(timestamp="-1"), 0),
        (given()._replace(timestamp="１６１４２６５３３０"), AT_S),
        (given()._replace(timestamp=f"{AT_S}\n"), AT_S),
        (given()._replace(id=""), AT_S),
        (given()._replace(id="a.1"), AT_S),
        (given()._replace(id="a b"), AT_S),
        (given()._replace(id="x" * 129), AT_S),
    ],
)
def test_forms_that_nobody_signs(changed: Signed, now_s: int) -> None:
    with pytest.raises(NotSigned):
        check_form(changed, now_s)


def test_an_order_s_id_has_no_full_stop_on_the_wire() -> None:
    assert id_of("c0123456789abcde-7.2") == "c0123456789abcde-7_2"
    check_form(given(id_=id_of("c0-7.2")), AT_S)


@pytest.mark.parametrize(
    "text", ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_!", "whsec_" + "A" * 28, "whsec_" + "A" * 92]
)
def test_a_secret_that_is_none_is_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match="^a secret") as fault:
        secret_of(text)
    assert not text[6:] or text[6:] not in str(fault.value)
