"""The one door to MXNet: NumPy compatibility, thread count, version check, devices and seeds.

Every module that needs MXNet takes it from here (``from vqa._mxnet import mx``), so that what MXNet 1.9.1 needs
is done before its import, once.
"""

from __future__ import annotations

import os
import random
import sys
import warnings
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from vqa.errors import ConfigError, InstallationError

SUPPORTED_VERSION = "1.9.1"


def _usable_cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _restore_numpy_names() -> None:
    """Give NumPy the type names back that MXNet 1.9.1 reads at import and NumPy 1.24 removed."""
    for name, builtin in (("bool", bool), ("int", int), ("float", float), ("complex", complex), ("object", object)):
        if name not in np.__dict__:
            setattr(np, name, builtin)


def _import_mxnet() -> ModuleType:
    """Import MXNet, or say in one line why it cannot be imported and what to do."""
    # MXNet takes half the cores unless told otherwise; these variables are read once, at its import.
    os.environ.setdefault("OMP_NUM_THREADS", str(_usable_cores()))
    # Threads of libgomp that wait for one another stay awake for some microseconds, then sleep: as fast as spinning on
    # idle cores, and no burden where other programs want the cores too.
    if sys.platform.startswith("linux") and "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "ACTIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    if int(np.__version__.split(".")[0]) >= 2:
        raise InstallationError(
            f"MXNet {SUPPORTED_VERSION} needs NumPy below 2, found {np.__version__}: pip install 'numpy<2'"
        )
    _restore_numpy_names()
    try:
        import mxnet
    except (ImportError, OSError, AttributeError) as error:
        raise InstallationError(
            f"MXNet cannot be imported ({type(error).__name__}: {error}): "
            f"pip install mxnet=={SUPPORTED_VERSION} 'numpy<2' (Linux or x86-64 macOS, Python 3.9 to 3.12)"
        ) from error
    if mxnet.__version__ != SUPPORTED_VERSION:
        raise InstallationError(
            f"expected MXNet {SUPPORTED_VERSION}, found {mxnet.__version__}: pip install mxnet=={SUPPORTED_VERSION}"
        )
    return mxnet


def _import_gluonnlp() -> ModuleType:
    """Import gluonnlp without its warning that it replaces MXNet's LAMB optimizer, which is not used here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*gluonnlp.optimizer.lamb.LAMB is overriding.*")
        try:
            import gluonnlp
        except ImportError as error:
            raise InstallationError(f"gluonnlp cannot be imported ({error}): pip install gluonnlp==0.8.3") from error
    return gluonnlp


if TYPE_CHECKING:
    import gluonnlp
    import mxnet as mx
else:
    mx = _import_mxnet()
    gluonnlp = _import_gluonnlp()


def device(name: str) -> mx.Context:
    """Return the MXNet context for ``"cpu"``, ``"gpu"`` or ``"gpu:1"``.

    Raises
    ------
    ConfigError
        The name has another form, or this machine or MXNet build has no such device.
    """
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "gpu") or (index and not index.isdigit()):
        raise ConfigError(f"expected a device like 'cpu' or 'gpu:0', got {name!r}")
    number = int(index or 0)
    if kind == "gpu" and number >= mx.context.num_gpus():
        raise ConfigError(
            f"device {name!r} is not there: MXNet sees {mx.context.num_gpus()} GPUs; use --device cpu, "
            "or install a CUDA build of MXNet"
        )
    return mx.Context(kind, number)


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and MXNet's global random generators with `seed` (an integer in [0, 2**31))."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - third-party initialisers draw from the global generator
    mx.random.seed(seed)
