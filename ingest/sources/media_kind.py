"""What a file is, by its content: suffixes lie, and cameras invent their own (``.MTS``, ``.dav``, none at all)."""

from __future__ import annotations

import mmap
import re
from enum import Enum
from pathlib import Path

HEAD_BYTES = 4096


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


class MediaKind(Enum):
    """What a file holds, as far as its first bytes tell. ``UNKNOWN`` may be a video: only FFmpeg can say."""

    PICTURE = "a picture"
    RAW_PHOTOGRAPH = "a raw or HEIC photograph"
    EMPTY = "an empty file"
    COMPANION = "a companion file"
    OTHER = "no footage"
    UNKNOWN = "unknown"


MEDIA_SUFFIXES = _words(
    """
    .3g2 .3gp .asf .avi .bmp .dav .divx .dv .f4v .flv .gif .h264 .264 .h265 .265 .hevc .ifv .insv .jpe
    .jpeg .jpg .lrv .m2t .m2ts .m2v .m4v .mjpeg .mjpg .mkv .mod .mov .mp4 .mpe .mpeg .mpg .mts .mxf .nut
    .ogm .ogv .png .rm .rmvb .thm .tif .tiff .tod .ts .vob .webm .webp .wmv .y4m
    """
)
"""A file with one of these names claims to be footage: when it is none, that is a loss and not a companion."""
_SOUND_SUFFIXES = _words(".aac .amr .flac .m4a .mp3 .ogg .opus .wav .wma")
_COMPANION_NAMES = re.compile(
    r"\._.*|\.ds_store|thumbs\.db|ehthumbs.*\.db|desktop\.ini|\.nomedia|icon\r", re.IGNORECASE
)
_COMPANION_FOLDERS = _words(
    """
    __macosx @eadir .thumbnails .trash .trashes .spotlight-v100 .fseventsd #recycle $recycle.bin .temporaryitems
    """
) | {"system volume information"}
_SIDECAR_SUFFIXES = _words(".xmp .json .txt .csv .srt .gpx .xml .md .html .idx .info .aae .ini .log .yaml .yml .pp3")
_JPEG_SUFFIXES = _words(".jpg .jpeg .jpe .jfif .mpo .thm")
_RAW_SUFFIXES = _words(".cr2 .cr3 .nef .nrw .arw .srw .dng .orf .raf .rw2 .pef .heic .heif .avif")
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*")
_STILL_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis", b"crx ")
_OTHERS = (b"%PDF", b"PK\x03\x04", b"SQLite format 3", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\x7fELF", b"\xfd7zXZ")
_APPLE_DOUBLE = (b"\0\5\x16\7", b"\0\5\x16\0")


def companion(file: Path) -> str | None:
    """Why a file lies beside footage without being any, by its name and folder; None when it may be some."""
    folder = next((part for part in file.parent.parts if part.lower() in _COMPANION_FOLDERS), None)
    if folder is not None:
        return f"in {folder}, a folder of the file system's own"
    if _COMPANION_NAMES.fullmatch(file.name):
        return "a companion file of an operating system"
    return None


def claims_footage(file: Path) -> bool:
    """Whether its name says that a file is a picture or a video."""
    return file.suffix.lower() in MEDIA_SUFFIXES or file.suffix.lower() in _RAW_SUFFIXES


def claims_otherwise(file: Path) -> str | None:
    """What a file without pictures is by its name, when that is not footage."""
    if file.suffix.lower() in _SOUND_SUFFIXES:
        return "sound without pictures"
    return "a sidecar file" if file.suffix.lower() in _SIDECAR_SUFFIXES else None


def kind_of(file: Path) -> MediaKind:
    """Look at the first bytes of a regular file. Raises ``OSError`` when it cannot be read."""
    with file.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    suffix = file.suffix.lower()
    if not head:
        return MediaKind.EMPTY
    if head.startswith(_APPLE_DOUBLE):
        return MediaKind.COMPANION
    if suffix in _RAW_SUFFIXES or (head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS):
        return MediaKind.RAW_PHOTOGRAPH
    if _is_picture(head):
        return MediaKind.UNKNOWN if _is_motion_jpeg(file, head) else MediaKind.PICTURE
    return MediaKind.OTHER if head.startswith(_OTHERS) or _is_text(head) else MediaKind.UNKNOWN


def _is_motion_jpeg(file: Path, head: bytes) -> bool:
    """Whether JPEGs follow one another in a file that is not called a JPEG (those may hold a second picture)."""
    if not head.startswith(b"\xff\xd8") or file.suffix.lower() in _JPEG_SUFFIXES:
        return False
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(b"\xff\xd9\xff\xd8") >= 0


def _is_picture(head: bytes) -> bool:
    if head[:2] == b"BM":
        return head[6:10] == b"\0\0\0\0" and len(head) > 26
    return head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def _is_text(head: bytes) -> bool:
    """Whether it reads as text. FFmpeg would paint a text file as a film, or follow a play list to somewhere else."""
    if b"\0" in head or head.startswith(b"YUV4MPEG2"):
        return False
    try:
        text = head[: len(head) - 4 if len(head) == HEAD_BYTES else len(head)].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not re.search(r"[\x01-\x08\x0e-\x1a\x1c-\x1f]", text)
