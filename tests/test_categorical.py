"""The categorical emission against enumeration, and with four voices."""

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from dmm_core.config.schema import ModelConfig, TrainConfig, parse_config
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.spec import DataSpec
from dmm_core.errors import ConfigError, DataError
from dmm_core.inference.evaluation import evaluate
from dmm_core.inference.infilling import infill
from dmm_core.inference.sampling import continuation, sample
from dmm_core.inference.seeded_sampling import batch_of
from dmm_core.inference.smc import smc_nll
from dmm_core.music.symbols import SLOTS, SYMBOLS, decode_symbols, encode_symbols, pitch_of_symbol
from dmm_core.music.voices import REST
from dmm_core.nn.categorical import CategoricalFrame, PlainSlots
from dmm_core.nn.emission import CategoricalEmission
from dmm_core.nn.intervals import VoiceSlots
from dmm_core.training.building import build_model
from dmm_core.training.events import EpochEnd
from dmm_core.training.loop import Training, fit
from tests.test_voices import voiced

SLOTS_OF_TINY, CATEGORIES = 3, 3
EVERY = torch.tensor(list(itertools.product(range(CATEGORIES), repeat=SLOTS_OF_TINY))).double()


def random_weights(module, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        parameter.data.normal_(0.0, scale, generator=generator)
    return module.double()


@pytest.fixture
def tiny():
    """A distribution of frames of three slots with three symbols, for two states."""
    slots = random_weights(PlainSlots(slots=SLOTS_OF_TINY, categories=CATEGORIES, units=5))
    start = torch.randn(2, 5, generator=torch.Generator().manual_seed(1)).double()
    return CategoricalFrame(start, slots)


def test_the_probabilities_of_all_frames_sum_to_one(tiny):
    log_p = torch.stack([tiny.log_prob(x.expand(2, -1)).sum(-1) for x in EVERY])
    assert torch.allclose(log_p.exp().sum(0), torch.ones(2).double(), atol=1e-12)
    # A slot does not depend on the slots after it.
    terms = torch.stack([tiny.log_prob(x.expand(2, -1)) for x in EVERY])
    for i in range(SLOTS_OF_TINY):
        for prefix in itertools.product(range(CATEGORIES), repeat=i + 1):
            same = (EVERY[:, : i + 1] == torch.tensor(prefix)).all(1)
            assert (terms[same, :, i] - terms[same, :, i][0]).abs().max() < 1e-12


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_draws_have_the_distribution(tiny, temperature):
    count = 20_000
    one = CategoricalFrame(tiny.start[:1].expand(count, -1), tiny.slots)
    drawn = one.draw(one.noise(torch.Generator().manual_seed(0)), temperature)
    # Each conditional is sharpened by itself.
    expected = torch.ones(len(EVERY)).double()
    flat = CategoricalFrame(tiny.start[:1].expand(len(EVERY), -1), tiny.slots)
    for i in range(SLOTS_OF_TINY):
        scored = flat.slots(flat.start, EVERY.long(), None, slice(i, i + 1))[:, 0]
        p = (scored / temperature).softmax(-1)
        expected = expected * p.gather(-1, EVERY[:, i, None].long())[:, 0]
    index = (drawn.x * torch.tensor([9.0, 3.0, 1.0])).sum(-1).long()
    observed = torch.bincount(index, minlength=len(EVERY))
    assert chisquare(observed.numpy(), (count * expected).detach().numpy()).pvalue > 1e-3
    assert torch.allclose(drawn.mean.log(), one.log_prob(drawn.x))


def test_temperature_zero_takes_the_most_likely_symbol(tiny):
    drawn = tiny.draw(tiny.noise(torch.Generator().manual_seed(0)), 0.0)
    for i in range(SLOTS_OF_TINY):
        for symbol in range(CATEGORIES):
            other = drawn.x.clone()
            other[:, i] = symbol
            assert (tiny.log_prob(other)[:, i] <= tiny.log_prob(drawn.x)[:, i] + 1e-12).all()


def test_values_that_are_no_symbols_are_refused():
    spec = DataSpec("categorical", 3, categories=4)
    model = build_model(ModelConfig(z_dim=2, emission="categorical", rnn_size=8), spec, seed=0)
    x = np.array([[0, 1, 4], [0, 1, 2]], dtype=np.float32)
    with pytest.raises(DataError, match="holds 4"):
        evaluate(model, Sequences((x,), ("made",)), samples=2, seed=0)


def walk(rng, frames):
    """Three slots that step around a circle of four symbols, the last in step with the first."""
    first = rng.integers(0, 2, frames).cumsum() % 4
    return np.stack([first, rng.integers(0, 4, frames), (first + 1) % 4], axis=1)


@pytest.mark.parametrize("aug", [False, True])
def test_any_discrete_sequence_can_be_learned(aug):
    rng = np.random.default_rng(0)
    x = tuple(walk(rng, 30).astype(np.float32) for _ in range(20))
    data = Sequences(x, tuple(f"walk {i}" for i in range(20)))
    splits = Splits("walks", "categorical", data, data, data, categories=4)
    config = ModelConfig(
        z_dim=8,
        emission="categorical",
        emission_hidden=32,
        nade_hidden=32,
        transition="bounded",
        transition_hidden=32,
        rnn_size=16,
        rnn_dropout=0,
        x_to_z=aug,
        x_to_x=aug,
    )
    model = build_model(config, splits.spec, seed=0)
    train = TrainConfig(epochs=60 if aug else 20, batch_size=10, lr=0.01, anneal_updates=0)
    bounds = [e.train_bound for e in fit(model, splits, train) if isinstance(e, EpochEnd)]
    independent = 3 * np.log(4)
    assert bounds[-1] < bounds[0] and bounds[-1] < independent - 1
    if aug:  # the first slot has two successors, the second is free, the third is known
        assert bounds[-1] < np.log(2) + np.log(4) + 0.25
    found = evaluate(model, data, samples=20, seed=0)
    assert found.importance_nll < found.bound_per_step + 0.01
    assert smc_nll(model, data, particles=20, seed=0, replicates=2).nll < found.bound_per_step + 0.1
    drawn = sample(model, count=10, frames=30, seed=0)
    assert ((drawn.x >= 0) & (drawn.x < 4) & (drawn.x == drawn.x.round())).all()
    assert ((drawn.mean > 0) & (drawn.mean <= 1)).all()
    assert continuation(model, x[0], count=2, frames=5, seed=0).x.shape == (2, 5, 3)
    filled = infill(model, x[0], first=3, after=6, count=2, seed=0, particles=30).x
    assert np.array_equal(filled[:, :3], np.stack([x[0][:3]] * 2))


VOICES = DataSpec("categorical", SLOTS, "made", categories=SYMBOLS)
BY_INTERVALS = ModelConfig(
    z_dim=4,
    emission="categorical",
    intervals=True,
    x_to_x=True,
    x_to_z=True,
    emission_hidden=16,
    nade_hidden=16,
    transition="bounded",
    transition_hidden=16,
    rnn_size=16,
    combiner="prior",
    emission_dropout=0.2,
)


@pytest.fixture
def voices():
    """A distribution of beats by intervals, given 50 random beats before."""
    slots = random_weights(VoiceSlots(units=7), 0.3)
    generator = torch.Generator().manual_seed(2)
    before = torch.randint(0, SYMBOLS, (50, SLOTS), generator=generator)
    return CategoricalFrame(torch.randn(50, 7, generator=generator).double(), slots, before)


def test_intervals_give_a_distribution(voices):
    noise = voices.noise(torch.Generator().manual_seed(0))
    drawn = voices.draw(noise, 1.0)
    assert torch.allclose(drawn.mean.log(), voices.log_prob(drawn.x))
    start, before, x = voices.start, voices.before, drawn.x.long()
    scores = voices.slots(start, x, before, slice(None))
    assert torch.allclose(scores.logsumexp(-1), torch.zeros(50, SLOTS).double(), atol=1e-12)
    # One slot after another gives the same as all at once.
    single = [voices.slots(start, x, before, slice(i, i + 1)) for i in range(SLOTS)]
    assert torch.allclose(torch.cat(single, dim=1), scores, atol=1e-10)
    # What comes later in the frame does not matter.
    other = x.clone()
    other[:, 8:] = torch.randint(0, SYMBOLS, (50, 8), generator=torch.Generator().manual_seed(3))
    changed = voices.slots(start, other, before, slice(None))
    assert torch.equal(changed[:, :9], scores[:, :9])


def test_only_a_sounding_pitch_is_continued(voices):
    drawn = voices.draw(voices.noise(torch.Generator().manual_seed(0)), 3.0).x.long().numpy()
    table = pitch_of_symbol()
    slot = np.arange(SLOTS)
    pitch, before = table[slot, drawn], table[slot, voices.before.numpy()]
    last = np.roll(pitch, 1, axis=1)
    last[:, ::4] = before[:, 3::4]
    held = drawn > SYMBOLS // 2
    assert held.any() and (pitch[held] == last[held]).all() and (last[held] != REST).all()


def test_a_transposed_past_gives_transposed_scores():
    """Without the weights of pitches, only intervals count."""
    slots = random_weights(VoiceSlots(units=7), 0.3)
    slots.read.data.zero_()
    slots.write.data[:, :, 2:31] = 0
    slots.offset.data[:, 2:31] = 0
    generator = torch.Generator().manual_seed(1)
    before, x = torch.randint(5, 20, (2, 6, SLOTS), generator=generator)
    hidden = torch.randn(6, SLOTS, 7, generator=generator).double()
    low = slots.scores(hidden, x, before, slice(None))
    high = slots.scores(hidden, x + 3, before + 3, slice(None))
    # The narrowest voice has 22 pitches; those above its range are impossible.
    assert torch.allclose(high[..., 4:23], low[..., 1:20])
    assert (high[:, 12:, 23:30] == -1e9).all()
    assert torch.allclose(high[..., 0], low[..., 0])


@pytest.mark.parametrize("table", ["motion", "beat_motion"])
def test_parallels_can_be_forbidden_by_one_number(table):
    """It reaches exactly the rising parallel fifths between soprano and bass."""
    slots = VoiceSlots(units=3).double()
    for parameter in slots.parameters():
        parameter.data.zero_()
    soprano, bass = 0, 1  # by the order of slots
    others = {u: i for i, u in enumerate(v for v in range(4) if v != bass)}
    # The bass was a fifth below the soprano, which has risen; and is so again, and rises.
    row = ((bass * 3 + others[soprano]) * 3 + 2) * 13 + 5
    getattr(slots, table).data[row, 13 + 5] = -50.0

    def least(before, after):
        """The lowest log-probability of the bass's first sixteenth, and of all other slots."""
        past, x = (torch.as_tensor(encode_symbols(voiced(*lines))) for lines in (before, after))
        frame = CategoricalFrame(torch.zeros(1, 3).double(), slots, past.long())
        terms = frame.log_prob(x.double())[0].detach()
        return float(terms[4]), float(terms[torch.arange(SLOTS) != 4].min())

    fifths = ("67:4", "-:4", "-:4", "60:4")
    bad, rest = least(fifths, ("69:4", "-:4", "-:4", "62:4"))
    assert bad < -50 and rest > -5
    for after in (
        ("69:4", "-:4", "-:4", "64:4"),  # another interval
        ("69:4", "-:4", "-:4", "60:4"),  # the bass stays
        ("67:4", "-:4", "-:4", "60:4"),  # both stay
        ("65:4", "-:4", "-:4", "58:4"),  # both fall
    ):
        assert min(least(fifths, after)) > -5
    # The soprano moves within the beat: only from beat to beat are these fifths parallel.
    between = ("67:2 65:2", "-:4", "-:4", "60:4")
    found, _ = least(between, ("69:4", "-:4", "-:4", "62:4"))
    assert (found < -50) == (table == "beat_motion")


def test_a_temperature_keeps_the_rhythm(voices):
    log_p = voices.slots(voices.start, torch.zeros(50, SLOTS).long(), voices.before, slice(0, 1))
    log_p = log_p[:, 0].detach()
    onset, width = slice(1, 30), 29

    def kinds(logits):
        p = logits.softmax(-1)
        return torch.stack([p[:, 0], p[:, onset].sum(-1), p[:, 1 + width :].sum(-1)])

    assert torch.allclose(voices.slots.tempered(log_p, 1.0), log_p, atol=1e-9)
    for temperature in (0.0, 0.5, 2.0):
        tempered = voices.slots.tempered(log_p, temperature)
        assert torch.allclose(kinds(tempered), kinds(log_p), atol=1e-9)
        within = tempered[:, onset].softmax(-1)
        if temperature:
            assert torch.allclose(within, (log_p[:, onset] / temperature).softmax(-1))
        else:
            assert (within.argmax(-1) == log_p[:, onset].argmax(-1)).all()
            assert within.max(-1).values.min() > 0.999


def chorales_of(count, rng):
    pieces = []
    for _ in range(count):
        steps = rng.integers(-2, 3, (4, 12)).cumsum(1).clip(-5, 5)
        lines = [
            " ".join(f"{start + step}:4" for step in line)
            for start, line in zip((70, 62, 57, 48), steps, strict=True)
        ]
        pieces.append(encode_symbols(voiced(*lines)).astype(np.float32))
    return Sequences(tuple(pieces), tuple(f"piece {i}" for i in range(count)))


def test_four_voices_are_learned_transposed_and_drawn():
    data = chorales_of(12, np.random.default_rng(0))
    splits = Splits("made", "categorical", data, data, data, categories=SYMBOLS)
    train = TrainConfig(epochs=8, batch_size=6, lr=0.01, anneal_updates=0, transpose=True)
    model = build_model(BY_INTERVALS, splits.spec, seed=0)
    training = Training(model, splits, train)
    bounds = [e.train_bound for e in training.events() if isinstance(e, EpochEnd)]
    assert bounds[-1] < 0.7 * bounds[0]
    drawn = sample(model, count=3, frames=10, seed=0, x_temperature=0.8)
    pieces = [decode_symbols(x.numpy()) for x in drawn.x]
    assert all(piece.beats == 10 for piece in pieces)
    # The same training again, interrupted after an update, ends with the same weights.
    again = Training(build_model(BY_INTERVALS, splits.spec, seed=0), splits, train)
    events = again.events()
    while next(events).update < 5:
        pass
    later = Training(build_model(BY_INTERVALS, splits.spec, seed=0), splits, train)
    later.load_state(again.state())
    list(later.events())
    weights = zip(model.parameters(), later.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)


def test_small_variances_remember():
    for combiner in ("network", "prior"):
        config = BY_INTERVALS.model_copy(
            update={"variance_start": -4.0, "learn_initial": True, "combiner": combiner}
        )
        model = build_model(config, VOICES, seed=0)
        assert model.transition.variance.bias.unique().tolist() == [-4.0]
        assert model.initial.variance.unique().tolist() == [-4.0]
        if combiner == "network":
            assert model.inference.combiner.variance.bias.unique().tolist() == [-4.0]
    field = ModelConfig(inference="MF-LR", variance_start=-3.0, rnn_size=8)
    heads = build_model(field, VOICES.__class__("binary", 4), seed=0).inference.combiner.variance
    assert [head.bias.unique().tolist() for head in heads] == [[-3.0], [-3.0]]


def test_a_context_is_projected_once_for_all_steps():
    """A path is the same as if each step computed its transition from the whole context."""
    spec = DataSpec("categorical", 3, categories=4, c_dim=2)
    config = BY_INTERVALS.model_copy(update={"intervals": False, "emission_dropout": 0.0})
    model = build_model(config, spec, seed=0).double().eval()
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, (7, 3)).astype(np.float32)
    batch = batch_of(model, x, c=rng.standard_normal((7, 2)).astype(np.float32))
    noise = torch.randn(5, 1, 7, 4, generator=torch.Generator().manual_seed(0)).double()
    path = model.posterior(batch, noise)
    for t in range(1, 7):
        summary = model.summarise(batch).at(t)
        before = path.z[..., t - 1, :]
        q = model.inference.combiner.step(summary, before, model.prior_of_step(batch, t, before))
        assert torch.allclose(q.loc, path.loc[..., t, :], atol=1e-12)


