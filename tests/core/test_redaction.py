"""A camera's password is shown nowhere, whatever signs it has and wherever it stands; and it works as it is typed."""

from __future__ import annotations

import logging
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import Camera
from core.config_file import ConfigError, parse_config, parse_document
from core.redaction import RedactingFormatter, in_clear, keep_secret, quoted_secret, redacted, shown_address

SITE = "regions: {r: {timezone: UTC}}\ncampsites: {a: {region: r}}\ncameras:\n  one: {campsite: a, url: %s}\n"
PASSWORD = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=6, max_size=20)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://10.0.0.5/sub", "rtsp://10.0.0.5"),
        ("rtsp://viewer:pw@10.0.0.5:8554/sub", "rtsp://10.0.0.5:8554"),
        ("rtsp://viewer:p@ss@cam.example/sub", "rtsp://cam.example"),
        ("rtsp://viewer:pa/ss@10.0.0.5/sub", "rtsp://***"),
        ("rtsp://viewer:12/34@10.0.0.5/sub", "rtsp://***"),
        ("rtsp://viewer:pa#ss@10.0.0.5/sub", "rtsp://***"),
        ("rtsp://viewer:pa?ss@10.0.0.5/sub", "rtsp://***"),
        ("rtsp://viewer:pa[ss@10.0.0.5/sub", "rtsp://10.0.0.5"),
        ("rtsp://10.0.0.5:554/user=admin&password=hunter2&channel=1&stream=0.sdp", "rtsp://10.0.0.5:554"),
        ("http://[fe80::1]:81/snap?pwd=x", "http://[fe80::1]:81"),
        ("footage/creek.mp4", "footage/creek.mp4"),
        ("file:///footage/creek.mp4", "file:///footage/creek.mp4"),
    ],
)
def test_an_address_is_shown_as_scheme_host_and_port(address: str, shown: str) -> None:
    assert shown_address(address) == shown


@given(PASSWORD, st.sampled_from(["rtsp://v:%s@10.9.8.7/x", "http://10.9.8.7/s?password=%s", "rtsp://10.9.8.7/%s/x"]))
def test_no_part_of_an_address_but_its_host_is_shown(password: str, shape: str) -> None:
    assert shown_address(shape % password).replace("10.9.8.7", "") in ("rtsp://", "http://", "rtsp://***", "http://***")


@given(PASSWORD)
def test_a_password_with_any_signs_works_as_it_is_typed(password: str) -> None:
    camera = Camera.model_validate(
        {"campsite": "a", "url": "rtsp://10.9.8.7:8554/sub?x=1", "username": "v@r", "password": password}
    )
    parts = urlsplit(camera.stream_url)
    assert (parts.hostname, parts.port, parts.path, parts.query) == ("10.9.8.7", 8554, "/sub", "x=1")
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == ("v@r", password)
    assert password not in repr(camera)


@given(PASSWORD)
def test_signs_of_a_password_from_the_environment_do_not_end_the_address(password: str) -> None:
    config = parse_config(SITE % '"rtsp://viewer:${SECRET}@10.9.8.7:8554/sub"', "b.yaml", {"SECRET": password})
    parts = urlsplit(config.cameras["one"].stream_url)
    assert (parts.hostname, parts.port, parts.path) == ("10.9.8.7", 8554, "/sub")
    assert unquote(parts.password or "") == unquote(password)
    assert password not in redacted(f"cannot open {config.cameras['one'].stream_url}: {password!r}")


def test_a_percent_sign_that_could_mean_two_things_is_noted_and_others_are_not() -> None:
    text = SITE % '"rtsp://viewer:${SECRET}@10.9.8.7/sub"'
    found = {
        value: parse_document(text, "b.yaml", {"SECRET": value}).substituted.quoted for value in ("a%41b", "a[b%", "a")
    }
    path = ("cameras", "one", "url")
    assert found == {"a%41b": [(path, "SECRET")], "a[b%": [], "a": []}


