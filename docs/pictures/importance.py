"""The importance weighted bound of a linear model whose likelihood is known, against k."""

from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch.distributions import MultivariateNormal

from isthmus.nn import Dense, Gaussian, GaussianLatent, ImportanceWeightedModule


def draw(folder: Path) -> None:
    """Write ``importance.png``."""
    make = torch.Generator().manual_seed(1)
    encoder, decoder = Dense((5,), (4,), generator=make), Dense((2,), (5,), generator=make)
    module = ImportanceWeightedModule(encoder, decoder, GaussianLatent(), Gaussian())
    module = module.double().eval()
    module.requires_grad_(False)
    encoder.layers[-1].bias[2:] += 1.0
    x = torch.randn(500, 5, dtype=torch.float64, generator=make)
    layer = decoder.layers[-1]
    covariance = layer.weight @ layer.weight.T + torch.eye(5, dtype=torch.float64)
    truth = float(MultivariateNormal(layer.bias, covariance).log_prob(x).mean())
    sizes = [1, 2, 5, 10, 20, 50, 100, 200, 500]
    means, spreads = [], []
    for k in sizes:
        module.n_samples = k
        runs = torch.stack(
            [-module.losses(x, generator=torch.Generator().manual_seed(s)).total for s in range(20)]
        )
        means.append(float(runs.mean()))
        spreads.append(float(runs.std()))
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    style = {"marker": "o", "markersize": 4, "capsize": 2}
    axes.errorbar(sizes, means, spreads, label="bound, k draws", **style)
    axes.axhline(truth, color="black", linewidth=1, label="log p(x), exact")
    axes.set(xscale="log", xlabel="k, draws of the code", ylabel="nats a sample")
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(folder / "importance.png", dpi=110)
    plt.close(figure)
