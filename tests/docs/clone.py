"""What a reader does with a document: run its commands in a clone of the project."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

# Installs nothing: the tests run in an environment that has everything. Fails for an extra that does not exist.
PIP = """\
import re, sys
assert sys.argv[1] == "install", sys.argv
for target in (word for word in sys.argv[2:] if not word.startswith("-")):
    assert re.fullmatch(r"(\\.|vqa)(\\[[\\w,]+\\])?", target), f"unknown package {target}"
    for extra in filter(None, target.partition("[")[2].strip("]").split(",")):
        assert re.search(rf"^{extra} = \\[", open("pyproject.toml").read(), re.M), f"there is no extra {extra!r}"
"""

_PORT = 8000


class Clone:
    """A folder that looks like a fresh clone, in which the commands `python3.11 -m venv` and `pip` install nothing.

    Parameters
    ----------
    folder : of the clone
    python : the interpreter that stands for every Python of the documents
    environment : of the commands
    """

    def __init__(self, folder: Path, python: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = environment
        self._done: set[str] = set()
        programs = folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        for name in ("ruff", "mypy", "pytest", "mkdocs", "jupyter"):
            _write_program(programs / name, f'exec "{python.parent / name}" "$@"')
        _write_program(programs / "vqa", f'exec "{python}" -m vqa.cli "$@"')
        _write_program(programs / "python", f'exec "{python}" "$@"')
        (folder / ".pip.py").write_text(PIP)
        _write_program(programs / "pip", f'exec "{python}" .pip.py "$@"')
        _write_program(programs / "python3.11", '[ "$*" = "-m venv .venv" ]')
        self._environment["PATH"] = os.pathsep.join([str(programs), environment["PATH"]])

    def run_shell(self, text: str, place: str) -> None:
        """Run the lines of a block, each as a reader would paste it; a line that ran here before has done its work."""
        for line in _commands(text):
            if line in self._done:
                continue
            self._done.add(line)
            if re.search(r"\b(vqa demo|mkdocs serve)\b", line):
                self._serve(line, place)
            else:
                self._run(["bash", "-euo", "pipefail", "-c", line], f"{place}: {line}")

    def run_python(self, text: str, place: str) -> str:
        """Run a snippet as a script and return what it prints."""
        return self._run(["python", "-c", text], place)

    def _run(self, command: list[str], place: str) -> str:
        result = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False, timeout=900
        )
        assert result.returncode == 0, f"{place}\nexit code {result.returncode}\n{result.stderr[-3000:]}"
        return result.stdout

    def _serve(self, line: str, place: str) -> None:
        """Start a server, ask for its page, and stop it by Ctrl-C."""
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", _PORT)) == 0:
                pytest.skip(f"port {_PORT} of this machine, where the page is served, is in use")
        server = subprocess.Popen(
            ["bash", "-c", line], cwd=self.folder, env=self._environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
            # A shell starts background jobs, such as these tests, with Ctrl-C ignored, and their children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        try:
            assert b"<html" in _page(_first_address(server, place)), place
            os.killpg(server.pid, signal.SIGINT)
            server.communicate(timeout=300)
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
                server.communicate()


def _write_program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def _commands(text: str) -> list[str]:
    """Return the commands of a block: its lines, those that end in a backslash joined with the next."""
    joined = text.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _first_address(server: subprocess.Popen[str], place: str) -> str:
    """Return the address that a server prints."""
    assert server.stdout is not None
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        line = server.stdout.readline()
        if found := re.search(r"http://\S+", line):
            return found[0]
        assert line or server.poll() is None, f"{place}: the server ended"
    raise AssertionError(f"{place}: the server printed no address")


def _page(address: str) -> bytes:
    """Return a page; a server prints its address a moment before it listens."""
    for _ in range(120):
        try:
            with urllib.request.urlopen(address, timeout=60) as page:
                return bytes(page.read())
        except urllib.error.URLError:
            time.sleep(0.5)
    raise AssertionError(f"nothing answers at {address}")
