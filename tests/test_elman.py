import pytest
import torch
from torch import nn

from dmm_core.nn.elman import elman


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_it_is_torchs_rnn_with_every_gradient(nonlinearity, layers, steps):
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        rnn = nn.RNN(3, 5, layers, nonlinearity=nonlinearity).double()
    inputs = torch.randn(steps, 4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    aim = torch.randn(steps, 4, 5, generator=generator, dtype=torch.float64)
    found = {}
    for name, states in (("torch", rnn(inputs)[0]), ("ours", elman(rnn, inputs))):
        grads = torch.autograd.grad((states * aim).sum(), [inputs, *rnn.parameters()])
        found[name] = [states, *grads]
    for theirs, ours in zip(found["torch"], found["ours"], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
