"""How one picture becomes many: what cameras, weather, night and distance do to an animal's picture.

Every augmentation is drawn without regard to the label. That is the point: if grey, dark or small pictures were
mostly of one kind, the network would learn the light instead of the animal - and the only grey pictures at hand show
no bears.

Pictures are (3, height, width) uint8 RGB tensors. All randomness comes from torch's global generator, which the
caller seeds for every picture: the same seed gives the same picture on any number of workers.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from detector.learn.chance import between, chance
from detector.learn.night_scenes import at_night

PASTED, INFRARED, GREY, DARK, HIDDEN = 0.25, 0.35, 0.1, 0.2, 0.2
NOISY, BLURRED, SMEARED, COMPRESSED, COARSE, STAMPED, PATCHED = 0.25, 0.15, 0.1, 0.3, 0.2, 0.2, 0.12
"""Share of the pictures that get each augmentation."""
DARK_ALREADY = 45
"""Mean grey level below which a picture is not made darker: nothing would be left to see. Nor is one without colours:
it was taken by infra-red lamp already, and a second lamp would leave a bright spot of nothing."""
MOST_NOISE = 0.5
"""Of the picture's own standard deviation: with more, nothing would be left to see."""
_COLOURLESS = 12


class Augmentations:
    """Random augmentations of a picture; ``size_px`` is the side of the result."""

    def __init__(self, size_px: int) -> None:
        self.size_px = size_px
        # Wide ratios on purpose: the live system squeezes whole frames into a square.
        self.frame = v2.RandomResizedCrop(size_px, scale=(0.25, 1.0), ratio=(0.6, 1.67), antialias=True)
        self.flip = v2.RandomHorizontalFlip(0.5)
        self.light = v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.04)], 0.7)
        self.lean = v2.RandomApply([v2.RandomPerspective(0.25, p=1.0), v2.RandomRotation(8)], 0.15)

    def __call__(self, picture: Tensor, background: Tensor | None) -> Tensor:
        """(3, h, w) uint8 to (3, size_px, size_px) uint8. ``background`` is a picture without an animal, or None."""
        far = chance(PASTED) and background is not None and colourless(background) >= colourless(picture)
        if far and background is not None:
            shown = paste(picture, background, self.size_px)
        elif chance(0.3):
            shown = F.resize(picture, [self.size_px, self.size_px], antialias=True)
        else:
            shown = self.frame(picture)
        shown = self.lean(self.flip(shown))
        return self.camera(self.light(shown))

    def close(self, picture: Tensor) -> Tensor:
        """The same for a picture that was cut around the animal already, (3, h, w) uint8: nothing more is cut off."""
        shown = F.resize(picture, [self.size_px, self.size_px], antialias=True)
        return self.camera(self.light(self.lean(self.flip(shown))))

    def at_night(self, cutout: NDArray[np.uint8], scene: Tensor) -> Tensor:
        """A cut-out (h, w, 4) BGR and alpha in a scene (3, h, w) by an infra-red lamp, then lens and transmission."""
        return self.lens(self.flip(at_night(cutout, scene, self.size_px)))

    def camera(self, picture: Tensor) -> Tensor:
        """What light, lens and transmission do, in that order."""
        night = picture.float().mean() < DARK_ALREADY or colourless(picture)
        if chance(INFRARED):
            picture = F.rgb_to_grayscale(picture, 3) if night else infrared(picture)
        elif chance(GREY):
            picture = F.rgb_to_grayscale(picture, 3)
        elif chance(DARK) and not night:
            picture = dark(picture)
        if chance(HIDDEN):
            picture = hidden(picture)
        return self.lens(picture)

    def lens(self, picture: Tensor) -> Tensor:
        """What lens, sensor and transmission do, and those who drew on the picture and painted it over again."""
        if chance(PATCHED):
            picture = patched(picture)
        if chance(COARSE):
            picture = coarse(picture)
        if chance(BLURRED):
            picture = F.gaussian_blur(picture, [5, 5], [between(0.3, 1.8)])
        if chance(SMEARED):
            picture = smeared(picture, int(between(3, 10)))
        if chance(NOISY):
            picture = noisy(picture, between(3, 20))
        if chance(STAMPED):
            picture = stamped(picture)
        if chance(COMPRESSED):
            picture = compressed(picture, int(between(20, 80)))
        return picture


