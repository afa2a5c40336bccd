"""How a model's errors fall on groups of people."""
