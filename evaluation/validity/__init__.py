"""Whether samples are what they say they are: the gate before every other measurement."""
