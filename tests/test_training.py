import dataclasses
import threading
import time

import numpy as np
import pytest
import torch

from dmm_core.config.schema import ModelConfig, TrainConfig, parse_config
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.spec import DataSpec
from dmm_core.errors import ConfigError, RunError
from dmm_core.system.device import choose_device
from dmm_core.training.building import build_model
from dmm_core.training.checkpoint import load_checkpoint, save_checkpoint
from dmm_core.training.events import EpochEnd, Finished
from dmm_core.training.loop import Training, fit
from dmm_core.training.train_step import penalised

MODEL = ModelConfig(z_dim=3, emission_hidden=5, transition_hidden=6, rnn_size=7, rnn_dropout=0.2)


def splits(seed=0, count=11, x_dim=4):
    rng = np.random.default_rng(seed)

    def draw(n):
        lengths = rng.integers(2, 12, n)
        x = tuple((rng.random((t, x_dim)) < 0.3).astype(np.uint8) for t in lengths)
        return Sequences(x, tuple(f"sequence {i}" for i in range(n)))

    return Splits("noise", "binary", draw(count), draw(4), draw(4))


def training(data=None, **changes):
    settings = dict(epochs=4, batch_size=3, lr=1e-2, anneal_updates=6, eval_every=2)
    data = data or splits()
    model = build_model(MODEL, data.spec, seed=0)
    return Training(model, data, TrainConfig(**(settings | changes)))


def metrics(events):
    return [
        dataclasses.asdict(dataclasses.replace(e, seconds=0.0))
        for e in events
        if isinstance(e, EpochEnd)
    ]


def weights(run):
    return {name: t.clone() for name, t in run.model.state_dict().items()}


def test_the_stream_ends_every_epoch_and_then_finishes():
    *epochs, last = [e for e in training().events() if isinstance(e, (EpochEnd, Finished))]
    assert [e.epoch for e in epochs] == [1, 2, 3, 4]
    assert [e.update for e in epochs] == [4, 8, 12, 16]
    assert [e.valid_bound is not None for e in epochs] == [False, True, False, True]
    assert last.best_valid_bound == min(e.valid_bound for e in epochs if e.valid_bound)
    for e in epochs:
        assert e.train_bound == pytest.approx(e.train_nll + e.train_kl)
        assert e.annealed_bound <= e.train_bound + 1e-6


def test_training_lowers_the_bound():
    rolls = tuple(np.tile(np.uint8([1, 0, 0, 1]), (12, 1)) for _ in range(20))
    same = Sequences(rolls, tuple("x" * 20))
    run = training(Splits("constant", "binary", same, same, same), epochs=20, eval_every=20)
    ends = metrics(run.events())
    assert ends[0]["train_bound"] > 2 and ends[-1]["train_bound"] < 0.5


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
@pytest.mark.parametrize("cut", range(1, 16, 3))
def test_a_restored_training_goes_on_to_the_last_bit(tmp_path, optimizer, cut):
    settings = dict(optimizer=optimizer, weight_average=0.9, lr_decay="cosine", l2=1e-3)
    whole = training(**settings)
    expected = metrics(whole.events())

    first = training(**settings)
    updates = first._step

    class Cut(Exception):
        pass

    def step(batch):
        if first.update == cut:
            raise Cut
        updates(batch)

    first._step = step
    before = []
    with pytest.raises(Cut):
        before.extend(e for e in first.events())
    save_checkpoint(tmp_path, first.state())

    second = training(**settings)
    second.load_state(load_checkpoint(tmp_path).checkpoint)
    after = metrics(second.events())
    assert metrics(before) + after == expected
    for name, tensor in weights(whole).items():
        assert torch.equal(tensor, second.model.state_dict()[name]), name


def test_the_same_seed_is_the_same_training_and_another_is_not():
    assert metrics(training().events()) == metrics(training().events())
    assert metrics(training(seed=1).events()) != metrics(training().events())


