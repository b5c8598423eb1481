"""What a training run is: every number that shapes the result, in one value that goes into the bundle."""

from __future__ import annotations

from dataclasses import dataclass

from detector.models.view import View

NEW_LABELS = ("deer", "raccoon", "person", "vehicle", "empty")
"""What a ranger asks for and ImageNet has no single word for."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the network is trained. The defaults made the first built-in model; :data:`RECIPES` has others by name.

    ``backbone`` is a name of :data:`detector.models.backbones.BACKBONES`, or any timm model with 1,000 ImageNet classes
    whose weights timm can fetch. It is trained at ``train_px`` and used at ``input_px``: random crops show animals
    larger than whole pictures do, so a smaller training size sees them at the same scale and costs half.
    ``epochs`` are passes over the pictures of a fold's network; the one trained on everything gets as many steps.
    The network's first layers and ``frozen_stages`` of its stages stay as they were pretrained, which halves the cost.
    No threshold for live crops is below ``live_at_least``: what staged scenes and clips without a bear were seen to
    need, of which no labelled pictures know.
    ``keep`` weighs what the pretrained network said of the clean picture against the labels. Pictures of camera traps
    (column ``kind``) are drawn ``camera_trap_weight`` times as often as others, and bears of camera traps at night make
    up ``night_share`` of the bears (see :func:`detector.learn.sampling.draw_weights`). Of the bears ``pasted_bears``
    and of the others ``pasted_others`` are cut-outs at night (:mod:`detector.learn.night_scenes`), 0: none. Dark ones
    are lifted to a median grey of ``lift``, in training and by the bundle; 0: never. ``mixes`` are the shares of
    trained weights among which the held-out sources choose. Pictures of the label ``withheld`` are kept from the folds'
    networks, which shows how an animal is taken that the network does not know; the built-in model learns it.
    ``view`` is how the bundle scores still pictures (:mod:`detector.models.view`).
    """

    backbone: str = "lite2"
    train_px: int = 192
    input_px: int = 224
    epochs: float = 2.0
    frozen_stages: int = 0
    batch: int = 32
    learning_rate: float = 2e-4
    weight_decay: float = 0.01
    warmup: float = 0.1
    keep: float = 0.5
    bear_share: float = 0.3
    camera_trap_weight: float = 2.0
    night_share: float = 0.0
    pasted_bears: float = 0.0
    pasted_others: float = 0.0
    lift: float = 0.0
    smoothing: float = 0.05
    folds: int = 2
    live_at_least: float = 0.0
    mixes: tuple[float, ...] = (0.3, 0.5, 0.7)
    withheld: str = "raccoon"
    view: str = "blend@224+320"
    seed: int = 1

    def __post_init__(self) -> None:
        if self.epochs <= 0 or self.batch < 1 or not 0 < self.bear_share < 1:
            raise ValueError("epochs and batch must be above 0, bear_share between 0 and 1")
        if not self.camera_trap_weight > 0:
            raise ValueError("camera_trap_weight must be above 0")
        if not all(0 <= share < 1 for share in (self.night_share, self.pasted_bears, self.pasted_others, self.lift)):
            raise ValueError("night_share, pasted_bears, pasted_others and lift must be from 0 to below 1")
        if not 0 <= self.live_at_least < 1:
            raise ValueError("live_at_least must be from 0 to below 1")
        if self.frozen_stages < 0:
            raise ValueError("frozen_stages must be 0 or more")
        View.parse(self.view)
        if self.folds < 2:
            raise ValueError("honest numbers need at least 2 folds")


NIGHT_RECIPE = Recipe(epochs=1.0, frozen_stages=2, learning_rate=5e-5)
"""Going on from a bundle: short steps, and edges and textures stay as they are."""
RECIPES = {
    "standard": Recipe(),
    "night": Recipe(
        train_px=176,
        epochs=5.4,
        frozen_stages=2,
        learning_rate=3e-4,
        camera_trap_weight=3.0,
        night_share=0.25,
        pasted_bears=0.3,
        pasted_others=0.15,
        lift=0.35,
        mixes=(0.75,),
        live_at_least=0.79,
    ),
}
"""``night`` made the present built-in model (docs/decisions/0019-the-night-recipe.md)."""
