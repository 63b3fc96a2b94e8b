import math
import random

import numpy as np
import pytest

from dmm_core.data.medical import (
    DRUGS,
    FEATURES,
    LABS,
    SCALE,
    STEPS,
    emission_probability,
    load_medical,
    next_state,
    simulate_cohort,
    simulate_patients,
)
from dmm_core.data.treatment import drug_effect, shares_under
from dmm_core.errors import DataError

A1C, GLUCOSE = FEATURES.index("A1c high"), FEATURES.index("glucose high")
TENTH = 9


@pytest.fixture(scope="module")
def cohort():
    return simulate_cohort(4000, seed=1)


def test_a_seed_decides_every_number():
    first, again, other = (load_medical(seed) for seed in (3, 3, 4))
    for split in ("train", "valid", "test"):
        for name in ("x", "observed", "u"):
            one, same, another = (np.stack(getattr(s[split], name)) for s in (first, again, other))
            np.testing.assert_array_equal(one, same)
            assert not np.array_equal(one, another)


def test_the_data_set_is_what_was_seen_of_the_truth():
    splits, truth = load_medical(5), simulate_patients(5)
    assert (splits.kind, splits.steps_per_quarter) == ("binary", None)
    for split, (z, x, observed, u) in truth.items():
        data = splits[split]
        assert z.shape == (len(data), STEPS, 3)
        np.testing.assert_array_equal(np.stack(data.x), x * observed)
        np.testing.assert_array_equal(np.stack(data.observed), observed)
        np.testing.assert_array_equal(np.stack(data.u), u)
    names = [name for split in truth for name in splits[split].names]
    assert names[0] == "Patient 1" and names[-1] == "Patient 5000" and len(set(names)) == 5000


def transition_by_hand(z, drugs):
    """The equations of the documentation, a patient at a time."""
    strengths = {
        "metformin": 0.55,
        "glipizide": 0.45,
        "pioglitazone": 0.35,
        "acarbose": 0.20,
        "sitagliptin": 0.30,
        "liraglutide": 0.45,
        "empagliflozin": 0.40,
    }

    def logistic(a):
        return 1 / (1 + math.exp(-a))

    g, b, c = z
    oral = sum(strength * drugs[name] for name, strength in strengths.items())
    effect = 1 - math.exp(-(logistic(3 - 2 * b) * oral + 0.8 * drugs["insulin"]))
    return (
        1.4 * math.tanh(1.8 * g) + 0.15 + 0.35 * b - effect,
        b + 0.05 * logistic(3 * g) * (2 - b),
        0.95 * c + 0.15 * logistic(3 * g) - 0.12 * (drugs["liraglutide"] + drugs["empagliflozin"]),
    )


def test_the_states_move_by_the_equations_of_the_documentation(cohort):
    for i in range(50):
        drugs = dict(zip(DRUGS, cohort.u[i, 3].tolist(), strict=True))
        by_hand = transition_by_hand(cohort.z[i, 3].tolist(), drugs)
        np.testing.assert_allclose(next_state(cohort.z[i, 3], cohort.u[i, 3]), by_hand, rtol=1e-12)


def test_noise_and_start_have_their_moments(cohort):
    noise = cohort.z[:, 1:] - next_state(cohort.z[:, :-1], cohort.u[:, :-1])
    np.testing.assert_allclose(noise.std(axis=(0, 1)), SCALE, rtol=0.02)
    np.testing.assert_array_less(np.abs(noise.mean(axis=(0, 1))), 5 * SCALE / np.sqrt(4000 * 17))
    start = cohort.z[:, 0]
    np.testing.assert_allclose(start.mean(axis=0), [0.6, 0.3, 0.0], atol=0.06)
    np.testing.assert_allclose(start.var(axis=0), [0.81, 0.09, 0.16], rtol=0.1)


def test_features_are_as_frequent_as_the_states_say(cohort):
    expected = emission_probability(cohort.z).mean(axis=(0, 1))
    np.testing.assert_allclose(cohort.x.mean(axis=(0, 1)), expected, atol=0.01)


