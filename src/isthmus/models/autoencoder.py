"""The plain autoencoder: undercomplete, overcomplete or linear."""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.models.base import BaseAutoencoder

__all__ = ["Autoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class Autoencoder(BaseAutoencoder):
    """A deterministic autoencoder: minimise −log p(x | g(f(x))).

    Undercomplete with the defaults; overcomplete if `latent_dim` is larger than the sample; and
    with ``hidden_layer_sizes=()`` linear, where it spans the subspace of PCA (Baldi & Hornik 1989).

    Parameters
    ----------
    latent_dim : int or "auto", default="auto"
        Numbers in the code; "auto" is the root of the values in a sample, rounded up, at most 64.
    hidden_layer_sizes : tuple of int or "auto", default="auto"
        Units of the encoder's hidden layers; the decoder has them in reverse. ``()`` is linear.
        "auto" is two layers of a width that fits the sample, 64 to 512, and for recurrent networks
        one of 64.
    activation : str, default="relu"
        The activation of the hidden layers, but for recurrent ones, which have their own;
        "identity", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "tanh" or
        "sigmoid".
    latent_activation : str or "auto", default="auto"
        The activation of the code; "auto" is "identity" here.
    normalization : {"batch", "layer"} or None, default=None
        Before each activation.
    dropout : float, default=0.0
        Probability that a hidden unit is dropped while training.
    tied_weights : bool, default=False
        Whether the decoder uses the encoder's weights, transposed. Dense networks only.
    network : "auto", "dense", "convolutional", "lstm", "gru" or (encoder, decoder), default="auto"
        "auto" is convolutional for signals and images and dense for tables. "lstm" and "gru" read a
        signal step by step into the code and write it from the code backwards. A pair of torch
        modules is used as it is: the encoder gets (n, channels, …) and gives (n, latent_dim), the
        decoder the reverse.
    channels : tuple of int or "auto", default="auto"
        The channels of a convolutional encoder, one entry each time that it halves the resolution;
        the decoder has them in reverse.
    layout : {"auto", "table", "signal", "image"}, default="auto"
        Whether three axes are (n, length, channels) or (n, height, width).
    latent : str, (str, dict) or Latent, default="auto"
        What the code is: a name of `isthmus.nn.LATENTS`, such a name with its options, or a latent
        of your own; "auto" is what this kind of model has.
    likelihood : str, sequence of str, (str, dict) or Likelihood, default="auto"
        p(x|z): "gaussian", "gaussian_learned_scale", "gaussian_predicted_scale", "laplace",
        "bernoulli", "continuous_bernoulli", "categorical", or "categorical:K" for the K classes
        0 … K−1, any number of them, or "discretized_logistic:K" for the K levels 0 … K−1 whose
        order counts, also as fractions k / (K − 1); without K for bytes. "auto" is Bernoulli for
        binary data, bytes and data in [0, 1], categorical for the whole numbers 0 … K−1 with
        K ≤ 10, Gaussian for the rest, and one a column in a table that mixes them. A sequence gives
        each column of a table its own, "categorical:K" for the K classes 0 … K−1 too, or
        "categorical:K+1" where a class K stands for all that the fit has not seen: what
        `isthmus.data.table.TableEncoder` works out.
    scaling : {"auto", "robust", "standard", "center", "minmax"} or None, default="auto"
        "auto" is "robust" for real values, divides bytes by 255 and leaves the rest. "robust"
        standardises without values so far from the others of their column that they tell nothing
        of its spread; they are set aside with a warning: scored, but not learned from. "standard"
        takes all values as they are. "center" only
        takes the mean of each feature away: for features of one unit, such as pixels. With one
        likelihood a column, classes are left as they are, and so are the columns of a Bernoulli
        that lie in [0, 1].
    missing : {"error", "ignore"}, default="error"
        "ignore" masks NaN out of the input and of the loss; `reconstruct` then imputes it.
    corruption : str, (str, dict), callable or None, default=None
        What is done to the input while training: a name of `isthmus.nn.CORRUPTIONS`, such a name
        with its options, or a function ``(x, generator) -> x̃`` of scaled data.
    penalties : dict or None, default=None
        Terms that are added to the loss, by name: functions ``(module, x, z, generator)`` of a
        batch, or names of `isthmus.nn.PENALTIES`; or pairs of one of them and its coefficient. See
        `isthmus.nn.penalties.base`.
    max_epochs : int or "auto", default="auto"
        Passes over the data at most; "auto" comes to about 10,000 steps, 20 to 300 epochs.
    batch_size : int or "auto", default="auto"
        Rows a step; "auto" is about a two-hundredth of the rows, 32 to 1024.
    learning_rate : float, default=1e-3
        The step size of the optimiser at the start.
    learning_rate_schedule : {"constant", "cosine", "plateau"}, default="cosine"
        "cosine" falls to 0 over `max_epochs`; "plateau" falls when the loss no longer does.
    optimizer : {"adam", "adamw", "sgd"}, default="adam"
        Kingma & Ba 2015; Loshchilov & Hutter 2019; momentum of 0.9.
    weight_decay : float, default=0.0
        The decay of the weights, not of the biases.
    gradient_clip : float or None, default=None
        Largest norm of the whole gradient.
    early_stopping : bool, default=True
        Whether to hold rows out, to stop when their loss no longer falls, and to go back to the
        best weights. With fewer than ten rows to hold out, the training loss is watched instead.
    validation_fraction : float, default=0.1
        Share of the rows that is held out.
    patience : int, default=20
        Epochs without an improvement before the fit stops.
    precision : {"float32", "bfloat16", "auto"}, default="float32"
        "auto" trains in mixed bfloat16 where the hardware has it and layers are 256 wide or more.
    device : str or torch.device, default="auto"
        "auto" is a GPU where there is one; or "cpu", "cuda", "cuda:1", "mps".
    checkpoint : path-like or None, default=None
        A file from which a fit that was killed goes on when it is started again with the same
        parameters and data, to the same weights. Needs `random_state`.
    checkpoint_interval : float, default=10.0
        Seconds between two writes of it.
    random_state : int, RandomState or None, default=None
        Owns all randomness of the fit; global generators are neither seeded nor advanced.
    verbose : int, default=0
        1 shows progress on standard error, 2 a line every epoch.

    Attributes
    ----------
    module_ : isthmus.nn.AutoencoderModule
        The trained network.
    history_ : isthmus.training.History
        Losses of each epoch, in nats a sample; ``history_.to_frame()``.
    architecture_ : isthmus.models.Architecture
        What every "auto" of the network came to.
    likelihood_, sample_shape_, latent_dim_, n_parameters_
        Parts of it.
    schema_, scaler_
        The form of a sample, and the scaling.
    n_iter_, fit_seconds_, outcome_
        Epochs, seconds, and why the fit ended.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    References
    ----------
    .. [1] P. Baldi and K. Hornik, "Neural networks and principal component analysis: Learning from
       examples without local minima", Neural Networks 2 (1989), doi:10.1016/0893-6080(89)90014-2.
    .. [2] G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313 (2006), doi:10.1126/science.1127647.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import Autoencoder
    >>> X = load_digits().data / 16
    >>> model = Autoencoder(latent_dim=8, max_epochs=5, random_state=0).fit(X)
    >>> model.transform(X).shape, model.reconstruct(X).shape, model.likelihood_
    ((1797, 8), (1797, 64), 'bernoulli')
    """
