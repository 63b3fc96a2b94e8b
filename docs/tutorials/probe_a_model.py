# %% [markdown]
# # Probe a model
#
# The bundled model of chorales explains, reconstructs and continues chorales of Bach, and composes
# new music. Then two small models are trained on data with a known truth: one estimates the effect
# of drugs on simulated patients (do(u)), and the other one is compared with the Kalman smoother of
# a linear system.
#
# The music is written to the folder that the first argument names, or to a temporary folder.

# %%
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

sys.path.extend([".", "../.."])  # finds the clone from its root and from this folder

from dmm_core.config.schema import parse_config
from dmm_core.data.chorales import chorale_paths, read_chorale
from dmm_core.data.medical import FEATURES, load_medical, simulate_patients
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.synthetic import simulate
from dmm_core.data.systems import SYSTEMS, LinearGaussian
from dmm_core.data.treatment import drug_effect
from dmm_core.exact.kalman import kalman_filter, kalman_smoother
from dmm_core.inference.evaluation import evaluate, frame_accuracy
from dmm_core.inference.latent import active_units, posterior_moments
from dmm_core.inference.sampling import continuation, reconstruct, sample
from dmm_core.music.audio import render_wav
from dmm_core.music.metrics import roll_metrics
from dmm_core.music.midi import midi_from_notes
from dmm_core.runs.bundled import load_model
from dmm_core.runs.rendering import TEMPO, to_notes, to_roll
from dmm_core.runs.store import find_run
from dmm_core.training.building import build_model
from dmm_core.training.events import EpochEnd
from dmm_core.training.loop import fit

# The arguments of a notebook's kernel are not those of this script.
is_script = Path(sys.argv[0]).stem == "probe_a_model"
out = Path(sys.argv[1] if is_script and sys.argv[1:] else tempfile.mkdtemp(prefix="dmm-probe-"))
out.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# ## A model and some music
#
# `find_run` also takes the id of a run. The chorales are from the test split, so the model was not
# trained on them.

# %%
chorales = find_run("bundled:chorales")
model = load_model(chorales)
print(chorales.label(), "z_dim", model.z_dim, chorales.config().model.inference)

paths = chorale_paths("test")[:6]
rolls = [read_chorale(path).roll(1) for path in paths]  # (T, 88), one frame per quarter
bach = rolls[0]
print(paths[0].stem, bach.shape, f"{roll_metrics([bach]).mean_polyphony:.2f} notes a frame")

# %% [markdown]
# ## How well the model explains them
#
# nll is -log p(x_t given z_t), the part of a frame that the latent state does not explain. kl
# measures how much the posterior of the state differs from the transition, that is, how unexpected
# the frame is. Their sum is the bound.

# %%
moments = [posterior_moments(model, roll, seed=0, draws=50) for roll in rolls]
for path, found in zip(paths, moments, strict=True):
    nll, kl = found.nll.mean(), found.kl.sum(1).mean()
    print(f"{path.stem:10} bound {nll + kl:5.2f} = nll {nll:.2f} + kl {kl:.2f} nats a frame")

kl = moments[0].kl.sum(1)
for frame in np.argsort(-kl)[:3]:
    pitches = np.flatnonzero(bach[frame]) + 21
    print(
        f"frame {frame:2}: kl {kl[frame]:5.2f}, nll {moments[0].nll[frame]:5.2f}, pitches {pitches}"
    )

active = active_units(np.concatenate([found.loc for found in moments]))
print(f"{active.sum()} of {model.z_dim} latent dimensions are active")

# %% [markdown]
# ## Reconstruct and continue
#
# A reconstruction depends on the whole piece, a continuation only on its first 16 frames. A
# continuation with a low accuracy is not necessarily bad: many continuations are possible.

# %%
again = to_roll(reconstruct(model, bach, seed=0, draws=50))
accuracy = frame_accuracy(torch.from_numpy(bach > 0), torch.from_numpy(again))
print(f"reconstruction: frame accuracy {accuracy:.2f}")