def test_much_is_missing_whatever_the_state(cohort):
    share = cohort.observed.mean(axis=(0, 1))
    ordered = [0.65, 0.75, 0.40, 0.40, 0.40, 0.55, 0.30, 0.55]
    np.testing.assert_allclose(share[: len(LABS)], 0.8 * np.array(ordered), atol=0.01)
    np.testing.assert_allclose(share[len(LABS) :], 0.8, atol=0.01)
    assert round(float(cohort.observed.mean()), 2) == 0.60
    sick = cohort.z[..., 0] > 0
    seen = [cohort.observed[which].mean(axis=0) for which in (sick, ~sick)]
    np.testing.assert_allclose(*seen, atol=0.015)


def test_the_sicker_are_treated_more(cohort):
    treated = cohort.u[:, TENTH].any(axis=-1)
    later = cohort.x[:, TENTH + 1, A1C]
    assert treated.mean() == pytest.approx(0.86, abs=0.02)
    assert later[treated].mean() == pytest.approx(0.64, abs=0.03)
    assert later[~treated].mean() == pytest.approx(0.13, abs=0.06)


def test_treatment_depends_on_the_chart_alone():
    cohort = simulate_cohort(40_000, seed=2)
    chart = cohort.observed[:, 0, :3] * cohort.x[:, 0, :3]
    visited = cohort.observed[:, 0, -1] == 1
    starts = cohort.u[:, 0, DRUGS.index("metformin")] == 1
    for known in ((0, 0, 0), (1, 1, 0)):
        alike = visited & (chart == known).all(axis=1)
        one, other = (cohort.z[alike & which, 0, 0] for which in (starts, ~starts))
        error = np.sqrt(one.var() / len(one) + other.var() / len(other))
        assert len(one) > 100 and abs(one.mean() - other.mean()) < 4 * error


def log_likelihood(patients, step, scale, particles, seed):
    """log p(x of each patient given u), (N,), of what was observed, by a bootstrap filter."""
    rng = np.random.default_rng(seed)
    shape = (len(patients.x), particles, 3)
    z = np.array([0.6, 0.3, 0.0]) + np.array([0.9, 0.3, 0.4]) * rng.standard_normal(shape)
    total = np.zeros(shape[0])
    rows = np.arange(shape[0])[:, None]
    for t in range(STEPS):
        p = emission_probability(z)
        fits = np.where(patients.x[:, None, t] == 1, np.log(p), np.log1p(-p))
        weight = np.exp((fits * patients.observed[:, None, t]).sum(axis=-1))
        total += np.log(weight.mean(axis=1))
        edges = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
        points = (rng.random((shape[0], 1)) + np.arange(particles)) / particles
        chosen = np.stack([np.searchsorted(*row) for row in zip(edges, points, strict=True)])
        u = np.broadcast_to(patients.u[:, None, t], (*shape[:2], len(DRUGS)))
        z = z[rows, np.minimum(chosen, particles - 1)]
        z = step(z, u) + scale * rng.standard_normal(shape)
    return total


def test_the_best_linear_transition_explains_patients_worse_and_misjudges_the_drugs():
    splits = simulate_patients(0)
    train, test = splits["train"], splits["test"]

    def inputs(z, u):
        return np.concatenate([z, u, np.ones_like(z[..., :1])], axis=-1)

    given = inputs(train.z[:, :-1], train.u[:, :-1]).reshape(-1, 12)
    after = train.z[:, 1:].reshape(-1, 3)
    weights, *_ = np.linalg.lstsq(given, after)
    scale = (after - given @ weights).std(axis=0)

    def linear(z, u):
        return inputs(z, u) @ weights

    nll = -log_likelihood(test, next_state, SCALE, 200, seed=0) / STEPS
    worse = -log_likelihood(test, linear, scale, 200, seed=0) / STEPS
    assert nll.mean() == pytest.approx(4.293, abs=0.01)
    assert (worse - nll).mean() == pytest.approx(0.065, abs=0.01)
    rng = np.random.default_rng(0)
    shares = []
    for u in (test.u[:, TENTH], 0 * test.u[:, TENTH]):
        z, u = np.repeat(test.z[:, TENTH], 40, axis=0), np.repeat(u, 40, axis=0)
        for _ in range(8):
            z = linear(z, u) + scale * rng.standard_normal(z.shape)
        shares.append(emission_probability(z)[:, A1C].mean())
    assert shares[1] - shares[0] == pytest.approx(0.29, abs=0.01)


