"""clinsynth: a studio for synthetic medical data, from the stated cohort to the proof of its worth."""

__version__ = "0.1.0"
