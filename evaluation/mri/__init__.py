"""How near made contrasts are to real ones: in brain, tumour and healthy tissue, and to a segmenter."""