def colourless(picture: Tensor) -> bool:
    """Whether (3, h, w) has no colours to speak of."""
    return bool((picture.float().amax(0) - picture.float().amin(0)).mean() < _COLOURLESS)


def infrared(picture: Tensor) -> Tensor:
    """Lit by the camera's own infra-red lamp: grey, a bright middle and dark corners, flat fur, haze, glare, noise."""
    grey = F.rgb_to_grayscale(picture, 1).float() / 255
    if chance(0.3):  # fur reflects infra-red: dark coats come out light
        red = picture[:1].float() / 255
        grey = (0.5 * grey + 0.5 * red).sqrt()
    grey = grey ** between(0.6, 1.6)
    lit = grey * _lamp(grey.shape[1], grey.shape[2]) * between(0.5, 1.25) + between(0.0, 0.08)
    if chance(0.25):  # mist or a fogged lens: little contrast around some grey
        lit = between(0.25, 0.7) + (lit - lit.mean()) * between(0.15, 0.6)
    elif chance(0.15):  # close to the lamp: bright parts drown in white
        lit = lit * between(1.6, 3.0)
    lit = lit + torch.randn(lit.shape) * between(0.0, MOST_NOISE) * lit.std()
    tint = 1 + 0.06 * torch.randn(3, 1, 1) if chance(0.3) else torch.ones(3, 1, 1)
    shown: Tensor = (lit * tint * 255).clamp(0, 255).to(torch.uint8)
    return shown


def _lamp(height: int, width: int) -> Tensor:
    """(height, width): how much light falls where, brightest somewhere near the middle."""
    rows = torch.linspace(-1, 1, height)[:, None] - between(-0.4, 0.4)
    columns = torch.linspace(-1, 1, width)[None] - between(-0.4, 0.4)
    return torch.exp(-between(0.2, 1.6) * (rows**2 + columns**2))


def dark(picture: Tensor) -> Tensor:
    """Dusk: little light, little colour, noise."""
    dim = picture.float() / 255 * between(0.15, 0.6)
    grey = dim.mean(0, keepdim=True)
    faded = grey + (dim - grey) * between(0.2, 0.9)
    return (
        ((faded + torch.randn(faded.shape) * between(0.1, MOST_NOISE) * faded.std()) * 255)
        .clamp(0, 255)
        .to(torch.uint8)
    )


def noisy(picture: Tensor, level: float) -> Tensor:
    """Sensor noise of a standard deviation in grey levels, less where there is little to see."""
    level = min(level, MOST_NOISE * float(picture.float().std()))
    return (picture.float() + torch.randn(picture.shape) * level).clamp(0, 255).to(torch.uint8)


def smeared(picture: Tensor, length_px: int) -> Tensor:
    """Moved, mostly sideways, while the shutter was open."""
    kernel = torch.zeros(1, 1, length_px, length_px)
    lean = between(-0.3, 0.3)
    for column in range(length_px):
        row = round((length_px - 1) / 2 + lean * (column - (length_px - 1) / 2))
        kernel[0, 0, row, column] = 1 / length_px
    margins = [(length_px - 1) // 2, length_px // 2] * 2
    around = torch.nn.functional.pad(picture[:, None].float(), margins, mode="replicate")
    return torch.nn.functional.conv2d(around, kernel)[:, 0].clamp(0, 255).to(torch.uint8)


def stamped(picture: Tensor) -> Tensor:
    """With the strip that cameras print date and temperature on, above or below: it says nothing about animals."""
    height, width = picture.shape[1:]
    canvas = picture.permute(1, 2, 0).contiguous().numpy().copy()
    strip = max(4, int(height * between(0.04, 0.09)))
    top = 0 if chance(0.5) else height - strip
    if chance(0.7):
        canvas[top : top + strip] = 0 if chance(0.8) else 230
    text = "".join(chr(48 + int(torch.randint(11, ()))) for _ in range(int(between(8, 22))))
    white = int(between(180, 255))
    place = (int(between(0, width * 0.4)), top + strip - 1)
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, strip / 26, (white,) * 3, 1, cv2.LINE_AA)
    return torch.from_numpy(canvas).permute(2, 0, 1).contiguous()


