"""New processes without the seconds in which each of them would import torch.

One process imports what isthmus needs of others, and nothing of isthmus, and forks for each
command. A fork has those libraries, and nothing of the command before it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Forks"]

SERVER = """
import json, os, runpy, sys, traceback

import numpy, scipy.stats, sklearn.base, sklearn.callback, sklearn.mixture, torch
import safetensors.torch, torch.nn

torch.set_num_threads(1)
parameter = torch.zeros(1, requires_grad=True)
parameter.grad = torch.ones(1)
torch.optim.Adam([parameter], fused=True).step()  # which imports as much again


def run(job):
    os.chdir(job["folder"])
    os.environ.update(job["environment"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    files = [os.open(job[name], os.O_WRONLY | os.O_CREAT) for name in ("out", "err")]
    for descriptor, file in enumerate((nothing, *files)):
        os.dup2(file, descriptor)
    sys.argv = job["words"]
    code = 0
    try:
        if job["code"] is None:
            runpy.run_module("isthmus", run_name="__main__", alter_sys=True)
        else:
            exec(compile(job["code"], "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as leave:
        code = leave.code
        if not isinstance(code, int | None):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


for line in sys.stdin:
    process = os.fork()
    if process == 0:
        run(json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


class Forks:
    """Runs commands, each in a process of its own; the first call starts what forks them."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None

    def isthmus(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``python -m isthmus WORDS`` in the current folder."""
        return self._run(None, ["isthmus", *words], environment)

    def python(self, code: str, *words: object) -> subprocess.CompletedProcess[str]:
        """Run ``python -c CODE WORDS`` in the current folder."""
        return self._run(code, ["-c", *map(str, words)], {})

    def _run(
        self, code: str | None, words: Sequence[str], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        if not hasattr(os, "fork"):
            command = ["-m", "isthmus", *words[1:]] if code is None else ["-c", code, *words[1:]]
            return subprocess.run(
                [sys.executable, *command],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, **environment},
            )
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, "-c", SERVER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            )
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            out, err = (Path(folder) / name for name in ("out", "err"))
            job = {
                "folder": str(Path.cwd()),
                "environment": environment,
                "words": list(words),
                "code": code,
                "out": str(out),
                "err": str(err),
            }
            self._server.stdin.write(json.dumps(job) + "\n")
            self._server.stdin.flush()
            answer = self._server.stdout.readline()
            assert answer, "what forks has ended"
            return subprocess.CompletedProcess(
                list(words), int(answer), out.read_text("utf-8"), err.read_text("utf-8")
            )

    def close(self) -> None:
        """End the process that forks."""
        if self._server is not None:
            assert self._server.stdin is not None
            assert self._server.stdout is not None
            self._server.stdin.close()
            self._server.stdout.close()
            assert self._server.wait(timeout=60) == 0
