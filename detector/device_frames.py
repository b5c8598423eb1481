"""From JPEGs to crops on the device: nvJPEG decodes, roi_align cuts; the pixels never see main memory.

The same two steps run on the CPU too, which is how they are tested against :func:`detector.crops.cut`. A JPEG that the
device's decoder does not like is decoded by the processor.
"""

from __future__ import annotations

import logging
import warnings
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torchvision.io import ImageReadMode
from torchvision.io import decode_jpeg as decode_on_device
from torchvision.ops import roi_align

from core.messages import Box
from detector.crops import pixels
from detector.jpeg import check_jpeg, decode_jpeg

log = logging.getLogger(__name__)


def frames_on(device: str, jpegs: Sequence[bytes]) -> list[Tensor]:
    """Each JPEG as (3, height, width) uint8 RGB on the device.

    Raises:
        UndecodableFrame: one is not a whole JPEG of a sensible size.
    """
    if not jpegs:
        return []
    for data in jpegs:
        check_jpeg(data)
    encoded = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in jpegs]
    try:
        with warnings.catch_warnings():
            # A later torchvision will leave this to TorchCodec; the pinned one does it, and says so.
            warnings.simplefilter("ignore", DeprecationWarning)
            decoded: list[Tensor] = decode_on_device(encoded, mode=ImageReadMode.RGB, device=device)
        return decoded
    except RuntimeError as error:
        log.warning("a JPEG cannot be decoded on the device (%s); the processor decodes this batch", error)
        return [_decoded_here(data).to(device) for data in jpegs]


def _decoded_here(data: bytes) -> Tensor:
    image = decode_jpeg(data)
    return torch.from_numpy(np.ascontiguousarray(image[:, :, ::-1])).permute(2, 0, 1)


def cut_on_device(frames: Sequence[Tensor], boxes: Sequence[Sequence[Box]], input_px: int) -> Tensor:
    """The pixels of each box of each frame: (n, input_px, input_px, 3) uint8 RGB on the frames' device, in order.

    As :func:`detector.crops.cut`: the same whole pixels, averaged where the crop shrinks, interpolated where it grows.
    """
    owners = [number for number, of_frame in enumerate(boxes) for _ in of_frame]
    flat = [box for of_frame in boxes for box in of_frame]
    by_shape: dict[torch.Size, list[int]] = defaultdict(list)
    for place, owner in enumerate(owners):
        by_shape[frames[owner].shape].append(place)
    device = frames[0].device if frames else torch.device("cpu")
    crops = torch.empty((len(flat), input_px, input_px, 3), dtype=torch.uint8, device=device)
    for shape, places in by_shape.items():
        height, width = shape[1:]
        used = sorted({owners[place] for place in places})
        stack = torch.stack([frames[owner] for owner in used]).float()
        regions = [(used.index(owners[place]), *pixels(flat[place], width, height)) for place in places]
        found = roi_align(
            stack, torch.tensor(regions, dtype=torch.float32, device=device), (input_px, input_px), aligned=True
        )
        crops[torch.tensor(places, device=device)] = found.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    return crops
