from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vqa.errors import RunError, TrainingError
from vqa.files import sha256_of_file
from vqa.training import run_folder, run_records


def write(folder: Path, **files: str) -> None:
    run_folder.commit(folder, {name: run_folder.text_writer(text) for name, text in files.items()})


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.name != run_folder.LOCK}


def test_a_save_replaces_all_its_files_and_leaves_no_others(tmp_path: Path) -> None:
    write(tmp_path, a="1", b="1", c="1")
    write(tmp_path, a="2", b="2")
    assert contents(tmp_path) == {"a": "2", "b": "2", "c": "1"}


def test_a_writer_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    write(tmp_path, a="1", b="1")

    def full(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(TrainingError, match="the disk is full; the checkpoint saved before is intact"):
        run_folder.commit(tmp_path, {"a": run_folder.text_writer("2"), "b": full})
    assert contents(tmp_path) == {"a": "1", "b": "1"}


@pytest.mark.parametrize("done", range(4))
def test_a_crash_among_the_renames_is_finished_by_the_next_reader(tmp_path: Path, done: int) -> None:
    """The state after `done` of three renames: every file is new after recovery."""
    names = ["a", "b", "c"]
    write(tmp_path, a="1", b="1", c="1")
    for number, name in enumerate(names):
        (tmp_path / (name if number < done else f"{name}.next")).write_text("2")
    (tmp_path / run_folder.COMMIT).write_text('["a", "b", "c"]')
    run_folder.recover(tmp_path)
    assert contents(tmp_path) == dict.fromkeys(names, "2")


@pytest.mark.parametrize("marker", ["[", "{}", "[1]", '["../outside"]', '{"written": [], "removed": ["/etc/passwd"]}'])
def test_a_marker_that_names_what_is_no_file_of_the_folder_is_refused(tmp_path: Path, marker: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "outside").write_text("mine")
    (tmp_path / "outside.next").write_text("theirs")
    (folder / run_folder.COMMIT).write_text(marker)
    with pytest.raises(RunError, match="is damaged"):
        run_folder.recover(folder)
    assert (tmp_path / "outside").read_text() == "mine"


def test_a_save_of_a_living_process_is_left_to_that_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that finished it could give a half-written file of the next save its name."""
    monkeypatch.setattr(run_folder, "RECOVERY_SECONDS", 0.1)
    with run_folder.locked(tmp_path):
        (tmp_path / run_folder.COMMIT).write_text('["a"]')
        (tmp_path / "a.next").write_text("half of the ne")
        with pytest.raises(RunError, match="another process has been saving"):
            run_folder.recover(tmp_path)
        assert not (tmp_path / "a").exists()


def test_a_lock_that_a_killed_process_left_holds_nobody_up(tmp_path: Path) -> None:
    killed = (
        "import os, sys; from pathlib import Path; from vqa.training.run_folder import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False).returncode == -9
    assert (tmp_path / run_folder.LOCK).exists()
    with run_folder.locked(tmp_path):
        pass


def test_replacing_a_run_is_all_or_nothing(tmp_path: Path) -> None:
    write(tmp_path, a="1", b="1")
    run_folder.commit(tmp_path, {"a": run_folder.text_writer("2")}, ["b", "never_there"])
    assert contents(tmp_path) == {"a": "2"}


def test_a_crash_before_the_commit_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, a="1")
    (tmp_path / "a.next").write_text("half a fi")
    run_folder.recover(tmp_path)
    assert (tmp_path / "a").read_text() == "1"
    write(tmp_path, a="2")
    assert contents(tmp_path) == {"a": "2"}


KILLED = """
import os, sys
from pathlib import Path
from vqa.training import run_folder
folder, calls = Path(sys.argv[1]), int(sys.argv[2])
real = {name: getattr(os, name) for name in ("replace", "fsync")}
def counted(name):
    def call(*arguments):
        global calls
        if calls == 0:
            os._exit(9)
        calls -= 1
        return real[name](*arguments)
    return call
os.replace, os.fsync = counted("replace"), counted("fsync")
run_folder.commit(folder, {name: run_folder.text_writer("2") for name in "abc"})
"""


def test_killed_at_any_system_call_the_folder_is_all_old_or_all_new(tmp_path: Path) -> None:
    outcomes = set()
    for calls in range(30):
        folder = tmp_path / str(calls)
        folder.mkdir()
        write(folder, a="1", b="1", c="1")
        killed = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(calls)], check=False)
        run_folder.recover(folder)
        state = "".join((folder / name).read_text() for name in "abc")
        assert state in ("111", "222"), f"killed at call {calls}"
        outcomes.add(state)
        if killed.returncode == 0:
            break
    else:
        pytest.fail("the save never ended")
    assert outcomes == {"111", "222"}


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"cannot save .*a: No such file"):
        write(tmp_path / "gone", a="1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ("{}", "is damaged"),
        ('{"format_version": 99}', "has format version 99, this program reads version 1"),
    ],
)
def test_records_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match=message) as caught:
        run_records.read_record(tmp_path, "run.json")
    assert "\n" not in str(caught.value)


def test_a_missing_folder_and_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not there"):
        run_records.read_record(tmp_path / "none", "run.json")
    with pytest.raises(RunError, match=r"holds no run\.json"):
        run_records.read_record(tmp_path, "run.json")


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "best.params"
    path.write_bytes(b"abc")
    digest = sha256_of_file(path)
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    run_records.check_hash(path, digest)
    path.write_bytes(b"abd")
    with pytest.raises(RunError, match="is damaged"):
        run_records.check_hash(path, digest)
    path.unlink()
    with pytest.raises(RunError, match="is missing"):
        run_records.check_hash(path, digest)