def test_the_effect_is_that_of_a_simulation_by_hand():
    z = simulate_patients(0)["test"].z[:40, TENTH]
    quarters, draws = 3, 300
    treated = np.zeros((len(z), quarters, len(DRUGS)))
    treated[..., [DRUGS.index("metformin"), DRUGS.index("insulin")]] = 1
    effect = drug_effect(z, treated, 0 * treated, draws=400, seed=1)
    dice = random.Random(0)
    for course, expected in ((treated, effect.factual), (0 * treated, effect.counterfactual)):
        drugs = dict(zip(DRUGS, course[0, 0].tolist(), strict=True))
        high = 0
        for state in z.tolist() * draws:
            for _ in range(quarters):
                mean = transition_by_hand(state, drugs)
                state = [dice.gauss(m, s) for m, s in zip(mean, SCALE.tolist(), strict=True)]
            high += dice.random() < 1 / (1 + math.exp(-(4 * state[0] - 0.6)))
        share = high / (len(z) * draws)
        error = math.hypot(
            math.sqrt(share * (1 - share) / (len(z) * draws)), expected.error[-1, A1C]
        )
        assert abs(expected.loc[-1, A1C] - share) < 4 * error


def test_known_effect_of_stopping_all_drugs():
    patients = simulate_patients(0)["test"]
    keep = np.repeat(patients.u[:, TENTH : TENTH + 1], 8, axis=1)
    effect = drug_effect(patients.z[:, TENTH], factual=keep, counterfactual=0 * keep)
    shown = [0, 1, 3, 5, 7]
    for shares, figures in (
        (effect.factual, [58.0, 56.4, 54.2, 53.0, 52.5]),
        (effect.counterfactual, [66.4, 68.6, 71.8, 74.5, 77.0]),
        (effect.difference, [8.4, 12.2, 17.6, 21.5, 24.5]),
    ):
        np.testing.assert_allclose(100 * shares.loc[shown, A1C], figures, atol=0.1)
        assert 100 * shares.error[:, A1C].max() < 0.15
    np.testing.assert_allclose(
        effect.difference.loc, effect.counterfactual.loc - effect.factual.loc, atol=1e-12
    )
    assert 15 < 100 * effect.difference.loc[7, GLUCOSE] < 30


def test_common_noise_makes_the_difference_sharp():
    z = simulate_patients(0)["test"].z[:, TENTH]
    u = np.ones((len(z), 2, len(DRUGS)))
    assert not drug_effect(z, u, u).difference.loc.any()
    less = u.copy()
    less[..., DRUGS.index("acarbose")] = 0
    effect = drug_effect(z, u, less)
    apart = np.hypot(effect.factual.error, effect.counterfactual.error)[:, A1C]
    assert (effect.difference.error[:, A1C] < apart / 3).all()


def test_the_recorded_treatment_leads_to_what_was_recorded():
    # One step on they agree: the doctor saw nothing that the state does not say.
    patients = simulate_cohort(5000, seed=9)
    shares = shares_under(patients.z[:, 5], patients.u[:, 5:6], draws=20)
    recorded = patients.x[:, 6].mean(axis=0)
    error = np.sqrt(recorded * (1 - recorded) / 5000)
    assert (np.abs(shares.loc[0] - recorded) < 4 * error).all()


@pytest.mark.parametrize(
    ("z", "u"),
    [((3, 2), (3, 4, 8)), ((3, 3), (2, 4, 8)), ((3, 3), (3, 8)), ((3, 3), (3, 0, 8))],
)
def test_wrong_shapes_are_refused_in_one_sentence(z, u):
    with pytest.raises(DataError, match=r"^States are \(patients, 3\) and drugs .*\.$"):
        shares_under(np.zeros(z), np.zeros(u))


def test_unlike_treatments_and_too_few_draws_are_refused():
    z, u = np.zeros((3, 3)), np.zeros((3, 2, 8))
    with pytest.raises(DataError, match=r"^Both treatments must have the same shape, not .*\.$"):
        drug_effect(z, u, u[:, :1])
    with pytest.raises(DataError, match=r"^A standard error needs at least 2 draws, not 1\.$"):
        shares_under(z, u, draws=1)
