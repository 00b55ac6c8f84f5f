"""The peak of the tensors that a computation holds, where it is known beforehand."""

import torch

from isthmus.evaluation._memory import peak_bytes


def chain(length):
    x = torch.zeros(1000)
    for _ in range(length):
        x = x + 1  # the old one is let go of when the new one is there
    return x


def test_what_is_let_go_of_does_not_count():
    assert peak_bytes(lambda: chain(1)) == peak_bytes(lambda: chain(20)) == 2 * 4000
    assert peak_bytes(lambda: [torch.zeros(1000) for _ in range(20)]) == 20 * 4000


def test_views_and_what_is_written_in_place_do_not_count():
    def work():
        x = torch.zeros(1000)
        return x.add_(1).view(10, 100).T[2:].square_()

    assert peak_bytes(work) == 4000


def test_what_was_there_before_does_not_count():
    x = torch.zeros(1000)
    assert peak_bytes(lambda: x[:500].mul(2)) == 2000
    with torch.inference_mode():
        assert peak_bytes(lambda: x.view(2, 500).sum(1)) == 8
