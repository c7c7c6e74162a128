"""Let every call on a file fail in every way, or kill the command there; see what is left, and repeat the command."""

from __future__ import annotations

import errno
import gc
import importlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cases import Case, prepare, run_command
from supervised import Call, Decision, Kill, Outcome, run_supervised

from vqa.files import sha256_of_file
from vqa.training.run_records import check_hash, read_record

# Imported once, before any fork.
for module in (
    "matplotlib.backends.backend_agg", "tensorboardX", "vqa.cli._training", "vqa.data.pixel_cache",
    "vqa.evaluation.fit", "vqa.export.exporting", "vqa.export.torch_module", "vqa.features.extraction",
    "vqa.inspection.gallery", "vqa.inspection.plots",
):  # fmt: skip
    importlib.import_module(module)

# What can go wrong with each call; more would be another name for the same.
FAULTS = {
    "open": (errno.EACCES, errno.EMFILE),
    "write": (errno.ENOSPC, errno.EIO),
    "truncate": (errno.ENOSPC, errno.EIO),
    "fsync": (errno.EIO, errno.ENOSPC),
    "close": (errno.EIO, errno.ENOSPC),
    "rename": (errno.EACCES, errno.EIO, errno.ENOSPC, errno.EROFS),
    "mkdir": (errno.EACCES, errno.ENOSPC, errno.EROFS),
    "unlink": (errno.EACCES, errno.EIO, errno.EROFS),
    "link": (errno.EACCES, errno.EROFS),
}
# From some call on, all that need room fail, or all that change anything.
NEED_ROOM, CHANGE = ("write", "mkdir"), ("write", "mkdir", "rename", "unlink", "link", "truncate")
# Left by a process that died, and never read as results.
TEMPORARY = ("*.tmp", "vqa-*/*", "vqa-*/*/*", "vqa-*/*/*/*")
LEFT_BY_A_DEATH = (*TEMPORARY, "*.next", "commit.json", "*.part", "*.progress", "*.lock", ".lock")
ENDS = ("", ".part")
# Not of the results: a log with times, and the event files of TensorBoard, named by time and machine.
NOT_COMPARED = ("train.log", "events.out.*", ".lock", "*.lock")

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Fault:
    """One way to fail: an error once, an error from a call on, or a death."""

    place: int
    error: int = 0
    lasts: bool = False
    torn: bool = False

    def __str__(self) -> str:
        what = errno.errorcode[self.error] if self.error else "torn write, kill" if self.torn else "kill"
        return f"{what}{' from' if self.lasts else ' at'} call {self.place}"

    def decision(self) -> Decision:
        """Return what `run_supervised` asks."""

        def decide(number: int, call: Call) -> int | Kill | None:
            if number < self.place or (number > self.place and not self.lasts):
                return None
            if not self.error:
                return Kill(self.torn)
            if not self.lasts:
                return self.error
            creates = call.name == "open" and call.writes
            return self.error if creates or call.name in (NEED_ROOM if self.error == errno.ENOSPC else CHANGE) else None

        return decide


