import logging

import numpy as np
import pytest
import torch
from models import noise_for, random_batch, small_model
from test_training import MODEL, metrics, splits, training, weights

from dmm_core.config.schema import TrainConfig, parse_config
from dmm_core.data.batching import ResidentSequences
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.spec import DataSpec
from dmm_core.errors import ConfigError
from dmm_core.inference.objective import bound_of, importance_bound
from dmm_core.training.building import build_model
from dmm_core.training.graphs import GraphedUpdate, filled
from dmm_core.training.loop import Training

SETTINGS = dict(weight_average=0.9, lr_decay="cosine", l2=1e-3, device="auto")


def alike(lengths, seed=0):
    """Train sequences of these lengths."""
    rng = np.random.default_rng(seed)
    x = tuple((rng.random((t, 4)) < 0.3).astype(np.uint8) for t in lengths)
    train = Sequences(x, ("",) * len(x))
    return Splits("noise", "binary", train, splits().valid, splits().test)


def filling(data, *, record, **changes):
    """A training whose updates are filled, and recorded or not."""
    run = training(data, **(SETTINGS | changes))
    rows = min(run.config.batch_size, len(data.train))
    run._graphed = GraphedUpdate(run._do, run._train, rows, record=record, tell=pytest.fail)
    return run


def test_lengths_are_filled_up_to_few_and_by_little():
    lengths = range(1, 5000)
    for steps in lengths:
        assert steps <= filled(steps) <= 1.125 * steps
    assert [filled(steps) for steps in range(1, 18)] == [*range(1, 17), 18]
    assert len({filled(steps) for steps in range(1024, 2049)}) == 9


def test_updates_from_fixed_tensors_are_plain_updates():
    """Batches that are full already have the plain noise."""
    data = alike([8] * 12)
    plain, fixed = training(data, **SETTINGS), filling(data, record=False)
    expected, found = metrics(plain.events()), metrics(fixed.events())
    assert found[-1]["valid_bound"] == pytest.approx(expected[-1]["valid_bound"], rel=1e-5)
    for name, tensor in weights(plain).items():
        torch.testing.assert_close(fixed.model.state_dict()[name], tensor, rtol=1e-4, atol=1e-6)


MODELS = [
    dict(),
    dict(inference="ST-LR", rnn="rnn-relu"),
    dict(inference="MF-LR", rnn="gru"),
    dict(emission="nade", x_to_z=True, x_to_x=True),
    dict(combiner="prior", learn_initial=True),
    dict(flows=1),
    dict(u_dim=2, missing=True),
]


@pytest.mark.parametrize("changes", MODELS)
def test_empty_sequences_and_more_padding_change_nothing(changes):
    data = {key: changes[key] for key in ("u_dim", "missing") if key in changes}
    model = small_model(**changes).train()
    lengths = [5, 3, 6]
    drawn = random_batch(lengths, **data)

    def ragged(padded, dtype):
        return tuple(a[:t].numpy().astype(dtype) for a, t in zip(padded, lengths, strict=True))

    sequences = Sequences(
        ragged(drawn.x, np.uint8),
        ("",) * 3,
        None if drawn.u is None else ragged(drawn.u, np.float32),
        None if drawn.observed is None else ragged(drawn.observed, np.uint8),
    )
    resident = ResidentSequences(sequences, "cpu", torch.float64)
    batch = resident.everything()
    places = torch.zeros(2, 5, dtype=torch.int64)
    places[:, :3] = resident.places(np.arange(3))
    full = resident.gather(places, 8)
    assert all(
        torch.equal(part[:3, :6], whole) and not part[3:].any() and not part[:, 6:].any()
        for part, whole in zip(full[:2], batch[:2], strict=True)
    )
    noise = noise_for(full, draws=(2,))
    found = []
    for some, part in ((batch, noise[:, :3, :6]), (full, noise)):
        path = model.posterior(some, part)
        bound = bound_of(model, some, path)
        loss = bound.nll.sum() + (bound.kl.clamp_min(0.1) * some.mask).sum()
        loss = (loss + importance_bound(model, some, path, 0.5).sum()) / some.mask.sum()
        used = [p for p in model.parameters() if p.requires_grad]
        gradients = torch.autograd.grad(loss, used)
        found.append(torch.cat([loss.detach()[None], *(g.flatten() for g in gradients)]))
    torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=1e-12)


def test_a_filled_training_lowers_the_bound_and_counts_its_own_frames_alone():
    data = alike([3, 17, 9, 20, 5, 5, 18], seed=1)
    run = filling(data, record=False, epochs=12)
    frames = []
    run._raise_if_skipped = lambda: frames.append(run._do.sums[3].item())
    ends = metrics(run.events())
    assert ends[-1]["train_bound"] < ends[0]["train_bound"]
    assert max(frames) == 77


def test_without_cuda_updates_are_plain_and_one_sentence_says_so(caplog):
    expected = metrics(training(device="cpu").events())
    with caplog.at_level(logging.WARNING):
        run = training(graphs=True, device="cpu")
        assert metrics(run.events()) == expected
    assert [r.getMessage() for r in caplog.records] == [
        "CUDA graphs need a CUDA GPU; these updates run without graphs."
    ]


def test_rmsprop_has_no_graphs():
    with pytest.raises(ConfigError, match="graphs is on with optimizer rmsprop"):
        parse_config({"train": {"graphs": True, "optimizer": "rmsprop"}})


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU")


@needs_gpu
@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_recorded_updates_are_plain_ones(precision):
    data = alike([3, 17, 9, 20, 5, 5, 18, 17, 3], seed=1)
    settings = dict(epochs=6, precision=precision)
    plain, recorded = (filling(data, record=r, **settings) for r in (False, True))
    expected, found = metrics(plain.events()), metrics(recorded.events())
    assert recorded._graphed._graphs
    for one, other in zip(found, expected, strict=True):
        assert one["train_bound"] == pytest.approx(other["train_bound"], rel=1e-3)
    one, other = (torch.cat([t.flatten() for t in weights(r).values()]) for r in (plain, recorded))
    assert (one - other).norm() < 0.01 * one.norm()


@needs_gpu
def test_a_training_with_graphs_resumes(tmp_path):
    model = build_model(MODEL, DataSpec("binary", 4), seed=0)
    config = TrainConfig(epochs=6, batch_size=3, graphs=True, eval_every=3)
    run = Training(model, alike([8] * 12), config)
    events = run.events()
    while run.epoch < 3:
        next(events)
    state = run.state()
    state = type(state)(
        {g: {n: t.clone() for n, t in ts.items()} for g, ts in state.tensors.items()},
        dict(state.scalars),
    )
    whole = metrics(events)
    run.load_state(state)
    again = metrics(run.events())
    assert again[-1]["valid_bound"] == pytest.approx(whole[-1]["valid_bound"], rel=1e-3)
