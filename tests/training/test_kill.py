"""Fits in real processes that are killed with SIGKILL and resumed in new ones.

The weights, the history and the code must be those of a fit that was never killed, to the last bit.
Importing torch takes seconds, so one process imports it and then forks a new process for each fit;
a fork has what is imported and nothing of any fit.
"""

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

from isthmus.storage.container import read_header

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the test forks processes")

EPOCHS = 60

# Reads a job a line, forks, and answers with the process's number, "fitting" when its fit begins,
# and its exit status when it has ended.
SERVER = """
import json, os, signal, sys
import numpy as np
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook
import isthmus

# What is imported late, inside functions, is imported here, once for all.
isthmus.Autoencoder, isthmus.VariationalAutoencoder
parameter = torch.zeros(1, requires_grad=True)
parameter.grad = torch.ones(1)
torch.optim.Adam([parameter], fused=True).step()
torch.set_num_threads(1)
say = lambda *words: os.write(1, (" ".join(map(str, words)) + chr(10)).encode())  # in one piece


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(300, 3)) @ rng.normal(size=(3, 12)) + rng.normal(size=(300, 12))


def fit(job):
    steps = []
    register_optimizer_step_post_hook(lambda *_: steps.append(1))
    if job.get("die_writing"):  # at the n-th write, with the new file half or wholly written
        fsync, calls = os.fsync, []

        def die(descriptor):
            calls.append(descriptor)
            if len(calls) == job["die_writing"]:
                if job["half"]:
                    os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
                os.kill(os.getpid(), signal.SIGKILL)
            fsync(descriptor)

        os.fsync = die
    common = dict(max_epochs=job["epochs"], batch_size=32, patience=15, device="cpu",
                  learning_rate=0.003, random_state=0,
                  checkpoint=job["checkpoint"], checkpoint_interval=0)
    X = data()
    if job["model"] == "variational":
        model = isthmus.VariationalAutoencoder(
            latent_dim=3, hidden_layer_sizes=(32, 16), dropout=0.2, normalization="batch",
            beta_warmup=20, learning_rate_schedule="plateau", **common)
    else:
        model = isthmus.Autoencoder(latent_dim=3, hidden_layer_sizes=(32, 16), **common)
    say("fitting")
    model.fit(X)
    weights = b"".join(name.encode() + value.numpy().tobytes()
                       for name, value in model.module_.state_dict().items())
    history = [{k: v for k, v in r.items() if k != "seconds"} for r in model.history_.records]
    result = {"weights": weights.hex(), "history": history,
              "outcome": model.outcome_, "n_iter": model.n_iter_, "steps": len(steps)}
    result["codes"] = model.transform(X).tobytes().hex()
    with open(job["result"], "w") as file:
        json.dump(result, file)


for line in sys.stdin:
    process = os.fork()
    if process == 0:
        try:
            fit(json.loads(line))
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    say(process)
    say("ended", os.waitpid(process, 0)[1])
"""


@dataclass
class Outcome:
    killed: bool
    seconds: float  # from the beginning of the fit
    result: dict | None


