"""What does not fit is refused in one sentence, by every function that takes a model and data."""

import numpy as np
import pytest
import torch
from models import small_model

from dmm_core.config.schema import TrainConfig
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.errors import DataError
from dmm_core.inference.checks import require_count
from dmm_core.inference.evaluation import evaluate, valid_bound
from dmm_core.inference.filtering import particle_filter
from dmm_core.inference.imputation import impute
from dmm_core.inference.infilling import infill
from dmm_core.inference.intervention import means_under
from dmm_core.inference.latent import posterior_moments, posterior_of_many
from dmm_core.inference.morphing import morph
from dmm_core.inference.sampling import continuation, reconstruct, sample
from dmm_core.inference.smc import smc_nll
from dmm_core.training.loop import fit

NADE = dict(emission="nade", nade_hidden=3)
NONE = np.zeros((0, 4), np.uint8)
NOTES = (np.arange(24).reshape(6, 4) % 3 == 0).astype(np.uint8)
REAL = NOTES + np.float32(0.5)
WIDE = np.zeros((6, 5), np.uint8)
SEEN = np.ones((6, 4), np.uint8)
SEEN[2, 1] = 0


def together(x, observed=None):
    return Sequences((x,), ("a",), observed=None if observed is None else (observed,))


def fitted(model, x, observed=None):
    data = together(x, observed)
    kind = "binary" if x.dtype == np.uint8 else "real"
    return list(fit(model, Splits("own", kind, data, data, data), TrainConfig(epochs=1)))


def of_actions(model, x, observed=None):
    data = together(x, observed)
    u = (np.zeros((len(x), model.u_dim), np.float32),) if model.u_dim else None
    data = Sequences(data.x, data.names, u, data.observed)
    return means_under(model, data, np.zeros((1, 2, model.u_dim or 1)), frame=3, seed=0)


ALL = {
    "evaluate": lambda m, x, o=None: evaluate(m, together(x, o), samples=2, seed=0),
    "smc_nll": lambda m, x, o=None: smc_nll(m, together(x, o), particles=2, seed=0),
    "valid_bound": lambda m, x, o=None: valid_bound(m, together(x, o), samples=2, seed=0),
    "posterior_of_many": lambda m, x, o=None: posterior_of_many(m, together(x, o), seed=0),
    "impute": lambda m, x, o=None: impute(m, together(x, o), seed=0, particles=3),
    "fit": fitted,
    "particle_filter": lambda m, x, o=None: particle_filter(m, x, seed=0, particles=3, observed=o),
    "posterior_moments": lambda m, x, o=None: posterior_moments(m, x, seed=0, observed=o),
    "reconstruct": lambda m, x, o=None: reconstruct(m, x, seed=0, observed=o),
    "continuation": lambda m, x, o=None: continuation(m, x, count=1, frames=1, seed=0, observed=o),
    "infill": lambda m, x, o=None: infill(
        m, x, first=4, after=5, count=1, seed=0, particles=3, observed=o
    ),
    "morph": lambda m, x, o=None: morph(m, x, x, weights=np.full((1, 3), 0.5), seed=0),
}
every = pytest.mark.parametrize("call", ALL.values(), ids=ALL)


@every
@pytest.mark.parametrize(
    ("changes", "x", "message"),
    [
        ({}, NONE, "not empty"),
        ({}, NOTES[0], r"\(frames, features\)"),
        ({}, WIDE, "made for 4 features a frame, but the sequences have 5"),
        ({}, REAL, "explains binary frames: values are 0 or 1"),
        (NADE, REAL, "explains binary frames: values are 0 or 1"),
        (dict(u_dim=2), NOTES, "made for 2 actions a frame"),
    ],
)
def test_what_does_not_fit_is_refused(call, changes, x, message):
    with pytest.raises(DataError, match=message) as caught:
        call(small_model(**changes), x)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@every
@pytest.mark.parametrize("changes", [NADE, dict(x_to_x=True), dict(x_to_z=True)])
def test_missing_features_are_refused_where_they_cannot_be_left_out(call, changes):
    if call is ALL["morph"]:
        return  # takes no mask
    with pytest.raises(DataError, match="The sequences have missing features"):
        call(small_model(**changes), NOTES * SEEN, SEEN)
    call(small_model(**changes), NOTES, np.ones_like(SEEN))  # a mask of ones hides nothing


@every
@pytest.mark.parametrize(
    "x", [NOTES.astype(bool), NOTES.astype(np.int64), NOTES.astype(float), NOTES.astype(np.float32)]
)
def test_zeros_and_ones_of_any_type_are_taken(call, x):
    assert refusal(call, small_model(), x) is None


@every
@pytest.mark.parametrize("x", [REAL.astype(float), REAL, (3 * NOTES).astype(np.int64)])
def test_numbers_of_any_type_are_real(call, x):
    assert refusal(call, small_model(kind="real"), x) is None


