"""The one door to MXNet: version check, devices and seeds.

Every module that needs MXNet takes it from here (``from vqa._mxnet import mx``). Users of the package write
``import vqa`` and then ``import mxnet as mx``, or ``vqa.mx``.
"""

from __future__ import annotations

import random
import warnings
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from vqa._mxnet_import import INSTALL, SUPPORTED_VERSION
from vqa.errors import ConfigError, InstallationError


def _import_mxnet() -> ModuleType:
    """Import MXNet, or say in one line why it cannot be imported and what to do."""
    # `vqa/__init__.py` has installed the finder that prepares this import.
    try:
        import mxnet
    except InstallationError:
        raise
    except ImportError as error:
        raise InstallationError(f"MXNet cannot be imported ({error}): {INSTALL}") from error
    if mxnet.__version__ != SUPPORTED_VERSION:
        raise InstallationError(
            f"expected MXNet {SUPPORTED_VERSION}, found {mxnet.__version__}: pip install mxnet=={SUPPORTED_VERSION}"
        )
    return mxnet


def _import_gluonnlp() -> ModuleType:
    """Import gluonnlp without its warning that it replaces MXNet's LAMB optimizer, which this package does not use."""
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


def device_context(name: str) -> mx.Context:
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
            f"device {name!r} does not exist: MXNet sees {mx.context.num_gpus()} GPUs; use --device cpu, "
            "or install a CUDA build of MXNet"
        )
    return mx.Context(kind, number)


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and MXNet's global random generators with `seed` (an integer in [0, 2**31))."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - third-party initialisers draw from the global generator
    mx.random.seed(seed)
