"""What a synthetic set gives away of those it was trained on."""

from .canaries import Canaries, canary_attack, ranks, with_canaries
from .extraction import Extraction, extraction_attack
from .look import Pixels, privacy_of
from .losses import Loss, Losses, likelihood_ratio, loss_attacks, losses_of
from .result import Attack, Figure, Nearest, Power, PrivacyResult
from .section import privacy_findings, privacy_section

__all__ = [
    "Attack",
    "Canaries",
    "Extraction",
    "Figure",
    "Loss",
    "Losses",
    "Nearest",
    "Pixels",
    "Power",
    "PrivacyResult",
    "canary_attack",
    "extraction_attack",
    "likelihood_ratio",
    "loss_attacks",
    "losses_of",
    "privacy_findings",
    "privacy_of",
    "privacy_section",
    "ranks",
    "with_canaries",
]
