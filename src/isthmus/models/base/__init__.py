"""What all members of the family share: `BaseAutoencoder`, and the machinery behind it."""

from isthmus.models.base.estimator import BaseAutoencoder

__all__ = ["BaseAutoencoder"]
