"""The network that learns: the pretrained one with a few more outputs, in a form that trains fast on a CPU.

The 1,000 ImageNet outputs stay, so that trained and pretrained weights mean the same and can be averaged. Labels that
ImageNet lacks get an output of their own, which starts as the mean of classes that look alike, a little less likely.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from detector.engines.network import load_network
from detector.learn.recipe import NEW_LABELS
from detector.models.backbones import BACKBONES, BackboneError, backbone
from detector.models.bundle import ModelBundle
from detector.models.imagenet_labels import GENERIC, IMAGENET_CLASSES, LabelMap

_ALIKE = {
    "deer": (351, 352, 353),  # hartebeest, impala, gazelle
    "raccoon": (358, 362, 387),  # polecat, badger, red panda
    "person": (608, 610, 834, 841),  # jean, jersey, suit, sweatshirt
    "vehicle": (609, 656, 717),  # jeep, minivan, pickup
    "empty": (825, 970, 979),  # stone wall, alp, valley
}
_LESS_LIKELY = 1.5
_VEHICLES = (
    407, 408, 436, 468, 511, 555, 561, 569, 573, 575, 609, 627, 654, 656, 661, 665, 670, 675, 705, 717, 734, 751, 757,
    779, 802, 817, 829, 847, 864, 866, 867, 874,
)  # fmt: skip
_PLAIN_PADDING = ("tf_efficientnet_lite0", "tf_efficientnet_lite2")


@dataclass(frozen=True, slots=True)
class Start:
    """Where training starts: an architecture with pretrained weights and how it wants its pictures."""

    name: str
    architecture: str
    mean: float
    std: float
    native_px: int
    state: Mapping[str, Tensor]
    """With the outputs of :data:`NEW_LABELS` added."""


def student_labels() -> LabelMap:
    """What the outputs of the trained network mean."""
    names = (*GENERIC.names, *NEW_LABELS)
    of_output = [*GENERIC.of_output, *(names.index(label) for label in NEW_LABELS)]
    for imagenet_class in _VEHICLES:
        of_output[imagenet_class] = names.index("vehicle")
    return LabelMap(names, tuple(of_output))


def start(name: str) -> Start:
    """The pretrained network of a name, with the new outputs.

    Raises:
        BackboneError: the name is unknown, the weights cannot be had, or the network has not 1,000 ImageNet classes.
    """
    if name in BACKBONES:
        known = backbone(name)
        state = dict(load_network(ModelBundle.generic(name)).state_dict())
        return Start(name, known.architecture, known.mean, known.std, known.input_px, _with_new_outputs(state))
    if not timm.is_model(name):
        raise BackboneError(f"unknown backbone {name!r}: neither {', '.join(sorted(BACKBONES))} nor a timm model")
    try:
        network: Any = timm.create_model(name, pretrained=True)
    except (RuntimeError, OSError) as error:
        raise BackboneError(f"the weights of {name} cannot be had: {error}") from error
    config: dict[str, Any] = network.pretrained_cfg
    if network.num_classes != IMAGENET_CLASSES:
        raise BackboneError(f"{name} has {network.num_classes} classes; the 1,000 of ImageNet are needed")
    mean, std = (255 * sum(config[key]) / 3 for key in ("mean", "std"))
    native_px = int(config["input_size"][-1])
    return Start(name, name, mean, std, native_px, _with_new_outputs(dict(network.state_dict())))


def build(beginning: Start, state: Mapping[str, Tensor] | None = None) -> nn.Module:
    """The network in training form: (n, 3, h, w) normalised -> (n, outputs) logits, as many as the state has.

    Normalisation layers keep the statistics of pretraining: batches of campsite pictures are small and lopsided, and
    weights can only be averaged when both networks normalise alike.
    """
    found = dict(state or beginning.state)
    outputs = found[last_layer(found)[1]].shape[0]
    network: nn.Module = timm.create_model(beginning.architecture, pretrained=False, num_classes=outputs)
    network.load_state_dict(found)
    network.train()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    return network


def freeze(network: nn.Module, stages: int) -> nn.Module:
    """Keep the first layers and that many stages of blocks as they were pretrained; changes ``network`` in place.

    Edges and textures need no learning again, and the backward pass through the largest maps is half of the time. A
    network that is not built of ``conv_stem`` and ``blocks`` is trained whole.
    """
    stem, blocks = getattr(network, "conv_stem", None), getattr(network, "blocks", None)
    if not stages or stem is None or not isinstance(blocks, nn.Sequential):
        return network
    for frozen in (stem, getattr(network, "bn1", nn.Identity()), blocks[:stages]):
        frozen.requires_grad_(False)
    return network


def fold_for_training(network: nn.Module, architecture: str) -> nn.Module:
    """Compute each normalisation inside the convolution before it; the parameters stay the network's own.

    Saves a fifth of the time on a CPU. Changes ``network`` in place: take its named parameters before. The result
    wants its pictures turned by 180 degrees (see :mod:`detector.engines.network`); :class:`_Turned` sees to that.
    """
    if architecture not in _PLAIN_PADDING:
        return network
    for parent in list(network.modules()):
        if isinstance(parent, _FoldedConvolution):
            continue
        before: tuple[str, nn.Conv2d] | None = None
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                before = (name, child)
            elif isinstance(child, nn.BatchNorm2d) and before is not None:
                setattr(parent, before[0], _FoldedConvolution(before[1], child))
                setattr(parent, name, getattr(child, "act", nn.Identity()))
                before = None
    return _Turned(network)


class _Turned(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.network(pictures.flip(2, 3))
        return logits


class _FoldedConvolution(nn.Module):
    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = norm

    def forward(self, maps: Tensor) -> Tensor:
        convolution, norm = self.convolution, self.norm
        assert norm.running_var is not None
        assert norm.running_mean is not None
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        weight = (convolution.weight * scale.view(-1, 1, 1, 1)).flip(2, 3)
        rows, columns = convolution.kernel_size
        bias = norm.bias - norm.running_mean * scale
        stride = (convolution.stride[0], convolution.stride[1])
        return F.conv2d(maps, weight, bias, stride, (rows // 2, columns // 2), 1, convolution.groups)


def interpolate_weights(first: Mapping[str, Tensor], second: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """The average of two states of one architecture: ``share`` of the second."""
    return {name: torch.lerp(each.float(), second[name].float(), share) for name, each in first.items()}


def last_layer(state: Mapping[str, Tensor]) -> tuple[str, str]:
    """The names of weight and bias of the layer that gives the logits: the last matrix with a bias beside it.

    Raises:
        BackboneError: there is none.
    """
    matrices = [name for name, each in state.items() if name.endswith(".weight") and each.ndim == 2]
    beside = [(name, name.removesuffix("weight") + "bias") for name in matrices]
    found = [pair for pair in beside if pair[1] in state and state[pair[0]].shape[0] >= IMAGENET_CLASSES]
    if len(found) != 1:
        raise BackboneError("the network has no last layer of at least 1,000 outputs that could be extended")
    return found[0]


def _with_new_outputs(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add rows to the last layer, whose weight has 1,000 rows."""
    weight, bias = last_layer(state)
    for label in NEW_LABELS:
        alike = list(_ALIKE[label])
        state[weight] = torch.cat([state[weight], state[weight][alike].mean(0, keepdim=True)])
        state[bias] = torch.cat([state[bias], state[bias][alike].mean(0, keepdim=True) - _LESS_LIKELY])
    return state
