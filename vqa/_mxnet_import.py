"""Makes ``import mxnet`` work after ``import vqa``: MXNet 1.9.1 needs names that NumPy 1.24 removed.

``import vqa`` installs a finder that adds one step to a later import of MXNet and imports nothing itself.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, cast

from vqa.errors import InstallationError

if TYPE_CHECKING:
    from importlib.abc import Loader

SUPPORTED_VERSION = "1.9.1"
INSTALL = f"pip install mxnet=={SUPPORTED_VERSION} 'numpy<2' (Linux or x86-64 macOS, Python 3.9 to 3.12)"


def usable_cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_of_operators() -> str:
    """Return what says how many threads MXNet's operators use: as many as the user wants, else all cores."""
    # MXNet uses half of the cores by default.
    return os.environ.setdefault("OMP_NUM_THREADS", str(usable_cores()))


def prepare() -> None:
    """Set up the environment variables and the NumPy names that MXNet 1.9.1 reads once, at its import.

    Raises
    ------
    InstallationError
        NumPy is missing, or is NumPy 2.
    """
    threads_of_operators()
    # Waiting threads of libgomp spin for some microseconds, then sleep: as fast as spinning on idle cores, and no
    # burden where other programs need the cores.
    if sys.platform.startswith("linux") and "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "ACTIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        numpy = importlib.import_module("numpy")
    except ImportError as error:
        raise InstallationError(f"MXNet needs NumPy, which cannot be imported ({error}): {INSTALL}") from error
    if int(numpy.__version__.split(".")[0]) >= 2:
        raise InstallationError(
            f"MXNet {SUPPORTED_VERSION} needs NumPy below 2, found {numpy.__version__}: pip install 'numpy<2'"
        )
    for name, builtin in (("bool", bool), ("int", int), ("float", float), ("complex", complex), ("object", object)):
        # Not hasattr: NumPy's own __getattr__ warns about these names.
        if name not in vars(numpy):
            setattr(numpy, name, builtin)


class _PreparingLoader:
    """Calls `prepare` before the loader that it wraps executes MXNet."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module keeps its own loader, which knows its source and its data files.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        prepare()
        try:
            self._loader.exec_module(module)
        except (ImportError, OSError, AttributeError) as error:
            raise InstallationError(f"MXNet cannot be imported ({type(error).__name__}: {error}): {INSTALL}") from error


class _MXNetFinder:
    """Finds MXNet where the other finders do, with a loader that prepares its import."""

    def __init__(self) -> None:
        self._searching = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "mxnet" or self._searching:
            return None
        self._searching = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._searching = False
        if spec is not None and spec.loader is not None:
            # Not a subclass of `Loader`: importlib.abc takes as long to import as the rest of the package.
            spec.loader = cast("Loader", _PreparingLoader(spec.loader))
        return spec


def install() -> None:
    """Install the finder, once per process."""
    if not any(isinstance(finder, _MXNetFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _MXNetFinder())
