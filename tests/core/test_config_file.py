"""A mistake in the configuration is named with its line, its key and what was expected."""

from __future__ import annotations

import pytest

from core.config_file import ConfigError, parse_config
from core.redaction import redacted

GOOD = """\
regions:
  sierra: {timezone: America/Los_Angeles}
campsites:
  upper: {region: sierra}
cameras:
  creek:
    campsite: upper
    url: rtsp://10.0.0.5/sub
    zones:
      tents: [[0, 0.5], [1, 0.5], [1, 1]]
"""


def problems(text: str, environment: dict[str, str] | None = None) -> list[str]:
    """What is wrong with a configuration, as it is printed."""
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "b.yaml", environment or {})
    return [str(problem) for problem in caught.value.problems]


def test_a_good_file_loads_with_shadow_as_its_mode() -> None:
    config = parse_config(GOOD, "b.yaml", {})
    assert config.rollout.mode == "shadow"
    assert config.cameras["creek"].fps == 5.0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("campsite: upper\n", "campsite: upper\n    fsp: 5\n"), "b.yaml:8: cameras.creek.fsp: unknown key; known"),
        (("region: sierra", "region: siera"), "b.yaml:4: campsites.upper.region: 'siera' is not configured"),
        (("campsite: upper", "campsite: lower"), "b.yaml:7: cameras.creek.campsite: 'lower' is not configured"),
        (("America/Los_Angeles", "Mars/Olympus"), "b.yaml:2: regions.sierra.timezone: unknown time zone"),
        (("[1, 1]]", "[1, 2]]"), "b.yaml:10: cameras.creek.zones.tents[2][1]: input should be less than or equal to 1"),
        ((", [1, 1]]", "]"), "b.yaml:10: cameras.creek.zones.tents: a polygon needs at least three"),
        (("    url: rtsp://10.0.0.5/sub\n", ""), "b.yaml:6: cameras.creek.url: missing"),
        (("rtsp://10", "ftp://10"), "b.yaml:8: cameras.creek.url: cannot open ftp:// addresses"),
        (("  creek:", "  Creek Cam:"), "b.yaml:6: cameras.Creek Cam: string should match"),
        (("campsite: upper\n", "campsite: upper\n    campsite: upper\n"), "b.yaml:8: cameras.creek.campsite: written"),
        (("rtsp://10", "rtsp://admin:secret@10"), "b.yaml:8: cameras.creek.url: a password stands here in clear"),
        (("rtsp://10", "rtsp://admin:${CAM}@10"), "b.yaml:8: cameras.creek.url: the environment has no CAM"),
        (("regions:", "rollout: {mode: automatic}\nregions:"), "b.yaml:1: rollout.mode: input should be 'shadow'"),
        (("regions:\n", "regions: [\n"), "b.yaml:3: file: not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(change: tuple[str, str], expected: str) -> None:
    assert any(problem.startswith(expected) for problem in problems(GOOD.replace(*change))), problems(
        GOOD.replace(*change)
    )


def test_all_mistakes_are_named_at_once() -> None:
    text = GOOD.replace("sierra: {timezone", "sierra: {color: red, timezone").replace("rtsp:", "ftp:")
    assert [problem.split(":")[1] for problem in problems(text)] == ["2", "8"]


def test_an_empty_file_says_how_to_write_one() -> None:
    assert problems("") == ["b.yaml:1: file: the file is empty; write one with `bearwatch init`"]


def test_secrets_come_from_the_environment() -> None:
    text = GOOD.replace("rtsp://10", "rtsp://admin:${CAM}@10")
    config = parse_config(text, "b.yaml", {"CAM": "secret"})
    assert config.cameras["creek"].url == "rtsp://admin:secret@10.0.0.5/sub"
    assert redacted(config.cameras["creek"].url) == "rtsp://***@10.0.0.5/sub"
