"""ZITADEL's signature, and which of the schemes decides."""

from __future__ import annotations

import hmac

import pytest
from test_standard import BODY, GOOD, KEY, NOW, SAFE, STAMP

from callout.failure import ConfigurationError, NotGenuineError
from callout.genuine import Verifier
from callout.headers import Headers


def hexed(stamp: str = STAMP, key: str = "key", body: bytes = BODY) -> str:
    return hmac.digest(key.encode(), stamp.encode() + b"." + body, "sha256").hex()


HEX = hexed()


def test_the_value_is_known():
    # Made with: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
    assert HEX == "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"


@pytest.mark.parametrize(
    ("value", "good"),
    [
        (f"t={STAMP},v1={HEX}", True),
        (f"v1={HEX},t={STAMP}", True),
        (f"t={STAMP},  v1={HEX}", True),
        (f"t={STAMP},v1=00,v1=zz,v1={HEX}", True),
        (f"t={STAMP},v0={HEX},v1={HEX}", True),
        (f"t={STAMP}" + f",v1={'0' * 64}" * 4 + f",v1={HEX}", True),
        (f"t={STAMP}" + ",v1=zz" * 20 + f",v1={HEX}", True),
        (f"t={STAMP}" + f",v1={'A' * 64}" * 5 + f",v1={HEX}", True),
        (f"t={NOW - 300},v1={hexed(str(NOW - 300))}", True),
        (f"t={NOW + 300},v1={hexed(str(NOW + 300))}", True),
        (f"t={NOW - 301},v1={hexed(str(NOW - 301))}", False),
        (f"t={NOW + 301},v1={hexed(str(NOW + 301))}", False),
        (f"t={STAMP}" + f",v1={'0' * 64}" * 5 + f",v1={HEX}", False),
        ("", False),
        (f"v1={HEX}", False),
        (f"t={STAMP},t={STAMP},v1={HEX}", False),
        (f"t={STAMP}", False),
        (f"t={STAMP},v2={HEX}", False),
        (f"t={STAMP},v1={HEX.upper()}", False),
        (f"t={STAMP},v1={HEX[:62]}", False),
        (f"t={NOW + 1},v1={HEX}", False),
        (f"t=+{STAMP},v1={hexed('+' + STAMP)}", False),
        (f"t=0{STAMP},v1={hexed('0' + STAMP)}", False),
        (f"t= {STAMP},v1={hexed(' ' + STAMP)}", False),
        (f"t={STAMP}.0,v1={hexed(STAMP + '.0')}", False),
        (f"t={'1' * 400},v1={hexed('1' * 400)}", False),
        (f"t={STAMP}" + ",v0=1" * 63 + f",v1={HEX}", False),
    ],
)
def test_the_header_is_read_strictly(value, good):
    said = Headers([("ZITADEL-Signature", value), ("callout-delivery-id", "d1")])
    if good:
        assert Verifier(["key"]).verify(said, BODY, NOW).delivery_id == "d1"
    else:
        with pytest.raises(NotGenuineError):
            Verifier(["key"]).verify(said, BODY, NOW)


def test_the_header_stands_once():
    pairs = [("ZITADEL-Signature", f"t={STAMP},v1={HEX}")] * 2
    with pytest.raises(NotGenuineError):
        Verifier(["key"]).verify(Headers(pairs), BODY, NOW)


def test_an_id_that_is_not_signed_is_bounded():
    for said, id in (("i" * 255, "i" * 255), ("i" * 256, ""), ("a b", ""), ("", "")):
        pairs = [("ZITADEL-Signature", f"t={STAMP},v1={HEX}"), ("callout-delivery-id", said)]
        assert Verifier(["key"]).verify(Headers(pairs), BODY, NOW).delivery_id == id


ZITADEL = ("ZITADEL-Signature", f"t={STAMP},v1={hexed(key=KEY)}")
STANDARD = [("webhook-id", "id"), ("webhook-timestamp", STAMP)]


@pytest.mark.parametrize(
    ("pairs", "options", "good"),
    [
        ([*STANDARD, ("webhook-signature", GOOD), ZITADEL], {}, True),
        ([ZITADEL], {}, True),
        # What fails under the stronger scheme is not saved by the weaker one.
        ([*STANDARD, ("webhook-signature", "v1,AAAA"), ZITADEL], {}, False),
        ([("webhook-signature", "v1,AAAA"), ZITADEL], {}, False),
        ([*STANDARD, ("webhook-signature", "v1,AAAA\t"), ZITADEL], {}, False),
        # Signatures that there is no key for, or that are none, decide nothing.
        ([*STANDARD, ("webhook-signature", "v1a,AAAA"), ZITADEL], {}, True),
        ([*STANDARD, ("webhook-signature", "v9,AAAA v1,!"), ZITADEL], {}, True),
        ([*STANDARD, ("webhook-signature", "v1,AAAA"), ZITADEL], {"schemes": ["zitadel"]}, True),
        ([ZITADEL], {"schemes": ["standard"]}, False),
        ([*STANDARD, ("webhook-signature", GOOD)], {"schemes": ["standard"]}, True),
        ([*STANDARD, ("webhook-signature", GOOD)], {"schemes": ["zitadel"]}, False),
        ([], {}, False),
    ],
)
def test_which_scheme_decides(pairs, options, good):
    verifier = Verifier([KEY], **options)
    if good:
        verifier.verify(Headers(pairs), BODY, NOW)
    else:
        with pytest.raises(NotGenuineError):
            verifier.verify(Headers(pairs), BODY, NOW)


def test_schemes_that_there_are_no_keys_for():
    for keys, schemes in (([KEY], ["standard_v1a"]), (["key"], ["standard"]), ([KEY], []), ([KEY], ["hmac"])):
        with pytest.raises(ConfigurationError):
            Verifier(keys, schemes=schemes)


assert SAFE != GOOD, "a signature in which the two alphabets differ is a better test"
