"""What a push service carries can be read by the browser alone, and is signed by this site."""

from __future__ import annotations

import base64
import json
import os

import http_ece  # type: ignore[import-untyped]  # it ships no types
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from review_ui.push.encryption import BadKey, _sealed, check_browser_key, decoded, encoded, new_site_key, seal, vapid
from review_ui.push.sending import is_service
from tests.support.services.push_service import Browser

SERVICES = "https://fcm.googleapis.com https://*.push.apple.com http://127.0.0.1:8123"


def test_only_the_browser_can_read_what_was_sealed_for_it() -> None:
    browser, other = Browser.new(), Browser.new()
    body = seal(b"look at the queue", browser.p256dh, browser.auth)
    assert browser.read(body) == b"look at the queue"
    with pytest.raises(http_ece.ECEException):
        other.read(body)
    assert body != seal(b"look at the queue", browser.p256dh, browser.auth)


def test_the_example_of_the_standard_is_sealed_to_the_letter() -> None:
    """RFC 8291, section 5 and appendix A."""
    number = int.from_bytes(decoded("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big")
    sealed = _sealed(
        b"When I grow up, I want to be a watermelon",
        decoded("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        decoded("BTBZMqHH6r4Tts7J_aSIgg"),
        ec.derive_private_key(number, ec.SECP256R1()),
        decoded("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert encoded(sealed) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
        "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


@pytest.mark.parametrize("p256dh", ["", "x", "AAAA", encoded(b"\x04" + b"\x01" * 64), "ä" * 87])
def test_a_key_that_is_no_point_of_the_curve_is_refused(p256dh: str) -> None:
    with pytest.raises(BadKey):
        check_browser_key(p256dh, encoded(os.urandom(16)))


def test_a_push_service_can_check_whose_message_it_is() -> None:
    key = new_site_key()
    header = vapid(key, "https://push.example", "mailto:rangers@park.example", 1_800_000_000.0)
    token = header.removeprefix("vapid t=").partition(",")[0]
    head, claims, signature = token.split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == {"typ": "JWT", "alg": "ES256"}
    said = json.loads(decoded(claims))
    assert said["aud"] == "https://push.example"
    assert 0 < said["exp"] - 1_800_000_000 <= 86400
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(header.partition("k=")[2]))
    raw = decoded(signature)
    pair = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public.verify(pair, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(pair, f"{head}.x{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    private = serialization.load_pem_private_key(key.private_pem.encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)


@pytest.mark.parametrize(
    ("endpoint", "known"),
    [
        ("https://fcm.googleapis.com/fcm/send/x", True),
        ("https://web.push.apple.com/x", True),
        ("http://127.0.0.1:8123/x", True),
        ("http://fcm.googleapis.com/x", False),
        ("https://fcm.googleapis.com.evil.example/x", False),
        ("https://evil.example/.push.apple.com", False),
        ("https://evil.example?.push.apple.com", False),
        ("https://evil.example#.push.apple.com", False),
        ("https://me@web.push.apple.com/x", False),
        ("http://127.0.0.1:6379/x", False),
        ("http://169.254.169.254/latest", False),
        ("", False),
    ],
)
def test_only_known_push_services_are_spoken_to(endpoint: str, known: bool) -> None:
    assert is_service(endpoint, SERVICES) is known
    assert not is_service(endpoint, "")
