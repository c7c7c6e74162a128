from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_training_data import write_card

from vqa._mxnet import mx
from vqa.training.workers import Workers

# One batch an epoch, whole or in two halves; without dropout, which each worker would draw for itself.
OPTIONS = ["--option", "embedding_size=8", "--option", "hidden_size=16", "--option", "dropout=0.0"]
OPTIONS += ["--epochs", "4", "--batch-size", "1000", "--learning-rate", "0.02"]


def test_alone_a_worker_waits_for_nobody() -> None:
    workers = Workers("none")
    assert workers.shard == (0, 1)
    assert workers.is_first
    assert workers.total(7) == 7
    workers.wait()


@pytest.mark.slow
def test_two_workers_learn_what_one_learns(tmp_path: Path) -> None:
    """The gradient of the sum over both halves, divided by the count over both, is that of the whole batch."""
    card = write_card(tmp_path)
    command = [sys.executable, "-m", "vqa.cli", "train", str(card), *OPTIONS]
    subprocess.run([*command, "--run", str(tmp_path / "one")], check=True, capture_output=True, timeout=120)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "DMLC_PS_ROOT_URI": "127.0.0.1",
        "DMLC_PS_ROOT_PORT": str(port),
        "DMLC_INTERFACE": "lo",
        "DMLC_NUM_SERVER": "1",
        "DMLC_NUM_WORKER": "2",
    }
    processes = [
        subprocess.Popen(
            [*command, "--run", str(tmp_path / "two"), "--kvstore", "dist_sync"],
            env={**environment, "DMLC_ROLE": role},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for role in ("scheduler", "server", "worker", "worker")
    ]
    try:
        assert [process.wait(timeout=180) for process in processes[2:]] == [0, 0]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    one, two = (mx.nd.load(str(tmp_path / name / "last.params")) for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_allclose(one[name].asnumpy(), two[name].asnumpy(), rtol=1e-3, atol=1e-4)
