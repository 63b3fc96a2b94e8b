"""`python -m benchmarks.treatment`: does a model find what the drugs of `medical` truly do?

The paper's question (section 6.6) where the answer is known: a gated and a linear model are trained
on the records; then, from the records of the test patients up to frame 9, each continues every
patient twice with the same chances, once on the drugs of that frame and once on none.
"""

import numpy as np

from dmm_core.building import build_model
from dmm_core.config import ModelConfig, TrainConfig
from dmm_core.data.medical import FEATURES, load_medical, simulate_patients
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.treatment import drug_effect
from dmm_core.events import EpochEnd
from dmm_core.model import DMM
from dmm_core.sampling import continuation
from dmm_core.training import Training

FRAME = 9
QUARTERS = 8
DRAWS = 20
HIGH = FEATURES.index("A1c high")
MODEL = ModelConfig(
    z_dim=6,
    emission_hidden=32,
    emission_layers=1,
    transition_hidden=48,
    rnn_size=64,
    rnn_dropout=0.0,
    learn_initial=True,
)
TRAIN = TrainConfig(
    epochs=40, batch_size=50, lr=3e-3, anneal_updates=800, eval_every=5, threads=1, device="cpu"
)


def main() -> None:
    splits = load_medical(0)
    print(f"{'A1c high, %, test patients':<34} {'quarters after frame 9':>24}")
    print(f"{'':<34}" + "".join(f"{quarter:>8}" for quarter in range(1, QUARTERS + 1)))
    show("counted: treated less untreated", counted(splits.test))
    patients = simulate_patients(0)["test"]
    keep = np.repeat(patients.u[:, FRAME : FRAME + 1], QUARTERS, axis=1)
    truth = drug_effect(patients.z[:, FRAME], factual=keep, counterfactual=0 * keep)
    show("truth: keeping", truth.factual.loc[:, HIGH])
    show("truth: stopping", truth.counterfactual.loc[:, HIGH])
    show("truth: difference", truth.difference.loc[:, HIGH])
    for transition in ("gated", "linear"):
        model, bound = trained(transition, splits)
        kept, stopped = (course(model, splits.test, u) for u in (keep, 0 * keep))
        print(f"{transition}, valid bound {bound:.3f} nats a frame")
        show(f"{transition}: keeping", kept)
        show(f"{transition}: stopping", stopped)
        show(f"{transition}: difference", stopped - kept)


def show(name: str, shares: np.ndarray) -> None:
    print(f"{name:<34}" + "".join(f"{100 * share:>8.1f}" for share in shares), flush=True)


def counted(sequences: Sequences) -> np.ndarray:
    """A1c of who takes drugs less that of who takes none, where seen, quarter by quarter."""
    assert sequences.u is not None and sequences.observed is not None
    x, u, observed = (np.stack(part) for part in (sequences.x, sequences.u, sequences.observed))
    treated = np.asarray(u[:, FRAME].any(axis=1))
    later = slice(FRAME + 1, FRAME + 1 + QUARTERS)

    def share(who: np.ndarray) -> np.ndarray:
        return x[who, later, HIGH].sum(axis=0) / observed[who, later, HIGH].sum(axis=0)

    return share(treated) - share(~treated)


def trained(transition: str, splits: Splits) -> tuple[DMM, float]:
    """A model trained on the records, and its last valid bound."""
    config = ModelConfig.model_validate({**MODEL.model_dump(), "transition": transition})
    model = build_model(
        config,
        x_dim=splits.x_dim,
        kind=splits.kind,
        seed=0,
        u_dim=splits.u_dim,
        missing=splits.missing,
    )
    bound = float("nan")
    for event in Training(model, splits, TRAIN).events():
        if isinstance(event, EpochEnd) and event.valid_bound is not None:
            bound = event.valid_bound
    return model, bound


def course(model: DMM, sequences: Sequences, treatment: np.ndarray) -> np.ndarray:
    """The model's share with a high A1c, (QUARTERS,), under a treatment (N, QUARTERS, 8)."""
    assert sequences.u is not None and sequences.observed is not None
    start = FRAME + 1
    shares = []
    for i, taken in enumerate(treatment):
        drawn = continuation(
            model,
            sequences.x[i][:start],
            count=DRAWS,
            frames=QUARTERS,
            seed=i,  # the same for both treatments: common chances
            u=np.concatenate([sequences.u[i][:FRAME], taken, taken[-1:]]).astype(np.float32),
            observed=sequences.observed[i][:start],
        )
        shares.append(drawn.mean[..., HIGH].mean(0).numpy())
    return np.mean(shares, axis=0)


if __name__ == "__main__":
    main()
