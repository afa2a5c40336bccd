"""Phantom brains: everything known, from tissue maps and signal equations."""

from .brain import BrainPhantom, image_brain
from .cohort import phantoms, read_brains
from .signal import signal_gradient_echo, signal_inversion_recovery, signal_spin_echo, with_gadolinium

__all__ = [
    "BrainPhantom",
    "image_brain",
    "phantoms",
    "read_brains",
    "signal_gradient_echo",
    "signal_inversion_recovery",
    "signal_spin_echo",
    "with_gadolinium",
]
