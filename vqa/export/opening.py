"""One name for what can answer: a run folder, or a file that `vqa export` wrote."""

from __future__ import annotations

from pathlib import Path

from vqa.errors import ConfigError, InstallationError
from vqa.evaluation.trained_model import TrainedModel
from vqa.training.seed_folders import check_one_system, seed_folders

SUFFIX = ".onnx"


def is_model(path: str | Path) -> bool:
    """Return whether a path names a run folder or an exported file, not a file of predictions."""
    path = Path(path)
    return path.is_dir() or path.suffix == SUFFIX


def open_trained(
    path: str | Path, *, card: str | Path | None = None, device: str = "cpu", engine: str | None = None
) -> TrainedModel:
    """Open a run folder or an exported file.

    Parameters
    ----------
    card : data set to evaluate on instead of the model's own
    device : of MXNet
    engine : "mxnet" or "onnx"; None computes a run folder with MXNet and an exported file with onnxruntime

    Raises
    ------
    ConfigError
        An exported file is to be computed by MXNet, or a device other than the CPU by onnxruntime.
    VqaError
        The run or the file cannot be used.
    """
    from_file = Path(path).suffix == SUFFIX
    if from_file and engine == "mxnet":
        raise ConfigError(f"{path} is an exported file, which onnxruntime computes; leave out --engine mxnet")
    if not from_file and engine != "onnx":
        from vqa.evaluation.run import load_run

        return load_run(path, card=card, device=device)
    if device != "cpu":
        raise ConfigError(f"onnxruntime computes on the CPU here; leave out --device {device}")
    if from_file:
        from vqa.export.model import load_model

        return load_model(path, card=card)
    try:
        from vqa.export.exporting import open_run
    except ImportError as error:
        raise InstallationError(f"--engine onnx needs {error.name}: pip install 'vqa[onnx]'") from error
    return open_run(path, card=card)


def open_seeds(
    folder: str | Path, *, card: str | Path | None = None, device: str = "cpu", engine: str | None = None
) -> list[TrainedModel]:
    """Open the runs of a folder that ``vqa train --seeds`` made, as `open_trained` does; [] for anything else.

    Raises
    ------
    RunError
        The runs are not of one system.
    VqaError
        As `open_trained`.
    """
    folders = seed_folders(folder)
    check_one_system(folders)
    return [open_trained(path, card=card, device=device, engine=engine) for path in folders]
