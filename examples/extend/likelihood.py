"""A likelihood of one's own: heavy tails and a learned scale, which a wild value does not pull."""

import torch

from isthmus.nn import LIKELIHOODS, Likelihood


@LIKELIHOODS.register("hyperbolic_secant")
class HyperbolicSecant(Likelihood):
    """p(x|z) = sech(π u / 2) / (2 s), u = (x − g(z)) / s, of deviation s."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = torch.nn.Parameter(torch.zeros(()))

    def log_prob(self, parameters, x):
        a = torch.pi / 2 * (x - parameters).abs() / self.log_scale.exp()
        return -a - torch.log1p((-2 * a).exp()) - self.log_scale

    def mean(self, parameters):
        return parameters

    def sample(self, parameters, generator=None):
        p = torch.rand(parameters.shape, generator=generator, device=parameters.device)
        u = (torch.pi / 2 * p.clamp(1e-6, 1 - 1e-6)).tan().log() * 2 / torch.pi
        return parameters + self.log_scale.exp() * u
