"""Importing MXNet: after ``import vqa`` it works with the NumPy of today, and where it cannot, one line says why."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vqa import _mxnet, _mxnet_import
from vqa.errors import ConfigError, InstallationError


def output_of(code: str, **environment: str) -> str:
    """Return what a program prints; its warnings are errors, apart from those about MXNet's own code."""
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    result = subprocess.run(command, capture_output=True, text=True, env={**clean, **environment}, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize(
    "line",
    [
        "import mxnet as mx",
        "from mxnet import nd, gluon; import mxnet as mx",
        "mx = vqa.mx",
        "import gluonnlp, mxnet as mx",
    ],
)
def test_mxnet_can_be_imported_after_vqa_and_before_anything_else_of_it(line: str) -> None:
    code = f"import warnings, vqa; warnings.filterwarnings('ignore', '.*LAMB'); {line}"
    code += "; print(mx.nd.ones(2).sum().asscalar())"
    assert output_of(code) == "2.0"


def test_mxnet_is_one_module_however_it_is_imported() -> None:
    assert output_of("import vqa, mxnet; from vqa.nn.network import mx; print(mx is mxnet is vqa.mx)") == "True"


def test_mxnet_imports_again_after_it_failed_without_vqa() -> None:
    """A notebook whose first cell said ``import mxnet`` alone continues after ``import vqa``."""
    code = """
import warnings
warnings.simplefilter("ignore")
try:
    import mxnet
except AttributeError:
    pass
import vqa, mxnet
print(mxnet.nd.ones(2).sum().asscalar(), mxnet.gluon.nn.Dense.__name__)
"""
    assert output_of(code) == "2.0 Dense"


def test_the_module_keeps_its_own_loader() -> None:
    code = "import vqa, mxnet; print(type(mxnet.__loader__).__name__, type(mxnet.__spec__.loader).__name__)"
    assert output_of(code) == "SourceFileLoader SourceFileLoader"


def test_looking_for_mxnet_imports_nothing_and_finds_only_what_is_there() -> None:
    code = """
import sys, importlib.util, vqa
found = importlib.util.find_spec("mxnet")
print(found.name, "numpy" in sys.modules, importlib.util.find_spec("mxnet_of_no_one"))
sys.path = [entry for entry in sys.path if "site-packages" not in entry]
print(importlib.util.find_spec("mxnet"))
"""
    assert output_of(code).splitlines() == ["mxnet False None", "None"]


WITH_NUMPY_2 = """
import sys, types
numpy = types.ModuleType("numpy")
numpy.__version__ = "2.1.0"
sys.modules["numpy"] = numpy
import vqa
try:
    import mxnet
except ImportError as error:
    print(type(error).__name__, error)
"""


def test_numpy_2_is_named_with_what_to_do() -> None:
    expected = "InstallationError MXNet 1.9.1 needs NumPy below 2, found 2.1.0: pip install 'numpy<2'"
    assert output_of(WITH_NUMPY_2) == expected


def test_an_import_of_mxnet_that_fails_is_one_clear_line(tmp_path: object) -> None:
    code = f"""
import pathlib, sys
folder = pathlib.Path({str(tmp_path)!r}) / "mxnet"
folder.mkdir()
(folder / "__init__.py").write_text("raise OSError('libgfortran.so.5: cannot open shared object file')")
sys.path.insert(0, str(folder.parent))
import vqa
try:
    import mxnet
except ImportError as error:
    print(error)
"""
    line = output_of(code)
    assert line.startswith("MXNet cannot be imported (OSError: libgfortran.so.5: cannot open shared object file): pip ")
    assert "\n" not in line


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
def test_a_missing_package_is_one_clear_line(module: str) -> None:
    line = output_of(BLOCKED.format(module=module))
    assert "\n" not in line
    assert f"pip install {module}==" in line


@pytest.mark.parametrize(
    ("before", "after"), [({}, str(_mxnet_import.usable_cores())), ({"OMP_NUM_THREADS": "1"}, "1")]
)
def test_threads_follow_the_cores_unless_the_user_says_otherwise(before: dict[str, str], after: str) -> None:
    assert output_of("import os, vqa, mxnet; print(os.environ['OMP_NUM_THREADS'])", **before) == after


def test_importing_vqa_alone_changes_no_variable() -> None:
    assert output_of("import os; before = dict(os.environ); import vqa; print(before == dict(os.environ))") == "True"


def test_an_installation_error_is_an_import_error() -> None:
    """Other packages look whether MXNet can be imported by ``except ImportError``."""
    assert issubclass(InstallationError, ImportError)


def test_seeding_makes_draws_repeat() -> None:
    draws = []
    for _ in range(2):
        _mxnet.seed_everything(5)
        draws.append(_mxnet.mx.nd.random.uniform(shape=3).asnumpy().tolist())
    assert draws[0] == draws[1]


@pytest.mark.parametrize("name", ["tpu", "cpu:x", "gpu:-1", ""])
def test_a_device_of_another_form(name: str) -> None:
    with pytest.raises(ConfigError, match="expected a device like"):
        _mxnet.device_context(name)


def test_a_gpu_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match="'gpu:63' does not exist"):
        _mxnet.device_context("gpu:63")


def test_devices() -> None:
    assert _mxnet.device_context("cpu") == _mxnet.mx.cpu()
    assert _mxnet.device_context("cpu:0") == _mxnet.mx.cpu(0)