def test_training_leaves_torchs_own_randomness_alone():
    before = torch.get_rng_state()
    list(training().events())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_an_update_that_is_not_finite_is_never_applied_and_ends_the_run(optimizer):
    run = training(optimizer=optimizer, epochs=40)
    at = {}
    updates = run._step

    def step(batch):
        if run.update == 7:
            at.update(weights(run))
            batch = batch._replace(x=batch.x * torch.nan)
            updates(batch)
            assert all(torch.equal(t, run.model.state_dict()[n]) for n, t in at.items())
        else:
            updates(batch)

    run._step = step
    with pytest.raises(RunError, match="no longer finite"):
        list(run.events())
    assert run.update <= 7 + 50
    assert all(torch.isfinite(t).all() for t in run.model.state_dict().values())


def test_an_absurd_learning_rate_stops_with_its_reason():
    run = training(lr=1.0, clip_norm=1e6, epochs=400, optimizer="rmsprop", patience=0)
    run._lr = lambda update: 1e30
    with pytest.raises(RunError, match="smaller learning rate"):
        list(run.events())


def test_patience_ends_the_run():
    run = training(epochs=500, eval_every=1, patience=3, lr=0.5)
    *_, last = run.events()
    assert isinstance(last, Finished) and "did not improve for 3 validations" in last.reason
    assert run.epoch < 500


def test_weight_averaging_is_what_is_validated_and_kept():
    run = training(weight_average=0.99, epochs=4)
    *_, last = run.events()
    state = run.state()
    assert last.best_epoch in (2, 4)
    name = "emission.logits.weight"
    assert not torch.equal(state.tensors["best"][name], state.tensors["model"][name])
    if last.best_epoch == 4:
        assert torch.equal(state.tensors["best"][name], state.tensors["average"][name])


def test_annealing_starts_low_and_ends_at_one():
    ends = metrics(training(epochs=3, anneal_updates=8).events())
    assert [e["kl_weight"] for e in ends] == pytest.approx([0.51, 1.0, 1.0])


def test_penalties_act_on_the_named_parameters_only():
    shrunk = training(l1=10.0, penalty_pattern="^emission.", epochs=10)
    free = training(epochs=10)
    list(shrunk.events()), list(free.events())
    size = {
        key: [r.model.state_dict()[key].abs().sum() for r in (shrunk, free)]
        for key in ("emission.logits.weight", "transition.linear.weight")
    }
    assert size["emission.logits.weight"][0] < 0.5 * size["emission.logits.weight"][1]
    assert size["transition.linear.weight"][0] > 0.8 * size["transition.linear.weight"][1]


NAMES = ("emission.read.weight", "emission.bias.bias", "transition.gate.0.weight", "initial.loc")


@pytest.mark.parametrize(
    ("parts", "chosen"),
    [
        ("*", NAMES),
        (".*", NAMES),
        ("weight", (NAMES[0], NAMES[2])),
        ("^emission\\.", NAMES[:2]),
        ("^emission.*weight$", NAMES[:1]),
        ("loc$ gate", NAMES[2:]),
        ("loc|gate", NAMES[2:]),
        ("* !emission.read", NAMES[1:]),
        ("^(?!emission.(read|write))", NAMES[1:]),
        ("*.0.*", (NAMES[2],)),
        ("EMISSION", ()),
    ],
)
def test_a_pattern_names_parts_of_names(parts, chosen):
    pattern = TrainConfig(penalty_pattern=parts).penalty_pattern
    assert TrainConfig(penalty_pattern=pattern).penalty_pattern == pattern
    named = {name: torch.nn.Parameter(torch.zeros(1)) for name in NAMES}
    assert [id(p) for p in penalised(named, pattern)] == [id(named[name]) for name in chosen]


@pytest.mark.parametrize("pattern", ["(.*)*Q", "(a+)+$", "[", "", "  ", "a{2}", "\\d", "é"])
def test_a_regular_expression_is_refused(pattern):
    with pytest.raises(ConfigError, match="should be parts of parameter names"):
        parse_config({"train": {"penalty_pattern": pattern}})


def test_the_longest_pattern_is_matched_at_once():
    pattern = TrainConfig(penalty_pattern="*a" * 99 + "*Q").penalty_pattern
    named = {"a" * 100 + str(i): torch.nn.Parameter(torch.zeros(1)) for i in range(100)}
    began = time.perf_counter()
    assert penalised(named, pattern) == []
    assert time.perf_counter() - began < 1.0


def test_a_device_that_is_not_there_is_refused():
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="this machine offers only cpu"):
            choose_device("cuda")


