"""The recurrent layers against Gluon's own, to the bit."""

import numpy as np
import pytest

from vqa._mxnet import mx
from vqa.nn import recurrent


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
@pytest.mark.parametrize("hybridized", [False, True])
def test_results_and_gradients_are_gluons(name, hybridized):
    inputs = mx.nd.random.normal(shape=(5, 3, 7))
    found = []
    for module in (recurrent, mx.gluon.rnn):
        layer = getattr(module, name)(4, layout="TNC", input_size=7)
        mx.random.seed(3)
        layer.initialize(mx.init.Uniform(0.5))
        if hybridized:
            layer.hybridize()
        with mx.autograd.record():
            states = layer(inputs)
        states.backward(mx.nd.ones_like(states))
        parameters = layer._collect_params_with_prefix()
        found.append([states.asnumpy(), *(parameters[key].grad().asnumpy() for key in sorted(parameters))])
    ours, gluons = found
    assert len(ours) == len(gluons) == 5
    for mine, other in zip(ours, gluons):
        assert np.abs(other).max() > 0
        np.testing.assert_array_equal(mine, other)
