"""Whether samples show what was asked for, whatever they are of."""