def test_a_checkpoint_of_another_model_is_refused():
    other = build_model(MODEL.model_copy(update={"z_dim": 2}), DataSpec("binary", 4), seed=0)
    state = Training(other, splits(), TrainConfig(epochs=1)).state()
    with pytest.raises(RunError, match="another model"):
        training().load_state(state)


def test_fit_is_a_training_from_the_start():
    model = build_model(MODEL, DataSpec("binary", 4), seed=0)
    config = TrainConfig(epochs=4, batch_size=3, lr=1e-2, anneal_updates=6, eval_every=2)
    assert metrics(fit(model, splits(), config)) == metrics(training().events())


def test_a_training_that_cannot_fit_is_refused_before_it_begins(monkeypatch):
    wide = MODEL.model_copy(update={"rnn_size": 64})
    data = splits()
    model = build_model(wide, DataSpec("binary", 4), seed=0)
    monkeypatch.setattr("dmm_core.system.device.free_memory", lambda: 200_000)
    with pytest.raises(ConfigError, match=r"needs about 0\.\d GB .* smaller train\.batch_size"):
        Training(model, data, TrainConfig(batch_size=10, device="cpu"))


@pytest.mark.parametrize(
    "changes",
    [
        dict(objective="iwae", samples=3),
        dict(samples=2),
        dict(free_bits=0.5),
    ],
)
def test_every_objective_lowers_the_bound(changes):
    run = training(epochs=12, **changes)
    ends = [e for e in run.events() if isinstance(e, EpochEnd)]
    assert ends[-1].train_bound < ends[1].train_bound
    assert ends[-1].train_bound == pytest.approx(ends[-1].train_nll + ends[-1].train_kl)
    if "objective" in changes:  # tighter than the bound of the mean path
        assert ends[-1].annealed_bound < ends[-1].train_bound
    if "free_bits" in changes:
        assert ends[-1].annealed_bound >= ends[-1].train_nll + 0.5


def test_single_numbers_are_told_after_every_epoch():
    rng = np.random.default_rng(0)

    def draw(n):
        x = tuple(rng.standard_normal((6, 2)).astype(np.float32) for _ in range(n))
        return Sequences(x, ("",) * n)

    config = ModelConfig(z_dim=2, emission="gaussian", system="nonlinear-gssm", rnn_size=5)
    data = Splits("noise", "real", draw(6), draw(2), draw(2))
    model = build_model(config, DataSpec("real", 2), seed=0)
    ends = [e for e in fit(model, data, TrainConfig(epochs=3, lr=1e-2)) if isinstance(e, EpochEnd)]
    names = {"transition.step.alpha", "transition.step.beta"}
    assert all(e.scalars.keys() == names for e in ends)
    assert ends[-1].scalars["transition.step.alpha"] == model.transition.step.alpha.item()
    assert len({e.scalars["transition.step.alpha"] for e in ends}) == 3


def test_a_training_keeps_its_own_number_of_threads(monkeypatch):
    """Another thread sets its number between this one's setting and its first product."""
    set_threads, found = torch.set_num_threads, []

    def raced(count):
        set_threads(count)
        other = threading.Thread(target=set_threads, args=(1,))
        other.start()
        other.join()

    def train():
        next(run.events())
        found.append(torch.get_num_threads())

    monkeypatch.setattr(torch, "set_num_threads", raced)
    run = training(threads=2)
    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert found == [2]


@pytest.mark.parametrize(
    ("epochs", "every"), [(1, 1), (7, 1), (20, 1), (39, 1), (60, 3), (200, 10), (1200, 10)]
)
def test_there_are_enough_validations_for_a_curve(epochs, every):
    assert TrainConfig(epochs=epochs).validation_epochs == every
    assert min(epochs, 20) <= len(range(every, epochs + 1, every))


def test_an_explicit_number_of_epochs_between_validations_is_kept():
    events = training(epochs=7, eval_every=3).events()
    measured = [e.epoch for e in events if isinstance(e, EpochEnd) and e.valid_bound is not None]
    assert measured == [3, 6, 7]
    events = training(epochs=7, eval_every=0).events()
    assert all(e.valid_bound is not None for e in events if isinstance(e, EpochEnd))
