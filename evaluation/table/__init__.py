"""Evaluation of anybody's images, volumes and signals, named by a table."""
