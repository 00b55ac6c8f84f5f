"""The stacked autoencoder: one layer at a time, then all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils._param_validation import StrOptions
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.models.autoencoder import Autoencoder
from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.base.likelihoods import make_likelihood
from isthmus.models.base.parameters import COMMON
from isthmus.models.base.phase import Phase
from isthmus.models.base.trained import TrainedEstimator
from isthmus.models.contractive import ContractiveAutoencoder
from isthmus.models.denoising import DenoisingAutoencoder
from isthmus.models.sparse import SparseAutoencoder
from isthmus.nn import AutoencoderModule, Dense, Spec, TiedDense
from isthmus.training import History

__all__ = ["LAYERS", "StackedAutoencoder"]

LAYERS: dict[str, type[BaseAutoencoder]] = {
    "autoencoder": Autoencoder,
    "sparse": SparseAutoencoder,
    "denoising": DenoisingAutoencoder,
    "contractive": ContractiveAutoencoder,
}


@dataclass(kw_only=True, eq=False, repr=False)
class StackedAutoencoder(BaseAutoencoder):
    """A deep autoencoder that is pretrained greedily, layer by layer, and then fine-tuned as one.

    Each layer is an autoencoder of one layer that is fitted to the codes of the layer below
    (Bengio et al. 2007; Vincent et al. 2010). Their encoders in order and their decoders in reverse
    make up the deep network (Hinton & Salakhutdinov 2006), which is then trained to reconstruct.

    Parameters
    ----------
    layer : {"autoencoder", "sparse", "denoising", "contractive"} or estimator, default="denoising"
        What each layer is. A name stands for that estimator with the settings of training of this
        one, tied weights and, for "sparse", ``sparsity="kl"`` where the layers are sigmoids. An
        estimator brings its own, for example
        ``DenoisingAutoencoder(corruption_level=0.25, tied_weights=True, max_epochs=30)``. What says
        how a layer learns is its own; its place in the stack, sizes, activations, likelihood,
        scaling, seed, device, held-out share and files, are set by the stack.
    fine_tuning : bool, default=True
        Whether the whole is trained after its layers. Without it the codes are those of the greedy
        layers, as features for a classifier.
    hidden_layer_sizes : tuple of int or "auto", default="auto"
        Units of the layers before the code; with `latent_dim` last they are the layers.
    activation : str, default="sigmoid"
        The activation of the hidden layers.
    latent_activation : str or "auto", default="auto"
        The activation of the code; "auto" is `activation`. Hinton & Salakhutdinov's is "identity".
    tied_weights : bool, default=False
        Whether the deep decoder keeps the encoder's weights, transposed, while fine-tuning.
    latent_dim, max_epochs, ...
        See `Autoencoder`, as for all other parameters; they are those of the fine-tuning, and of
        the layers where `layer` is a name. `normalization` is not for stacks.

    Attributes
    ----------
    pretraining_ : list of History
        The history of each layer.

    Notes
    -----
    `partial_fit` trains the deep network without pretraining it. With `checkpoint` each layer
    has a file of its own beside it, named with ``.layer1`` and so on; the same fit started again
    goes on from them. Rows that are held out are the same in every phase.

    References
    ----------
    .. [1] G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313 (2006), 504-507, doi:10.1126/science.1127647.
    .. [2] Y. Bengio, P. Lamblin, D. Popovici and H. Larochelle, "Greedy layer-wise training of deep
       networks", NIPS 2006.
    .. [3] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked denoising
       autoencoders", Journal of Machine Learning Research 11 (2010), 3371-3408.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import StackedAutoencoder
    >>> X = load_digits().data / 16
    >>> model = StackedAutoencoder(
    ...     hidden_layer_sizes=(40, 20), latent_dim=8, max_epochs=2, random_state=0
    ... ).fit(X)
    >>> [codes.shape[1] for codes in model.transform_layers(X)]
    [40, 20, 8]
    """

    activation: str = "sigmoid"
    layer: str | BaseAutoencoder = "denoising"
    fine_tuning: bool = True

    dense_only: ClassVar[bool] = True
    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "layer": [StrOptions(set(LAYERS)), *LAYERS.values()],
        "fine_tuning": ["boolean"],
    }

    pretraining_: list[History] = field(init=False)

    def choose(self, facts: DataFacts) -> Choices:
        if self.normalization is not None:
            raise InvalidInputError(
                f"normalization: a stack has none between its layers; set it to None; got "
                f"{self.normalization!r}"
            )
        options = {"activation": self._activations(1)[0]}
        return super().choose(facts).but(latent=Spec("deterministic", options))

    def _activations(self, n_layers: int) -> list[str]:
        last = self.activation if self.latent_activation == "auto" else self.latent_activation
        return [self.activation] * (n_layers - 1) + [last]

    def initialise(self, module: AutoencoderModule, X: Any, seed: int) -> bool:
        """Fit the layers one on top of the other and copy them into the deep network."""
        encoder = module.encoder
        assert isinstance(encoder, Dense)
        sizes = [linear.out_features for linear in encoder.linears]
        activations = self._activations(len(sizes))
        self.pretraining_ = []
        codes = X
        below = None
        for i, (size, activation) in enumerate(zip(sizes, activations, strict=True)):
            layer = self._layer(i, size, activation, below=activations[i - 1], seed=seed)
            layer.phase = Phase(
                name=f"{type(self).__name__}, layer {i + 1} of {len(sizes)}",
                split_seed=seed,
                origin=below,
            )
            layer.fit(codes)
            below = layer.fingerprint_
            _copy(layer.module_, module, i)
            self.pretraining_.append(layer.history_)
            if i + 1 < len(sizes):
                codes = np.asarray(layer.transform(codes))
        return not self.fine_tuning

    def _layer(self, i: int, size: int, activation: str, below: str, seed: int) -> BaseAutoencoder:
        """Return the estimator of layer `i`, unfitted."""
        mine = self.get_params(deep=False)
        if isinstance(self.layer, str):
            training = set(TrainedEstimator.__dataclass_fields__) - {"checkpoint"}
            chosen = {name: mine[name] for name in training if name in mine}
            likelihood = make_likelihood(self.architecture_.likelihood)
            tied = i > 0 or likelihood.parameter_channels(1) == likelihood.feature_channels(1)
            layer = LAYERS[self.layer](**chosen, tied_weights=tied)
            if self.layer == "sparse" and activation == "sigmoid":
                layer.set_params(sparsity="kl")
        else:
            layer = clone(self.layer)
        if getattr(layer, "sparsity", None) == "topk":
            raise InvalidInputError(
                "layer: the k largest units of a layer are no activation of a deep network; use "
                "sparsity='l1' or 'kl'"
            )
        layer.set_params(
            latent_dim=size,
            hidden_layer_sizes=(),
            latent_activation=activation,
            network="dense",
            tied_weights=layer.tied_weights or self.tied_weights,
            device=self.device,
            random_state=seed + 10 * i,  # layers of one width must not begin alike
            verbose=self.verbose,
            validation_fraction=self.validation_fraction,
            checkpoint=None if self.checkpoint is None else f"{self.checkpoint}.layer{i + 1}",
            checkpoint_interval=self.checkpoint_interval,
        )
        if i == 0:
            return layer.set_params(
                layout=self.layout,
                likelihood=self.likelihood,
                scaling=self.scaling,
                missing=self.missing,
            )
        bounded = below == "sigmoid"
        return layer.set_params(
            layout="table",
            likelihood="bernoulli" if bounded else "gaussian",
            scaling=None,
            missing="error",
        )

    def extra_state(self) -> dict[str, Any]:
        # A network that was only put together, or fed in pieces, has no layers of its own.
        return {"pretraining": [h.records for h in getattr(self, "pretraining_", [])]}

    def set_extra_state(self, extra: Mapping[str, Any]) -> None:
        self.pretraining_ = [History(records) for records in extra["pretraining"]]

    def transform_layers(self, X: Any) -> list[NDArray[np.float32]]:
        """Return the output of every layer of the encoder, the code last.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data.

        Returns
        -------
        list of arrays of shape (n, units of the layer), float32
        """
        x, _ = self.to_tensors(X, None)
        module = self.module_
        encoder = module.encoder
        assert isinstance(encoder, Dense)
        widths = [linear.out_features for linear in encoder.linears]

        def layers(rows: Tensor, condition: Tensor | None) -> Tensor:
            h = module.features(rows).flatten(1)
            outputs: list[Tensor] = []
            for i, layer in enumerate(encoder.layers):
                if i and isinstance(layer, nn.Linear):
                    outputs.append(h)
                h = layer(h)
            return torch.cat([*outputs, module.latent.mean(h)], dim=1)

        joined = self.map_rows(layers, x, None)
        return np.split(joined, np.cumsum(widths)[:-1], axis=1)


def _copy(layer: AutoencoderModule, deep: AutoencoderModule, i: int) -> None:
    """Copy layer `i` into the deep network: its encoder upwards, its decoder downwards."""
    assert isinstance(layer.encoder, Dense)
    assert isinstance(deep.encoder, Dense)
    with torch.no_grad():
        here, there = layer.encoder.linears[0], deep.encoder.linears[i]
        there.weight.copy_(here.weight)
        there.bias.copy_(here.bias)
        if isinstance(layer.decoder, TiedDense):
            weight, bias = here.weight.t(), layer.decoder.biases[0]
        else:
            assert isinstance(layer.decoder, Dense)
            weight, bias = layer.decoder.linears[0].weight, layer.decoder.linears[0].bias
        if isinstance(deep.decoder, TiedDense):
            deep.decoder.biases[-1 - i].copy_(bias)
        else:
            assert isinstance(deep.decoder, Dense)
            deep.decoder.linears[-1 - i].weight.copy_(weight)
            deep.decoder.linears[-1 - i].bias.copy_(bias)
        if i == 0:
            deep.likelihood.load_state_dict(layer.likelihood.state_dict())
