"""Phantom brains: tissue maps, tumours and signal equations make contrasts of which everything is known."""
