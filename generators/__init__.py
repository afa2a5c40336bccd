"""How samples are made: one folder per generator, and what they share."""
