"""Building the network of a bundle in torch, and making it fast without changing what it says.

Two rewritings, both exact up to rounding and checked by tests:

- every batch normalisation is folded into the convolution before it;
- the network is *mirrored*. It was trained with TensorFlow's "same" padding, which on an even-sized map with stride 2
  pads only the far edge. Torch has no such padding, so each of those layers would copy its whole input first (a third
  of all the time on a CPU). With all kernels turned by 180 degrees the picture enters upside down and mirrored, the
  far edge becomes the near edge, and plain symmetric padding does the same sum without a copy. On odd-sized maps
  both paddings are symmetric anyway.
"""

from __future__ import annotations

from collections.abc import Mapping

import timm
import torch
from safetensors.torch import load as load_tensors
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from detector.models.backbones import Backbone, BackboneError, weights_path
from detector.models.bundle import ModelBundle

_COUNTERS = "num_batches_tracked"
_MIRRORED = ("tf_efficientnet_lite0", "tf_efficientnet_lite2")
"""Architectures whose every convolution is followed by a normalisation or has a bias, with TensorFlow's padding."""


def load_network(bundle: ModelBundle) -> nn.Module:
    """The network as it was trained, in evaluation mode on the CPU: (n, 3, h, w) float32 -> (n, outputs) logits.

    Raises:
        BackboneError: the weights are missing, were changed, or do not fit the architecture.
    """
    misfit = f"the weights do not fit the architecture {bundle.architecture!r}"
    try:
        network: nn.Module = timm.create_model(bundle.architecture, pretrained=False, num_classes=bundle.outputs)
    except RuntimeError as error:  # an unknown architecture
        raise BackboneError(f"{misfit}: {error}") from error
    known = bundle.pretrained
    state = _stored(bundle) if known is None else _packaged(known, network)
    try:
        missing, surplus = network.load_state_dict(state, strict=False)
    except RuntimeError as error:  # shapes that differ
        raise BackboneError(f"{misfit}: {error}") from error
    lacking = [name for name in missing if not name.endswith(_COUNTERS)]
    if lacking or surplus:
        raise BackboneError(f"{misfit}: lacking {lacking[:3]}, not wanted {list(surplus)[:3]}")
    return network.eval()


def fast_network(bundle: ModelBundle) -> nn.Module:
    """The same function for pictures turned by 180 degrees, with folded normalisation and no padding copies.

    An architecture that cannot be rewritten is run as it is, after turning the pictures back.
    """
    network = load_network(bundle)
    if bundle.architecture not in _MIRRORED:
        return _TurnedBack(network).requires_grad_(False).eval()
    for parent in list(network.modules()):
        _fold_batch_norms(parent)
        _mirror_convolutions(parent)
    return network.requires_grad_(False)


class _TurnedBack(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, turned: Tensor) -> Tensor:
        logits: Tensor = self.network(turned.flip(2, 3))
        return logits


def _stored(bundle: ModelBundle) -> dict[str, Tensor]:
    """The state in the bundle's own weights file, in single precision, under the names of the architecture."""
    if bundle.content is None:
        raise BackboneError(f"{bundle.label} has no weights")
    return {name: each.float() for name, each in load_tensors(bundle.content).items()}


def _packaged(known: Backbone, network: nn.Module) -> dict[str, Tensor]:
    """The state in the package of a pretrained network, under the names of the architecture."""
    stored = torch.load(weights_path(known), map_location="cpu", weights_only=True)
    return _rename_in_order(network.state_dict(), stored, known.name)


def _rename_in_order(ours: Mapping[str, Tensor], stored: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Stored tensors under our names. Both dictionaries list the same layers in the same order, named differently."""
    our_names = [key for key in ours if not key.endswith(_COUNTERS)]
    stored_names = [key for key in stored if not key.endswith(_COUNTERS)]
    if len(our_names) != len(stored_names):
        raise BackboneError(f"the weights of {name} hold {len(stored_names)} tensors, the network {len(our_names)}")
    for our_name, stored_name in zip(our_names, stored_names, strict=True):
        if ours[our_name].shape != stored[stored_name].shape:
            raise BackboneError(
                f"the weights of {name} do not fit: {stored_name} has shape {tuple(stored[stored_name].shape)}, "
                f"{our_name} wants {tuple(ours[our_name].shape)}"
            )
    return {our: stored[theirs] for our, theirs in zip(our_names, stored_names, strict=True)}


def _fold_batch_norms(parent: nn.Module) -> None:
    """Fold each normalisation among ``parent``'s children into the convolution before it; its activation stays."""
    convolution: tuple[str, nn.Conv2d] | None = None
    for name, child in list(parent.named_children()):
        if isinstance(child, nn.Conv2d):
            convolution = (name, child)
        elif isinstance(child, nn.BatchNorm2d):
            if convolution is None:
                raise BackboneError(f"layer {name} normalises no convolution: this architecture cannot be folded")
            setattr(parent, convolution[0], fuse_conv_bn_eval(convolution[1], child))
            setattr(parent, name, getattr(child, "act", nn.Identity()))
            convolution = None


def _mirror_convolutions(parent: nn.Module) -> None:
    for name, child in list(parent.named_children()):
        if isinstance(child, nn.Conv2d):
            setattr(parent, name, _mirrored(child))


def _mirrored(convolution: nn.Conv2d) -> nn.Conv2d:
    rows, columns = convolution.kernel_size
    turned = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        (rows, columns),
        stride=(convolution.stride[0], convolution.stride[1]),
        padding=(rows // 2, columns // 2),
        groups=convolution.groups,
        bias=convolution.bias is not None,
    )
    turned.weight = nn.Parameter(convolution.weight.detach().flip(2, 3).contiguous(), requires_grad=False)
    turned.bias = convolution.bias
    return turned