class Server:
    """Runs fits in processes of their own and kills them when told."""

    def __init__(self, folder):
        self.folder = folder
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def fit(self, model, checkpoint, kill_after=None, **job):
        result = self.folder / "result.json"
        result.unlink(missing_ok=True)
        job |= {"model": model, "result": str(result), "epochs": EPOCHS}
        job["checkpoint"] = None if checkpoint is None else str(checkpoint)
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        # Either of the two processes may get its word in first.
        words = {self.read(), self.read()}
        assert "fitting" in words, words
        number = int((words - {"fitting"}).pop())
        begin = time.perf_counter()
        if kill_after is not None:
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        word, status = self.read().split()
        seconds = time.perf_counter() - begin
        assert word == "ended"
        killed = os.WIFSIGNALED(int(status)) and os.WTERMSIG(int(status)) == signal.SIGKILL
        assert killed or int(status) == 0, "the fit failed; see standard error"
        return Outcome(killed, seconds, json.loads(result.read_text()) if not killed else None)

    def read(self):
        line = self.process.stdout.readline()
        assert line, "the server has ended"
        return line.strip()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(timeout=20) == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("fits"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def uninterrupted(server, tmp_path_factory):
    """The result of each fit without any checkpoint, and how long one with a checkpoint takes."""
    results = {}

    def get(model):
        if model not in results:
            plain = server.fit(model, None)
            folder = tmp_path_factory.mktemp("timing")
            timed = [server.fit(model, folder / str(i)).seconds for i in range(2)]
            results[model] = plain.result, min(timed)
        return results[model]

    return get


def compare(found, expected):
    """Everything but the number of steps that this last process took."""
    for name in ("weights", "codes", "history", "outcome", "n_iter"):
        assert found[name] == expected[name], name


def epochs_in(path):
    return read_header(path, "checkpoint")["epoch"] if path.exists() else 0


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@pytest.mark.parametrize("model", ["autoencoder", "variational"])
def test_killed_at_random_moments(server, uninterrupted, tmp_path, model):
    """Five kills of each model, spread over the fit's length; after each, resumed to the end."""
    expected, length = uninterrupted(model)
    moments, hits = random.Random(model), 0
    for kill in range(5):
        path = tmp_path / f"{kill}.checkpoint"
        outcome = server.fit(model, path, length * (kill + moments.random()) / 5)
        done = epochs_in(path)
        hits += outcome.killed and 0 < done < expected["n_iter"]
        final = server.fit(model, path)
        compare(final.result, expected)
        # The new process did what was left and no more: it resumed.
        left = (expected["n_iter"] - done) / expected["n_iter"]
        assert final.result["steps"] == round(left * expected["steps"])
    assert hits >= 3, f"only {hits} of 5 kills hit a running fit"


def test_killed_again_and_again(server, uninterrupted, tmp_path):
    """One fit that is killed whenever it has got a little further."""
    expected, length = uninterrupted("variational")
    moments, path, hits, reached = random.Random(0), tmp_path / "fit.checkpoint", 0, [0]
    while True:
        outcome = server.fit("variational", path, length * moments.uniform(0.1, 0.4))
        reached.append(epochs_in(path))
        assert reached[-1] >= reached[-2]  # nothing that was reached is lost
        if not outcome.killed:
            break
        hits += 1
        assert hits < 60, "the fit does not get on"
    assert hits >= 2
    compare(outcome.result, expected)


def test_resumed_by_another_interpreter(server, uninterrupted, tmp_path):
    """Nothing that the first Python knew is needed: its hash seed, its modules, its memory."""
    expected, length = uninterrupted("variational")
    path = tmp_path / "fit.checkpoint"
    server.fit("variational", path, length / 2)
    assert 0 < epochs_in(path) < expected["n_iter"]
    other = Server(tmp_path)
    try:
        compare(other.fit("variational", path).result, expected)
    finally:
        other.close()


@pytest.mark.parametrize("half", [False, True], ids=["before the rename", "half written"])
@pytest.mark.parametrize("write", [1, 2, 7, 30])
def test_killed_while_writing(server, uninterrupted, tmp_path, write, half):
    """The moment that is hardest to hit by chance: the new file is there but not in its place."""
    expected, _ = uninterrupted("variational")
    path = tmp_path / "fit.checkpoint"
    outcome = server.fit("variational", path, die_writing=write, half=half)
    assert outcome.killed
    left_over = [p for p in tmp_path.iterdir() if p != path]
    assert len(left_over) == 1  # the kill came when it was meant to
    assert epochs_in(path) == write - 1
    final = server.fit("variational", path)
    compare(final.result, expected)
    assert read_header(path, "checkpoint")["outcome"] == expected["outcome"]


def test_the_fits_are_worth_killing(uninterrupted):
    """Each moves its weights to the end, and the two are not the same fit."""
    results = {model: uninterrupted(model)[0] for model in ("autoencoder", "variational")}
    assert digest(results["autoencoder"]["weights"]) != digest(results["variational"]["weights"])
    for result in results.values():
        assert result["n_iter"] >= 20
        losses = [record["loss"] for record in result["history"]]
        assert len(set(losses)) == len(losses)
