"""Figures, ratios and the table, by hand-worked values."""

import json
import math
import os
import subprocess
import sys

import pytest

from vqa.benchmark.figures import Figure, Result, machine, rounded, speed, table
from vqa.benchmark.growth import exponent
from vqa.benchmark.load import Times, load_of_others, now
from vqa.benchmark.suite import BENCHMARKS, Outcome, run, to_json, to_text
from vqa.benchmark.worker import Timing
from vqa.errors import ConfigError


def test_a_goal_is_for_the_ratio_where_there_is_one():
    assert Figure("a", 1.0, "s", at_most=2).reached is True
    assert Figure("a", 1.0, "s", "b", 9.0, ratio=3.0, at_most=2).reached is False
    assert Figure("a", 1.0, "s", "b", 9.0, ratio=3.0, at_least=3).reached is True
    assert Figure("a", 1.0, "s").reached is None


def test_what_was_never_reached_is_null_and_missed():
    figure = Figure("time", math.inf, "s", at_most=45)
    assert json.dumps(figure.to_json(), allow_nan=False)
    assert (figure.to_json()["value"], figure.reached) == (None, False)


def test_speed_compares_questions_not_steps():
    # Ours: 100 questions per step, 2 s each; theirs: 50 per step, 3 s each. 50 per second against 50 / 3: 3 times.
    timings = {
        "ours": Timing([2.0, 2.0, 2.0], {"questions": 100}, 0),
        "theirs": Timing([3.0, 3.0, 3.0], {"questions": 50}, 0),
    }
    figure = speed("training", timings, "ours", "theirs", at_least=2.5)
    assert figure.value == 50
    assert figure.other == pytest.approx(50 / 3)
    assert figure.ratio == pytest.approx(3)
    assert figure.reached


def test_the_ratio_is_the_median_over_turns():
    # One turn in which the machine was busy for one of the two only.
    assert Timing([1.0, 1.0, 5.0], {}, 0).times_faster_than(Timing([2.0, 2.0, 2.0], {}, 0)) == 2


def test_sixteen_times_the_cost_for_four_times_the_questions_is_quadratic():
    assert exponent(1.0, 16.0, 4.0) == 2
    assert rounded(1234.5) == "1,234"


def test_the_table_has_one_line_per_figure():
    lines = table({"grouping": Result([Figure("a", 1.0, "s"), Figure("b", 2.0, "s", at_most=1)], {})}).splitlines()
    assert len(lines) == 4
    assert len(set(map(len, lines))) == 1
    assert "MISSED" in lines[3]


def outcome(before, during):
    return Outcome(Result([Figure("a", 1.0, "s", at_most=2)], {"x": 1}), 2.0, before, during)


@pytest.mark.parametrize(
    ("before", "during", "busy"), [(0.0, 0.3, False), (0.31, 0.0, True), (0.0, 0.31, True), (None, None, False)]
)
def test_on_a_busy_machine_nothing_is_reached(before, during, busy):
    text = to_text({"scoring": outcome(before, during)}, 1e11)
    assert text.startswith("BUSY") == busy
    assert ("reached" in text) != busy
    assert to_json({"scoring": outcome(before, during)}, 1e11)["busy"] == busy


def test_one_busy_benchmark_makes_the_whole_table_busy():
    assert "reached" not in to_text({"scoring": outcome(0, 0), "torch": outcome(0, 1.2)}, 1e11)


def test_the_load_of_others_leaves_out_this_program():
    # 10 s on the clock: all cores were busy for 12 s, of which 9 are this program's.
    assert load_of_others(Times(5, 100, 1), Times(15, 112, 10)) == pytest.approx(0.3)
    assert load_of_others(Times(0, 0, 0), Times(1, 1, 1.5)) == 0
    assert load_of_others(Times(0, None, 0), Times(1, None, 1)) is None
    # A tick of the clock in a hundredth of that time is not a core kept busy.
    assert load_of_others(Times(0, 0, 0), Times(0.0001, 0.01, 0)) is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system does not tell its load in /proc")
def test_the_work_of_this_program_and_its_children_is_not_load():
    start = now()
    subprocess.run([sys.executable, "-c", "sum(range(10**7))"], check=True)
    assert start.everybody is not None
    assert now().own - start.own > 0.05


def test_the_file_says_on_what_machine_when_and_how():
    content = to_json({"scoring": outcome(0.1, 0.2)}, 1e11)
    assert set(content) == {"machine", "date", "command", "busy", "benchmarks"}
    assert {"processor", "cores", "packages", "variables"} <= set(machine())
    assert content["machine"]["matrix_flops_per_second"] == 1e11
    assert set(content["benchmarks"]["scoring"]) == {"figures", "seconds", "load_before", "load_during", "details"}


def test_the_limit_is_a_fraction_of_the_matrix_speed():
    # 6 GFLOP in steps of 2 s: 3 GFLOP/s, of 12.
    timings = {name: Timing([2.0], {"questions": 1, "flops": 6e9}, 0) for name in ("ours", "theirs")}
    figure = speed("training", timings, "ours", "theirs")
    assert figure.flops_per_second == 3e9
    assert figure.cells(12e9)[-1] == "0.25 of 12 GFLOP/s"
    assert figure.cells()[-1] == ""


def test_an_unknown_benchmark_is_named():
    with pytest.raises(ConfigError, match="did you mean 'growth'"):
        run("grwth")
    assert set(BENCHMARKS) == {
        "grouping", "torch", "threads", "loader", "scoring", "easy-vqa", "memory", "inference", "export", "growth",
        "parts",
    }  # fmt: skip


def test_other_libraries_do_not_inherit_what_is_set_for_mxnet():
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    program = (
        "import os, vqa.benchmark.suite, vqa.benchmark.grouping; from vqa.benchmark.worker import ENVIRONMENT; "
        "print('OMP_WAIT_POLICY' in os.environ, 'OMP_WAIT_POLICY' in ENVIRONMENT)"
    )
    done = subprocess.run([sys.executable, "-c", program], env=clean, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True" if sys.platform.startswith("linux") else "False", "False"]
