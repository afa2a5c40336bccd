"""Pseudo-CBCT from CT by projections and physics, and its restoration by iterative diffusion."""
