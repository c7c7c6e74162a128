"""Figures, ratios and the table, by hand-worked values."""

import json
import math
import os
import subprocess
import sys

import pytest

from vqa.benchmark.figures import Figure, Result, machine, rounded, speed, table
from vqa.benchmark.growth import exponent
from vqa.benchmark.suite import BENCHMARKS, run, to_json
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


def test_the_table_has_a_line_a_figure():
    lines = table({"grouping": Result([Figure("a", 1.0, "s"), Figure("b", 2.0, "s", at_most=1)], {})}).splitlines()
    assert len(lines) == 4
    assert len(set(map(len, lines))) == 1
    assert "MISSED" in lines[3]


def test_the_file_says_on_what_machine_when_and_how():
    content = to_json({"scoring": Result([Figure("a", 1.0, "s")], {"x": 1})}, {"scoring": 2.0})
    assert set(content) == {"machine", "date", "command", "benchmarks"}
    assert {"processor", "cores", "packages", "variables"} <= set(machine())
    assert set(content["benchmarks"]["scoring"]) == {"figures", "seconds", "details"}


def test_an_unknown_benchmark_is_named():
    with pytest.raises(ConfigError, match="did you mean 'growth'"):
        run("grwth")
    assert set(BENCHMARKS) == {
        "grouping", "torch", "threads", "loader", "scoring", "easy-vqa", "memory", "inference", "export", "growth",
    }  # fmt: skip


def test_other_libraries_do_not_inherit_what_is_set_for_mxnet():
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    program = (
        "import os, vqa.benchmark.suite, vqa.benchmark.grouping; from vqa.benchmark.worker import ENVIRONMENT; "
        "print('OMP_WAIT_POLICY' in os.environ, 'OMP_WAIT_POLICY' in ENVIRONMENT)"
    )
    done = subprocess.run([sys.executable, "-c", program], env=clean, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True" if sys.platform.startswith("linux") else "False", "False"]
