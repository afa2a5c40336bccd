"""Phantom brains: everything known, from tissue maps and signal equations."""

from .brain import BrainPhantom, image_brain
from .signal import signal_gradient_echo, signal_inversion_recovery, signal_spin_echo, with_gadolinium

__all__ = [
    "BrainPhantom",
    "image_brain",
    "signal_gradient_echo",
    "signal_inversion_recovery",
    "signal_spin_echo",
    "with_gadolinium",
]
