"""Brain MRI: missing contrasts by conditional wavelet diffusion, and phantom brains by signal equations."""
