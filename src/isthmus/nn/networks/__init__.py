"""f and g: the encoder and decoder networks."""

from isthmus.nn.networks.base import NETWORKS, Network, Place
from isthmus.nn.networks.convolutional import (
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    auto_channels,
    last_map,
)
from isthmus.nn.networks.dense import Dense, TiedDense
from isthmus.nn.networks.named import (
    ConvolutionalNetwork,
    DenseNetwork,
    GRUNetwork,
    LSTMNetwork,
    auto_hidden,
)
from isthmus.nn.networks.recurrent import CELLS, RecurrentDecoder, RecurrentEncoder

__all__ = [
    "NETWORKS",
    "ConvolutionalNetwork",
    "DenseNetwork",
    "GRUNetwork",
    "LSTMNetwork",
    "Network",
    "Place",
    "auto_hidden",
    "CELLS",
    "ConvolutionalDecoder",
    "ConvolutionalEncoder",
    "Dense",
    "RecurrentDecoder",
    "RecurrentEncoder",
    "TiedDense",
    "auto_channels",
    "last_map",
]
