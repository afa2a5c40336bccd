"""Chest radiographs: how a network makes them."""
