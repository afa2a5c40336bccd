"""Downstream tasks on anybody's tables: classification, segmentation, regression and detection."""
