"""Whose eyes an evaluation looks with: `--encoder`, a name or a place, found and read before any work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .settings import WrongSetting

if TYPE_CHECKING:
    import numpy as np

    from ...evaluation.backbones import Backbone

OWN, SIMPLE = "own", "simple"
KNOWN = (
    "own (the studio's, learnt on the training records), simple (no network), a FOLDER (DINOv2, RAD-DINO or another "
    "vision transformer: config.json and safetensors), a FILE (safetensors of DenseNet-121 or ResNet-50), timm:NAME"
)
OWN_SAID = "the studio's own, which learns on the training records"


@dataclass(frozen=True)
class Named:
    """An encoder that was asked for by name.

    Attributes:
        name: as it was asked for.
        about: what it is, in words, with the hash of its weights.
        sha256: of its weights; of its name where it has none.
        standardise: whether its features are compared on the real ones' mean and spread.
        features: takes `image`, `volume` or `signal` and arrays (n, ...), grey images among them from 0 to 1; returns
            (n, d).
        takes: the kinds that it can look at.
    """

    name: str
    about: str
    sha256: str
    standardise: bool
    features: Callable[[str, np.ndarray], np.ndarray]
    takes: tuple[str, ...] = ("image",)


def encoder_named(name: str | None) -> Named | None:
    """Return an encoder by its name; None for the studio's own, which learns on the training records.

    Args:
        name: `own`, `simple`, a folder, a safetensors file, `densenet121:FILE`, `resnet50:FILE`, `dinov2:FOLDER`,
            `rad-dino:FOLDER`, `vit:FOLDER`, `timm:NAME` or `torchxrayvision:NAME`.

    Raises:
        WrongSetting: there is none of that name, or what lies there cannot be read; in one line.
    """
    if name in (None, OWN):
        return None
    assert name is not None
    if name == SIMPLE:
        return _simple()
    try:
        return _published(name, _backbone(name))
    except ValueError as error:
        raise WrongSetting("encoder", f"{name} is not to be had: {error}") from None


def check_encoder(encoder: Named | None, kind: str, noun: str, known: bool) -> None:
    """Refuse an encoder that cannot look at the records.

    Args:
        encoder: that was named.
        kind: of the records: `image`, `volume` or `signal`.
        noun: what a page calls them.
        known: whether their evaluation lets an encoder be named at all.

    Raises:
        WrongSetting: so it is.
    """
    if encoder is None:
        return
    if not known:
        raise WrongSetting("encoder", f"must be own for {noun}; got {encoder.name}")
    if kind not in encoder.takes:
        said = f"{encoder.name} looks at {' and '.join(encoder.takes)}s and these are {kind}s; own and simple do"
        raise WrongSetting("encoder", said)


def _simple() -> Named:
    from ...evaluation.table.features import features_of

    about = "simple features (values, layout, spectrum, texture), without a network"
    return Named(SIMPLE, about, "simple features 1", True, features_of, ("image", "volume", "signal"))


def _published(name: str, network: Backbone) -> Named:
    def features(kind: str, x: np.ndarray) -> np.ndarray:
        return network.encode(x)

    return Named(name, network.about, network.sha256, network.standardise, features)


def _backbone(name: str) -> Backbone:
    from ...evaluation.backbones import KINDS, backbone

    kind, colon, _ = name.partition(":")
    if colon and kind in KINDS and kind != "studio":
        return backbone(name)
    place = Path(name)
    if place.is_dir():
        return backbone(f"vit:{place}")
    if place.is_file():
        return backbone(f"{_kind_of_state(place)}:{place}")
    raise ValueError(f"no such folder or file; an encoder is one of {KNOWN}")


def _kind_of_state(file: Path) -> str:
    """Return which network a safetensors file is of, by the name of its first layer."""
    from ...evaluation.backbones.states import state_kind

    return state_kind(file)