@dataclass
class Findings:
    """What became of the failures of one command."""

    num_calls: int = 0
    results: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Campaign:
    """Folders for one command after another: what they read, what they write, what they print."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.given, self.here, self.scratch = (self.folder / name for name in ("given", "here", "scratch"))
        for path in (self.given, self.here, self.scratch):
            path.mkdir(parents=True)
        self._repeated: set[str] = set()
        gc.freeze()  # a collection in a child would copy what it shares with this process
        prepare(self.given, self._prepare)

    def _prepare(self, *arguments: str, stopped: Path | None = None) -> None:
        saves = 0

        def third_save(number: int, call: Call) -> Kill | None:
            nonlocal saves
            saves += call.target.endswith("commit.json")
            return Kill() if saves == 3 else None

        function = run_command(arguments, str(self.given / "cache"))
        outcome = run_supervised(function, stopped or self.here, third_save, self.scratch)
        assert outcome.code == (-9 if stopped else 0), outcome.stderr

    def run(self, case: Case, decide: Decision, arguments: tuple[str, ...] | None = None) -> Outcome:
        """Run a case's command, or another one in its place."""
        places = {"given": self.given, "here": self.here}
        filled = tuple(argument.format(**places) for argument in arguments or case.arguments)
        return run_supervised(run_command(filled, case.cache.format(**places)), self.here, decide, self.scratch)

    def start(self, case: Case) -> None:
        """Put `here` into the state before the command."""
        shutil.rmtree(self.here)
        if case.before:
            shutil.copytree(self.given / case.before, self.here)
        else:
            self.here.mkdir()

    def contents(self) -> dict[str, str]:
        """Return the hash of each file that is a result."""
        return {
            str(path.relative_to(self.here)): sha256_of_file(path)
            for path in sorted(self.here.rglob("*"))
            if path.is_file() and not _matches(path, NOT_COMPARED)
        }

    def examine(self, case: Case, every: int = 1, only_kills: bool = False) -> Findings:
        """Fail in every way at every call, or in one of so many of these ways."""
        self.start(case)
        before = self.contents()
        whole = self.run(case, lambda number, call: None)
        assert whole.code == 0, whole.stderr
        after = self.contents()
        findings = Findings(len(whole.calls))
        faults = [fault for fault in faults_of(whole.calls) if not (only_kills and fault.error)]
        for fault in faults[::every]:
            self.start(case)
            outcome = self.run(case, fault.decision())
            findings.results[_result(outcome)] += 1
            call = whole.calls[fault.place]
            if complaint := self._judge(case, fault, call, outcome, before, after):
                findings.faults.append(f"{fault} ({call.name} {call.path} {call.target}): {complaint}")
        return findings

    def _judge(
        self, case: Case, fault: Fault, call: Call, outcome: Outcome, before: dict[str, str], after: dict[str, str]
    ) -> str:
        """Return what is wrong with how a failure ended, or nothing."""
        if complaint := _of_the_output(fault, outcome):
            return complaint
        # Nothing can be removed where that is what fails, or from a folder that cannot be opened.
        cannot_open_folder = call.name == "open" and not call.writes
        cannot_sweep = (fault.lasts and fault.error == errno.EROFS) or call.name == "unlink" or cannot_open_folder
        if outcome.code == 0:
            not_removed = [name for name in before if cannot_sweep and _matches(name, TEMPORARY)]
            now, expected = (
                {name: digest for name, digest in files.items() if not _matches(name, ("cache/*/*", *not_removed))}
                for files in (self.contents(), after)
            )
            return "" if now == expected else f"exit code 0, but {_difference(now, expected)}"
        left = [name for name in self.contents() if name not in before and name not in after]
        is_swept = fault.error and not cannot_sweep
        odd = [name for name in left if not _matches(name, LEFT_BY_A_DEATH)]
        temporary = [name for name in left if _matches(name, TEMPORARY)]
        if odd or (is_swept and temporary):
            return f"left behind: {odd or temporary}"
        if complaint := self._of_the_state(case, before, after):
            return complaint
        # A command that failed in the same state before is not repeated; one that was killed always is.
        state = (
            f"{case.arguments} {sorted((_DIGITS.sub('', name), digest) for name, digest in self.contents().items())}"
        )
        if fault.error and state in self._repeated:
            return ""
        self._repeated.add(state)
        again = self.run(case, lambda number, call: None, case.again(self.here, case.arguments))
        if again.code != 0:
            return f"the command repeated fails: {again.stderr[-500:]}"
        now = {name: digest for name, digest in self.contents().items() if not _matches(name, TEMPORARY)}
        return "" if now == after else f"repeated, {_difference(now, after)}"

    def _is_kept(self, name: str) -> bool:
        return any((self.here / f"{name}{end}").exists() for end in ENDS)

    def _of_the_state(self, case: Case, before: dict[str, str], after: dict[str, str]) -> str:
        if not case.is_training:
            half = [
                name for name, digest in self.contents().items()
                if name in {**before, **after} and digest not in (before.get(name), after.get(name))
            ]  # fmt: skip
            # Rows that are all there under another name, to which the same command gives theirs, are not lost.
            lost = [name for name in before if name in after and not self._is_kept(name)]
            return f"half written: {half}" if half else f"lost: {lost}" if lost else ""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.here, copy)
        there = {name for name in (*before, *self.contents()) if Path(name).name == "run.json"}
        for run in sorted((copy / name).parent for name in there):
            try:
                _check_run(run)
            except Exception as error:
                return f"the run is lost: {error}"
        return ""


def _matches(name: str | Path, patterns: tuple[str, ...]) -> bool:
    return any(Path(name).match(pattern) for pattern in patterns)


def _check_run(run: Path) -> None:
    digests = read_record(run, "run.json")["sha256"]  # which finishes a save that was committed
    if (run / "loop.json").exists():
        digests.update(read_record(run, "loop.json")["sha256"])
    for file, digest in digests.items():
        check_hash(run / file, digest)
    json.loads((run / "config.json").read_text(encoding="utf-8"))


def faults_of(calls: list[Call]) -> Iterator[Fault]:
    """Yield every way in which each call can fail."""
    for place, call in enumerate(calls):
        yield Fault(place)
        if len(call.data) > 1:
            yield Fault(place, torn=True)
        creates = call.name == "open" and call.writes
        for error in FAULTS[call.name] + ((errno.ENOSPC, errno.EROFS) if creates else ()):
            yield Fault(place, error)
        if call.name in NEED_ROOM or creates:
            yield Fault(place, errno.ENOSPC, lasts=True)
        if call.name != "open" or call.writes:
            yield Fault(place, errno.EROFS, lasts=True)


def _of_the_output(fault: Fault, outcome: Outcome) -> str:
    if "Traceback" in outcome.stderr:
        return f"a traceback: {outcome.stderr[-1500:]}"
    if not fault.error:
        # The thread that writes TensorBoard's events makes a call more or less from one run to the next.
        is_over = outcome.code == 0 and len(outcome.calls) <= fault.place
        return "" if outcome.code == -9 or is_over else f"the kill did not arrive: exit code {outcome.code}"
    if outcome.code == 0:
        return ""
    lines = outcome.stderr.splitlines() or [""]
    if outcome.code != 1 or not lines[-1].startswith("Error: ") or sum("Error" in line for line in lines) > 1:
        return f"exit code {outcome.code}, stderr: {outcome.stderr[-1500:]}"
    return ""


def _result(outcome: Outcome) -> str:
    return {0: "went on", 1: "one line", -9: "killed"}.get(outcome.code, f"exit code {outcome.code}")


def _difference(found: dict[str, str], expected: dict[str, str]) -> str:
    names = [name for name in {**found, **expected} if found.get(name) != expected.get(name)]
    return f"other than without a failure: {sorted(names)}"
