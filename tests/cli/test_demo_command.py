"""``vqa demo``: what keeps it from starting is one line; Ctrl-C ends it."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from demo_process import start_demo

import vqa
from vqa.cli import cli
from vqa.nn.losses import LOSSES

pytest.importorskip("uvicorn", reason="the extra demo is not installed: pip install 'vqa[demo]'")
httpx = pytest.importorskip("httpx", reason="httpx is not installed: pip install 'vqa[test]'")


def test_a_run_that_is_not_there() -> None:
    result = CliRunner().invoke(cli, ["demo", "no-run", "--port", "0"])
    assert result.exit_code == 1
    assert "expected a run folder, but no-run is not there" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = CliRunner().invoke(cli, ["demo", str(tmp_path), "--port", str(port)])
    assert result.exit_code == 1
    assert f"127.0.0.1:{port}: Address already in use; choose another with --port or --host" in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "vqa.demo.serve", raising=False)
    result = CliRunner().invoke(cli, ["demo", "no-run"])
    assert result.exit_code == 1
    assert "pip install 'vqa[demo]'" in result.stderr


def test_it_serves_a_run_until_interrupted(project: Path, tmp_path: Path) -> None:
    dataset = vqa.load_dataset(project / "data" / "forum.toml")
    network = vqa.build_network("question-only", dataset, seed=1)
    vqa.fit(network, dataset, LOSSES["softmax"](), run_dir=tmp_path / "forum", epochs=30, learning_rate=0.02)
    server, address = start_demo(tmp_path / "forum")
    with server:
        assert server.stderr is not None
        question = "is the person sitting or standing in the video"
        answer = httpx.post(f"{address}ask", data={"question": question}, files={"image": ("", b"")}, timeout=60)
        assert answer.json()["answer"] == "standing"
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 130
        assert "Traceback" not in server.stderr.read()