begin, rest = bach[:16], torch.from_numpy(bach[16:] > 0)
drawn = continuation(model, begin, count=8, frames=len(rest), seed=0, x_temperature=0.7)
accuracies = [frame_accuracy(rest, frames > 0.5) for frames in drawn.x]
print(f"8 continuations: frame accuracy {min(accuracies):.2f} to {max(accuracies):.2f}")

# %% [markdown]
# ## Compose at different temperatures
#
# The temperature of x divides the logits of the notes, and that of z scales the standard deviations
# of the transitions. All samples use the same seed and therefore the same random numbers; only the
# temperatures differ.


# %%
def clashes(rolls: list[np.ndarray]) -> float:
    """Share of frames that hold two notes a semitone apart."""
    frames = np.concatenate(rolls) > 0
    return float((frames[:, 1:] & frames[:, :-1]).any(1).mean())


print(f"{'Bach':20} {roll_metrics(rolls).held:.0%} of notes held, clashes {clashes(rolls):.0%}")
for z_temperature, x_temperature in ((1.0, 1.0), (1.0, 0.7), (1.0, 1.5), (0.5, 0.7), (2.0, 0.7)):
    drawn = sample(
        model,
        count=20,
        frames=64,
        seed=0,
        z_temperature=z_temperature,
        x_temperature=x_temperature,
    )
    composed = [to_roll(x) for x in drawn.x]
    print(
        f"z at {z_temperature}, x at {x_temperature}   "
        f"{roll_metrics(composed).held:.0%} of notes held, clashes {clashes(composed):.0%}"
    )

# %% [markdown]
# ## Write files
#
# The chorales of both data sets are about an octave above the original. A roll that is shifted down
# by twelve columns is in the range of singers.

# %%
drawn = continuation(model, begin, count=1, frames=32, seed=0, x_temperature=0.7)
piece = np.concatenate([begin > 0, to_roll(drawn.x[0])])
notes = to_notes(np.roll(piece, -12, axis=1), steps_per_quarter=1)
(out / "continuation.mid").write_bytes(midi_from_notes(notes, tempo=TEMPO))
(out / "continuation.wav").write_bytes(render_wav(notes))
print(len(notes), "notes in", *sorted(path.name for path in out.glob("continuation.*")))

# %% [markdown]
# ## do(u): the effect of drugs
#
# In `medical`, sicker patients take more drugs, so a comparison of treated and untreated patients
# underestimates the benefit of the drugs. A small model is trained on a fifth of the records. It
# continues each test patient from the tenth quarter twice: with the current drugs and without
# drugs. The difference is compared with that of the simulator (docs/data.md).

# %%
records = load_medical(0)
splits = Splits(
    "medical",
    records.kind,
    train=records.train.subset(np.arange(800)),
    valid=records.valid.subset(np.arange(100)),
    test=records.test.subset(np.arange(80)),
)
config = parse_config(
    {
        "model": {
            "z_dim": 6,
            "emission_hidden": 32,
            "emission_layers": 1,
            "transition_hidden": 32,
            "rnn": "gru",
            "rnn_size": 48,
            "rnn_dropout": 0.0,
            "learn_initial": True,
        },
        "train": {
            "epochs": 16,
            "batch_size": 40,
            "lr": 1e-2,
            "lr_decay": "cosine",
            "anneal_updates": 150,
            "weight_average": 0.98,
            "device": "cpu",
            "threads": 1,
        },
    }
)
model = build_model(config.model, splits.spec, seed=0)
for event in fit(model, splits, config.train):
    if isinstance(event, EpochEnd) and event.valid_bound is not None:
        print(f"epoch {event.epoch:2}: valid bound {event.valid_bound:.3f} nats a frame")

# %%
now, ahead, high = 9, 8, FEATURES.index("A1c high")
test = splits.test
assert test.u is not None and test.observed is not None
people = list(zip(test.x, test.u, test.observed, strict=True))