def test_a_bounded_mean_stays_bounded():
    model = build_model(BY_INTERVALS, VOICES, seed=0)
    # Untrained, the first dimensions keep their values longer than the last.
    kept = model.next_state(torch.ones(4)).loc - model.next_state(torch.zeros(4)).loc
    assert (kept[0] > kept[1:]).all() and kept[0] > 0.9 and kept[-1] < 0.7
    for parameter in model.transition.parameters():
        parameter.data.mul_(20)
    z = torch.zeros(4)
    for _ in range(500):
        z = model.next_state(z).loc
    assert z.abs().max() <= 1


def test_settings_that_do_not_go_together():
    for values, words in (
        ({"model": {"intervals": True}}, "model.intervals"),
        ({"model": {"intervals": True, "emission": "categorical"}}, "x_to_x off"),
        ({"train": {"transpose": True, "graphs": True}}, "train.transpose"),
        (
            {"model": {"emission_dropout": 0.1}, "train": {"graphs": True}},
            "model.emission_dropout 0.1",
        ),
    ):
        with pytest.raises(ConfigError, match=words):
            parse_config(values)
    with pytest.raises(DataError, match="music in four voices"):
        build_model(BY_INTERVALS, DataSpec("categorical", 3, categories=4), seed=0)
    rolls = Sequences((np.zeros((3, 88)),), ("roll",))
    splits = Splits("rolls", "binary", rolls, rolls, rolls)
    model = build_model(ModelConfig(z_dim=2, rnn_size=8), splits.spec, seed=0)
    with pytest.raises(DataError, match=r"train\.transpose"):
        Training(model, splits, TrainConfig(transpose=True))


def test_intervals_need_the_frame_before():
    emission = CategoricalEmission(
        categories=SYMBOLS,
        units=4,
        intervals=True,
        z_dim=2,
        x_dim=SLOTS,
        hidden=4,
        layers=1,
        nonlinearity="relu",
    )
    with pytest.raises(ValueError, match="frame before"):
        emission(torch.zeros(1, 2)).log_prob(torch.zeros(1, SLOTS))