def patched(picture: Tensor) -> Tensor:
    """Where somebody's box and label were painted over: a thin frame and a patch above it, smooth but still to be seen.

    Some pictures of night bears came that way. On pictures of everything else too, it says nothing.
    """
    height, width = picture.shape[1:]
    canvas = picture.permute(1, 2, 0).contiguous().numpy().copy()
    wide, high = int(width * between(0.2, 0.7)), int(height * between(0.2, 0.7))
    left, top = int(between(0, width - wide)), int(between(0, height - high))
    over = np.zeros((height, width), dtype=np.float32)
    cv2.rectangle(over, (left, top), (left + wide, top + high), 1.0, int(between(1, 4)))
    label = max(4, int(height * between(0.03, 0.09)))
    cv2.rectangle(over, (left, max(0, top - label)), (left + int(wide * between(0.4, 1.0)), top), 1.0, cv2.FILLED)
    mask = cv2.GaussianBlur(over, (0, 0), 0.7)[:, :, None]
    smooth = cv2.blur(canvas, (max(3, width // 10), 1 + label)).astype(np.float32) + between(-12, 12)
    painted = canvas * (1 - mask) + smooth * mask
    return torch.from_numpy(painted.clip(0, 255).astype(np.uint8)).permute(2, 0, 1).contiguous()


def compressed(picture: Tensor, quality: int) -> Tensor:
    """Sent as a JPEG of that quality, 1-100."""
    encoded = cv2.imencode(".jpg", picture.permute(1, 2, 0).numpy(), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None, "what was just encoded can be decoded"
    return torch.from_numpy(decoded).permute(2, 0, 1).contiguous()


def coarse(picture: Tensor) -> Tensor:
    """Far away: few pixels, enlarged."""
    side = picture.shape[-1]
    few = max(8, int(side * between(0.2, 0.6)))
    enlarged: Tensor = F.resize(F.resize(picture, [few, few], antialias=True), [side, side], antialias=True)
    return enlarged


def hidden(picture: Tensor) -> Tensor:
    """Behind trunks and grass: bars and patches in the picture's own colours."""
    height, width = picture.shape[1:]
    covered = picture.clone()
    for _ in range(int(between(1, 4))):
        upright = chance(0.6)
        high = height if upright else int(height * between(0.1, 0.35))
        wide = int(width * between(0.04, 0.15)) if upright else int(width * between(0.1, 0.35))
        top, left = int(between(0, height - high + 0.99)), int(between(0, max(width - wide, 1)))
        colour = picture[:, int(between(0, height - 1)), int(between(0, width - 1))]
        covered[:, top : top + high, left : left + wide] = colour[:, None, None]
    return covered


def paste(picture: Tensor, background: Tensor, size_px: int) -> Tensor:
    """A small animal far away: the picture, shrunk, with soft edges, in a scene without an animal.

    There are no outlines of the animals, so the middle of the picture goes in through a soft ellipse, in the scene's
    light. Returns (3, size_px, size_px) uint8.
    """
    scene = v2.RandomResizedCrop(size_px, scale=(0.4, 1.0), ratio=(0.6, 1.67), antialias=True)(background).float()
    side = int(size_px * between(0.22, 0.75))
    small = F.resize(picture, [side, side], antialias=True).float()
    if colourless(scene):
        small = F.rgb_to_grayscale(small, 3)
    top, left = int(between(0, size_px - side)), int(between(0, size_px - side))
    around = scene[:, top : top + side, left : left + side]
    lifted = small * (1 + 0.5 * (around.mean() / small.mean().clamp(min=8) - 1)).clamp(0.4, 1.6)
    line = torch.linspace(-1, 1, side)
    distance = (line[:, None].abs() ** 3 + line[None].abs() ** 3) ** (1 / 3)
    mask = ((1 - distance) / between(0.1, 0.3)).clamp(0, 1)
    scene[:, top : top + side, left : left + side] = around * (1 - mask) + lifted * mask
    pasted: Tensor = scene.clamp(0, 255).to(torch.uint8)
    return pasted
