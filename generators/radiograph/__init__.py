"""Chest radiographs made by latent diffusion."""
