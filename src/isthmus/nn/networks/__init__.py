"""f and g: the encoder and decoder networks."""

from isthmus.nn.networks.convolutional import (
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    auto_channels,
)
from isthmus.nn.networks.dense import Dense, TiedDense

__all__ = ["ConvolutionalDecoder", "ConvolutionalEncoder", "Dense", "TiedDense", "auto_channels"]