def test_what_was_quoted_already_stays_as_it_is() -> None:
    assert quoted_secret("p%40ss") == "p%40ss"
    assert quoted_secret("100%") == "100%25"


@pytest.mark.parametrize(
    "url",
    [
        "rtmp://viewer:${SECRET}@10.9.8.7/sub",
        "rtsp://viewer:${SECRET}@10.9.8.7:port/sub",
        "rtsp://viewer:${SECRET}@[10.9.8.7/sub",
        "${SECRET}://10.9.8.7/sub",
        "rtsp://${SECRET}/sub:90/@x",
    ],
)
@pytest.mark.parametrize("secret", ["Secr3t-word", "Secr[3t", "a/b@c#d?e", "p w'\"", "Ünïcode℀"])
def test_a_mistake_in_an_address_does_not_repeat_the_environment(url: str, secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config((SITE % f'"{url}"').replace("url:", "fps: none, url:"), "b.yaml", {"SECRET": secret})
    assert secret not in str(caught.value)
    assert quoted_secret(secret) not in str(caught.value)


def test_a_mistake_anywhere_does_not_repeat_the_environment() -> None:
    text = (SITE % "rtsp://10.0.0.5/x").replace("region: r", "region: '${SECRET}'") + "blind_after_s: ${SECRET}\n"
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "b.yaml", {"SECRET": "hunter2"})
    assert "hunter2" not in str(caught.value)
    assert "${SECRET}" in str(caught.value)


@pytest.mark.parametrize(
    ("written", "clear"),
    [
        ("rtsp://admin:hunter2@10.0.0.5/x", True),
        ("rtsp://admin:hun/ter2@127.0.0.1:8199/x", True),
        ("rtsp://admin:12/34@127.0.0.1:8199/x", True),
        ("rtsp://admin:hun#ter@127.0.0.1/x", True),
        ("rtsp://127.0.0.1:8199/user=admin&password=hunter2&channel=1&stream=1.sdp", True),
        ("http://10.0.0.5/cgi?usr=a&pwd=b", True),
        ("rtsp://admin:${PW}@10.0.0.5/x", False),
        ("rtsp://10.0.0.5/user=admin&password=${PW}&channel=1", False),
        ("rtsp://10.0.0.5:554/live@2", False),
        ("rtsp://10.0.0.5/live", False),
        ("footage/a:b@c.mp4", False),
    ],
)
def test_a_password_in_the_file_is_found_wherever_it_stands(written: str, clear: bool) -> None:
    assert in_clear(written) is clear


def test_a_password_key_comes_from_the_environment_too() -> None:
    text = SITE.replace("url: %s", "url: 'rtsp://10.0.0.5/x', username: v, password: %s")
    assert parse_config(text % "'${SECRET}'", "b.yaml", {"SECRET": "a/b@c"}).cameras["one"].stream_url == (
        "rtsp://v:a%2Fb%40c@10.0.0.5/x"
    )
    with pytest.raises(ConfigError, match="stands here in clear"):
        parse_config(text % "hunter2", "b.yaml", {})


def test_an_address_that_a_sign_of_its_password_has_ended_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="write them into the keys `username` and `password`"):
        parse_config(SITE % '"rtsp://${LOGIN}@10.0.0.5/x"'.replace("@", "/@"), "b.yaml", {"LOGIN": "viewer:pa"})


def test_log_lines_and_tracebacks_hold_no_secrets() -> None:
    keep_secret("open-sesame/7")
    try:
        raise OSError("cannot open rtsp://v:open-sesame%2F7@10.0.0.5/x")
    except OSError as error:
        record = logging.LogRecord("x", 30, __file__, 1, "rtsp://v:other@h/x %s", ("open-sesame/7",), None)
        record.exc_info = (type(error), error, error.__traceback__)
    line = RedactingFormatter("%(message)s").format(record)
    assert "open-sesame" not in line
    assert "other" not in line
    assert "Traceback" in line
