"""What a model does when its input gets worse, and whether its probabilities mean what they say."""
