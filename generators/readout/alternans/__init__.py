"""T-wave alternans by a network that compares the beats of a record."""

from .beats import Beats, all_beats, beats_of
from .network import BeatNetwork
from .stack import stack

__all__ = ["BeatNetwork", "Beats", "all_beats", "beats_of", "stack"]
