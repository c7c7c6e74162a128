"""Prediction by the processes of a Dask cluster on this machine: the same predictions, digit for digit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import vqa
from vqa.cluster import Cluster, dask_cluster
from vqa.evaluation.in_pieces import predict_on
from vqa.evaluation.run import load_run

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
from small_training_data import train, write_card

pytest.importorskip("dask.distributed", reason="Dask is not installed: pip install 'vqa[dask]'")


class HereInTurn(Cluster):
    """Computes the pieces in this process, and notes how many there were."""

    def __init__(self, num_workers: int) -> None:
        self.num_workers, self.pieces = num_workers, 0

    def in_order(self, function, pieces):
        for piece in pieces:
            self.pieces += 1
            yield function(*piece)


@pytest.mark.parametrize(("num_workers", "pieces"), [(1, 4), (2, 8), (5, 8)])
def test_pieces_are_whole_batches_and_every_question_is_in_one(tmp_path: Path, num_workers: int, pieces: int) -> None:
    run = train(write_card(tmp_path), tmp_path / "run", epochs=1)
    expected = run.predict("test", batch_size=4)  # 30 questions: 8 batches
    cluster = HereInTurn(num_workers)
    predict_on(cluster, run, load_run)
    assert run.predict("test", batch_size=4).equals(expected)
    assert cluster.pieces == pieces
    # A table of the caller's is in this process alone.
    table = run.dataset.table("test").take([3, 5])
    assert len(run.predict(table)) == 2
    assert cluster.pieces == pieces


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_processes_predict_the_same_digits(tmp_path: Path) -> None:
    run = train(write_card(tmp_path), tmp_path / "run", epochs=1)
    expected = run.predict("test", batch_size=4)
    with dask_cluster(2, None) as cluster:
        assert cluster is not None
        predict_on(cluster, run, load_run, card=run.card)
        frame = run.predict("test", batch_size=4)
    assert frame.equals(expected)
    assert vqa.load_run(tmp_path / "run").predict("test", batch_size=4).equals(expected)
