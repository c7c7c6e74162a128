"""A list of findings is a list, and a table in a notebook."""

from __future__ import annotations

from vqa._mxnet import mx
from vqa.doctor import Finding, Findings, examine


def test_a_healthy_network_gives_an_empty_list_that_says_so():
    net = mx.gluon.nn.Dense(3)
    net.initialize()
    findings = examine(net, mx.nd.random.normal(shape=(4, 5)))
    assert isinstance(findings, list)
    assert findings == []
    assert "nothing found" in findings._repr_html_()


def test_a_notebook_shows_one_row_per_finding_and_escapes_the_text():
    findings = Findings([Finding("batch-size", "error", "1 < 2"), Finding("not-logits", "warning", "softmax")])
    shown = findings._repr_html_()
    assert shown.count("<tr>") == 3
    assert "1 &lt; 2" in shown
    assert "1 < 2" not in shown
