from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vqa import _mxnet
from vqa.errors import ConfigError

BLOCKED = """
import sys
sys.modules[{module!r}] = None
from vqa.errors import InstallationError
try:
    import vqa._mxnet
except InstallationError as error:
    print(error)
"""


@pytest.mark.parametrize("module", ["mxnet", "gluonnlp"])
def test_a_failed_import_is_one_clear_line(module: str) -> None:
    code = BLOCKED.format(module=module)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.count("\n") == 1
    assert f"pip install {module}==" in result.stdout


@pytest.mark.parametrize(("before", "after"), [(None, str(_mxnet._usable_cores())), ("1", "1")])
def test_threads_follow_the_cores_unless_the_user_says_otherwise(before: str | None, after: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if before:
        environment["OMP_NUM_THREADS"] = before
    code = "import os, vqa._mxnet; print(os.environ['OMP_NUM_THREADS'])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert result.stdout.strip() == after


def test_seeding_makes_draws_repeat() -> None:
    draws = []
    for _ in range(2):
        _mxnet.seed_everything(5)
        draws.append(_mxnet.mx.nd.random.uniform(shape=3).asnumpy().tolist())
    assert draws[0] == draws[1]


@pytest.mark.parametrize("name", ["tpu", "cpu:x", "gpu:-1", ""])
def test_a_device_of_another_form(name: str) -> None:
    with pytest.raises(ConfigError, match="expected a device like"):
        _mxnet.device(name)


def test_a_gpu_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="'gpu:63' is not there"):
        _mxnet.device("gpu:63")


def test_devices() -> None:
    assert _mxnet.device("cpu") == _mxnet.mx.cpu()
    assert _mxnet.device("cpu:0") == _mxnet.mx.cpu(0)
