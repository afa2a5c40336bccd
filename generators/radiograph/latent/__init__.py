"""The studio's own latent diffusion: any subset of attributes asked for, from 64 to 512 pixels."""
