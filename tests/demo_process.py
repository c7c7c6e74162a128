"""`vqa demo` in a process of its own, as a user runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path


def start_demo(run: Path) -> tuple[subprocess.Popen[str], str]:
    """Return the process that serves a run on a free port, and its address."""
    command = [sys.executable, "-c", "from vqa.cli import main; main()", "demo", str(run), "--port", "0"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # A test runner started in the background ignores Ctrl-C, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    match = re.fullmatch(rf"{re.escape(str(run))} answers on (http://127\.0\.0\.1:\d+/)\n", line)
    assert match, process.stderr.read()
    return process, match[1]
