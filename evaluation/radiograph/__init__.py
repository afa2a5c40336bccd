"""How good radiographs are: realism, obedience, and what they are worth to a classifier."""
