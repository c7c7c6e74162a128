"""How many threads compute a part of a batch: a choice of the run, since the last bits of some sums depend on it.

MXNet's convolutions and Fourier transforms add in an order that depends on the number of threads.
"""

from __future__ import annotations

import os

from vqa.errors import ConfigError
from vqa.training.config import TrainConfig

VARIABLE = "OMP_NUM_THREADS"


def choose_threads(config: TrainConfig) -> None:
    """Set the run's number of threads, which MXNet reads at its import; 0 leaves the choice to the machine."""
    if config.threads_of_a_part:
        os.environ[VARIABLE] = str(config.threads_of_a_part)


def check_threads(config: TrainConfig) -> None:
    """Check that MXNet computes with the run's number of threads.

    Raises
    ------
    ConfigError
        It was imported with another one.
    """
    wanted, found = config.threads_of_a_part, os.environ.get(VARIABLE, "")
    if wanted and found != str(wanted):
        raise ConfigError(
            f"the run computes each part of a batch with threads = {wanted}, but MXNet was imported with "
            f"{VARIABLE}={found}: set {VARIABLE}={wanted} before the import"
        )
