"""A thousand questions of twenty clients at once: every answer is that of its question, and memory stays bounded."""

from __future__ import annotations

import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from demo_process import start_demo

import vqa
from vqa.nn.losses import MultiAnswerSoftmaxLoss

pytest.importorskip("uvicorn", reason="the extra demo is not installed: pip install 'vqa[demo]'")
httpx = pytest.importorskip("httpx", reason="httpx is not installed: pip install 'vqa[test]'")

CLIENTS = 20
QUESTIONS = 1000


class Server:
    """A demo in a process of its own, and the run that it serves."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self.process, self.address = start_demo(run.path)

    def megabytes(self) -> float:
        """Return the memory of the process, in MB."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.is_file():
            pytest.skip("this machine has no /proc to read the memory of a process from")
        found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text(encoding="ascii"))
        assert found
        return int(found[1]) / 1000


@pytest.fixture
def server(project: Path, tmp_path: Path) -> Iterator[Server]:
    """The demo of a small network that looks at images."""
    dataset = vqa.load_dataset(project / "tests" / "golden" / "card.toml")
    network = vqa.build_network("cnn-gru", dataset, seed=1)
    server = Server(vqa.fit(network, dataset, MultiAnswerSoftmaxLoss(), run_dir=tmp_path / "run", epochs=3, seed=1))
    yield server
    if server.process.poll() is None:
        server.process.kill()
    server.process.communicate()


def cases(server: Server) -> list[tuple[bytes, str, list[list[Any]]]]:
    """Return images, questions and the top answers of the run when it is asked directly."""
    folder = Path(__file__).parent.parent / "golden" / "images"
    images = sorted(folder.glob("*.png"))
    asked = server.run.dataset.table("train").question
    questions = sorted(set(asked))[:4]
    return [
        (image.read_bytes(), question, server.run.ask(image, question).to_json()["top"])
        for image in images
        for question in questions
    ]


@pytest.mark.slow
def test_no_answer_is_mixed_up_and_memory_is_bounded(server: Server) -> None:
    known = cases(server)
    assert len({str(top) for _, _, top in known}) > 10  # a mix-up could be seen
    with httpx.Client(timeout=60) as client:

        def ask(number: int) -> bool:
            image, question, top = known[number % len(known)]
            files, form = {"image": ("x.png", image)}, {"question": question}
            response = client.post(f"{server.address}ask", files=files, data=form)
            assert response.status_code == 200, response.text
            answer = response.json()
            return answer["question"] == question and answer["top"] == top

        with ThreadPoolExecutor(CLIENTS) as pool:
            assert all(pool.map(ask, range(100)))
            before = server.megabytes()
            started = time.monotonic()
            assert all(pool.map(ask, range(QUESTIONS)))
            seconds = time.monotonic() - started
    growth = server.megabytes() - before
    print(f"{QUESTIONS} questions, {CLIENTS} clients: {seconds:.1f} s, memory {before:.0f} MB {growth:+.0f} MB")
    assert growth < 50


@pytest.mark.slow
def test_large_uploads_of_many_clients_stay_bounded_in_memory(server: Server) -> None:
    before = server.megabytes()
    highest = [before]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            highest.append(server.megabytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    large = bytes(19_000_000)  # not an image, but within the limit
    with httpx.Client(timeout=120) as client, ThreadPoolExecutor(CLIENTS) as pool:
        files = {"image": ("x.png", large)}
        answers = list(
            pool.map(lambda _: client.post(f"{server.address}ask", files=files, data={"question": "?"}), range(40))
        )
    done.set()
    watcher.join()
    assert {answer.status_code for answer in answers} == {422}
    print(f"40 uploads of 19 MB, {CLIENTS} clients: memory {before:.0f} MB, at most {max(highest):.0f} MB")
    # Twenty uploads at once would take 380 MB; two are in memory at the same time.
    assert max(highest) - before < 250


def test_ctrl_c_ends_it_at_once_even_while_a_slow_client_sends(server: Server) -> None:
    port = int(server.address.rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        head = f"POST /ask HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 1000\r\n\r\nabc"
        client.sendall(head.encode())
        httpx.get(server.address)
        started = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(timeout=30) == 130
        print(f"ended after {time.monotonic() - started:.1f} s")
    assert server.process.stderr is not None
    assert "Traceback" not in server.process.stderr.read()