def refusal(call, model, x):
    try:
        call(model, x)
    except DataError as error:
        return str(error)
    return None


ACTED = dict(u_dim=2)


@pytest.mark.parametrize(
    ("changes", "x", "message"),
    [
        (ACTED, WIDE, "made for 4 features"),
        (ACTED, REAL, "values are 0 or 1"),
        ({}, NOTES, "Actions are"),
    ],
)
def test_actions_are_set_for_what_fits(changes, x, message):
    with pytest.raises(DataError, match=message):
        of_actions(small_model(**changes), x)


@pytest.mark.parametrize("changes", [dict(x_to_z=True), NADE])
def test_a_cohort_with_missing_features_needs_a_model_for_them(changes):
    with pytest.raises(DataError, match="missing features"):
        of_actions(small_model(**ACTED, **changes), NOTES * SEEN, SEEN)


MODEL, DATA = small_model(), together(NOTES)
COUNTS = {
    "samples": [
        lambda n: evaluate(MODEL, DATA, samples=n, seed=0),
        lambda n: valid_bound(MODEL, DATA, samples=n, seed=0),
    ],
    "particles": [
        lambda n: smc_nll(MODEL, DATA, particles=n, seed=0),
        lambda n: particle_filter(MODEL, NOTES, particles=n, seed=0),
        lambda n: impute(MODEL, DATA, particles=n, seed=0),
        lambda n: continuation(MODEL, NOTES, count=1, frames=1, particles=n, seed=0),
        lambda n: infill(MODEL, NOTES, first=0, after=1, count=1, particles=n, seed=0),
    ],
    "count": [
        lambda n: sample(MODEL, count=n, frames=1, seed=0),
        lambda n: continuation(MODEL, NOTES, count=n, frames=1, seed=0),
        lambda n: infill(MODEL, NOTES, first=0, after=1, count=n, seed=0),
    ],
    "frames": [
        lambda n: sample(MODEL, count=1, frames=n, seed=0),
        lambda n: continuation(MODEL, NOTES, count=1, frames=n, seed=0),
    ],
    "draws": [
        lambda n: posterior_moments(MODEL, NOTES, draws=n, seed=0),
        lambda n: posterior_of_many(MODEL, DATA, draws=n, seed=0),
        lambda n: reconstruct(MODEL, NOTES, draws=n, seed=0),
    ],
}


@pytest.mark.parametrize("wrong", [0, -3, True])
@pytest.mark.parametrize(
    ("name", "call"), [(name, call) for name, calls in COUNTS.items() for call in calls]
)
def test_numbers_of_things_are_one_or_more(name, call, wrong):
    with pytest.raises(DataError, match=rf"{name} is {wrong}; it has to be a whole number from 1"):
        call(wrong)


@pytest.mark.parametrize("wrong", [1.5, None, "7", np.float64(2)])
def test_numbers_of_things_are_whole(wrong):
    with pytest.raises(DataError, match="has to be a whole number from 1 up"):
        require_count("draws", wrong)
    require_count("draws", np.int64(1))


def test_one_replicate_says_nothing_of_the_scatter():
    for call in (
        lambda: evaluate(MODEL, DATA, samples=2, replicates=1, seed=0),
        lambda: smc_nll(MODEL, DATA, particles=2, replicates=1, seed=0),
    ):
        with pytest.raises(DataError, match=r"replicates is 1; it has to be a whole number from 2"):
            call()


@pytest.mark.parametrize("call", list(ALL)[:5])
def test_of_no_sequences_nothing_is_computed(call, monkeypatch):
    monkeypatch.setitem(globals(), "together", lambda x, o: Sequences((), ()))
    with pytest.raises(DataError, match="There are no sequences"):
        ALL[call](small_model(), NOTES)


def test_an_empty_split_is_named():
    data = together(NOTES)
    with pytest.raises(DataError, match=r"The valid split does not fit the model\. There are no"):
        fit(small_model(), Splits("own", "binary", data, Sequences((), ()), data), TrainConfig())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        NADE,
        dict(kind="real"),
        dict(x_to_z=True, x_to_x=True, flows=2, flow_hidden=4, combiner="prior"),
        dict(inference="MF-LR", rnn="rnn"),
        dict(inference="ST-LR", rnn="gru"),
    ],
)
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_model_in_double_precision_is_trained(changes, optimizer):
    model = small_model(**changes)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    data = together(REAL if "kind" in changes else NOTES)
    config = TrainConfig(epochs=3, optimizer=optimizer, weight_average=0.5, device="cpu")
    end = list(fit(model, Splits("own", "binary", data, data, data), config))[-1]
    assert np.isfinite(end.best_valid_bound)
    changed = [n for n, p in model.named_parameters() if not torch.equal(p, before[n])]
    assert changed and all(p.dtype == torch.float64 for p in model.parameters())