def share_with_high_a1c(treated: bool) -> np.ndarray:
    """(ahead,) expected share of the test patients, with the current drugs or without drugs."""
    shares = []
    for i, (x, u, observed) in enumerate(people):
        plan = np.concatenate([u[:now], np.repeat(treated * u[now : now + 1], ahead + 1, axis=0)])
        drawn = continuation(
            model,
            x[: now + 1],
            count=20,
            frames=ahead,
            seed=i,
            u=plan,
            observed=observed[: now + 1],
        )
        shares.append(drawn.mean[..., high].mean(0).numpy())
    return np.mean(shares, axis=0)


found = share_with_high_a1c(treated=False) - share_with_high_a1c(treated=True)

patients = simulate_patients(0)["test"]
keep = np.repeat(patients.u[: len(test), now : now + 1], ahead, axis=1)
truth = drug_effect(patients.z[: len(test), now], factual=keep, counterfactual=0 * keep)

on_drugs = patients.u[:, now].any(1)
for quarter in (1, 2, 4, 8):
    x, seen = (part[:, now + quarter, high] > 0 for part in (patients.x, patients.observed))
    compared = x[seen & ~on_drugs].mean() - x[seen & on_drugs].mean()
    estimate, true = found[quarter - 1], truth.difference.loc[quarter - 1, high]
    print(
        f"{quarter} quarters without drugs: comparison {100 * compared:+.0f} points, model "
        f"{100 * estimate:+.1f}, truth {100 * true:+.1f}"
    )

# %% [markdown]
# ## The inference network and the Kalman smoother
#
# With `model.system`, the generative model is the known system, and only q is learned. Here q is
# the product of the transition's Gaussian and a Gaussian of the RNN (`combiner`), as in the exact
# posterior. No bound can be lower than the exact NLL, and no estimate of the states has a lower
# expected squared error than the Kalman smoother.

# %%
system, z, x = simulate(SYSTEMS["linear-gssm"], count=1400, steps=10, seed=0)
assert isinstance(system, LinearGaussian)
last = slice(1300, None)
exact_nll = -kalman_filter(system, x[last]).log_likelihood.mean()
smoothed = kalman_smoother(system, x[last])


def walks(first: int, past: int) -> Sequences:
    """The walks from `first` up to, but not including, `past`."""
    names = tuple(f"walk {number}" for number in range(first, past))
    return Sequences(tuple(x[first:past].astype(np.float32)), names)


splits = Splits("walks", "real", walks(0, 1200), walks(1200, 1300), walks(1300, 1400))
config = parse_config(
    {
        "model": {
            "system": "linear-gssm",
            "emission": "gaussian",
            "z_dim": 1,
            "combiner": "prior",
            "rnn": "gru",
            "rnn_size": 40,
            "rnn_dropout": 0.0,
        },
        "train": {
            "epochs": 8,
            "batch_size": 25,
            "lr": 3e-2,
            "lr_decay": "cosine",
            "anneal_updates": 0,
            "device": "cpu",
            "threads": 1,
        },
    }
)
model = build_model(config.model, splits.spec, seed=0)
for _ in fit(model, splits, config.train):
    pass
found = evaluate(model, splits.test, samples=20, seed=0)
print(f"bound {found.bound_per_step:.4f}, exact NLL {exact_nll:.4f} nats a frame")

# %%
guesses = [posterior_moments(model, walk, seed=0, draws=50) for walk in splits.test.x]
loc = np.stack([guess.loc for guess in guesses])
scale = np.stack([guess.scale for guess in guesses])
network, smoother = (np.sqrt(np.square(g - z[last]).mean()) for g in (loc, smoothed.loc))
print(f"RMSE of z: network {network:.3f}, Kalman smoother {smoother:.3f}")
print(
    f"standard deviation of z: network {scale.mean():.2f}, "
    f"Kalman smoother {np.sqrt(smoothed.cov).mean():.2f}"
)
