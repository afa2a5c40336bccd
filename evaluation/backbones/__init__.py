"""Networks that turn images into features, named and read from local folders."""

from .backbone import KINDS, Backbone, backbone

__all__ = ["KINDS", "Backbone", "backbone"]
