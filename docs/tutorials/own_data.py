# %% [markdown]
# # Your own data
#
# This tutorial writes sequences to files, reads the files as uploads, and trains two models. The
# first model explains the sensors of an office (binary data with missing values); it is trained as
# a run, which the app shows too. The second one explains heated rooms (real data with missing
# values and actions); it is trained in memory. Both data sets are simulated, so each result can be
# compared with the truth. The uploads and the run are stored in `DMM_HOME` (by default `~/.dmm`).

# %%
import csv
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.extend([".", "../.."])  # finds the clone from its root and from this folder

from dmm_core.config.schema import DataConfig, parse_config
from dmm_core.data.registry import load_dataset
from dmm_core.data.uploads.reader import UploadOptions, read_files, store_upload
from dmm_core.errors import ConfigError
from dmm_core.inference.evaluation import evaluate
from dmm_core.inference.sampling import continuation
from dmm_core.runs.bundled import load_model
from dmm_core.runs.store import create_run, find_run
from dmm_core.runs.worker import execute
from dmm_core.training.building import build_model
from dmm_core.training.events import EpochEnd, Event, Finished
from dmm_core.training.loop import fit

rng = np.random.default_rng(0)
folder = Path(tempfile.mkdtemp(prefix="dmm-own-data-"))

# %% [markdown]
# ## Binary data: five sensors and a hidden state
#
# The office has three hidden states: it is empty, people work, or they have a meeting. A state
# lasts for a few frames. Days have different lengths, and a tenth of the sensor values are missing
# at random.

# %%
sensors = ["light", "motion", "keyboard", "voices", "kettle"]
start = np.array([0.6, 0.3, 0.1])
stay = np.array([[0.85, 0.12, 0.03], [0.06, 0.84, 0.10], [0.05, 0.25, 0.70]])
fires = np.array(
    [[0.10, 0.05, 0.01, 0.02, 0.02], [0.95, 0.60, 0.85, 0.25, 0.20], [0.97, 0.70, 0.10, 0.95, 0.40]]
)

days = []
for _ in range(240):
    routine = [rng.choice(3, p=start)]
    for _ in range(rng.integers(12, 29)):
        routine.append(rng.choice(3, p=stay[routine[-1]]))
    x = rng.random((len(routine), 5)) < fires[routine]
    days.append(np.where(rng.random(x.shape) < 0.1, np.nan, x))

# %% [markdown]
# Each row of a CSV file is a frame. Rows with the same value in the column `sequence` form a
# sequence, and an empty cell is a missing value. `pandas.DataFrame.to_csv` writes the same format.

# %%
with open(folder / "office.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["sequence", *sensors])
    for day, frames in enumerate(days):
        for frame in frames:
            writer.writerow([f"day {day}", *("" if np.isnan(v) else int(v) for v in frame)])
print((folder / "office.csv").read_text()[:120])

# %% [markdown]
# The report lists what was read and what was changed, or the reason why a file was refused.

# %%
options = UploadOptions(seed=0)
report = read_files([("office.csv", (folder / "office.csv").read_bytes())], options)
for file in report.files:
    print(file.name, file.kind, file.refusal or f"{file.sequences} sequences", *file.changes)

office = f"upload:{store_upload(report, title='An office', options=options)}"
splits = load_dataset(DataConfig(name=office))
print(office, splits.kind, [len(splits[split]) for split in ("train", "valid", "test")])

# %% [markdown]
# ## A configuration
#
# Every setting has a default (docs/settings.md). An error message lists all invalid settings.

# %%
try:
    parse_config({"model": {"z_dim": 0, "rnn": "transformer"}, "train": {"lr": 3}})
except ConfigError as error:
    print(error)

small = {"z_dim": 4, "emission_hidden": 16, "transition_hidden": 24, "rnn": "gru", "rnn_size": 32}
quick = {"batch_size": 24, "lr": 1e-2, "lr_decay": "cosine", "anneal_updates": 100, "threads": 1}
config = parse_config(
    {
        "data": {"name": office},
        "model": small | {"rnn_dropout": 0.0, "learn_initial": True},
        "train": quick | {"epochs": 25, "device": "cpu"},
    }
)

# %% [markdown]
# ## Training as a run
#
# A run is a folder that the app, the command line and this notebook can read. `execute` trains the
# run in this process and calls `on_event` with every event. The weights with the best validation
# bound are kept.


# %%
def show(event: Event) -> None:
    """Print the bounds of each validated epoch, and the reason for the end."""
    if isinstance(event, EpochEnd) and event.valid_bound is not None:
        print(
            f"epoch {event.epoch:3}: nll {event.train_nll:.3f} + kl {event.train_kl:.3f} "
            f"(weight {event.kl_weight:.2f}), valid bound {event.valid_bound:.3f}"
        )
    elif isinstance(event, Finished):
        print(event.reason, f"Best valid bound: {event.best_valid_bound:.3f}")


run = create_run(config, name="An office, from the tutorial")
print("The run is", execute(run, on_event=show), "in", run.folder)

# %% [markdown]
# Another program can load the trained model by the id of the run.

# %%
model = load_model(find_run(run.id))
found = evaluate(model, splits.test, samples=200, seed=0)
print(f"bound          {found.bound_per_step:.3f} nats a frame = {found.nll:.3f} + {found.kl:.3f}")
print(f"importance NLL {found.importance_nll:.3f} +- {found.standard_error:.3f}")

# %% [markdown]
# The office is a hidden Markov model, so the forward algorithm gives the exact -log p(x). For
# comparison, the NLL of sensors that are independent of each other and of time is computed too. The
# NLL of a good model is close to the exact one.


# %%
def exact_nll(x: np.ndarray, observed: np.ndarray) -> float:
    """Exact -log p(x) of the observed values of a day (T, 5), in nats."""
    likelihood = np.where(x[:, None], fires, 1 - fires)  # (T, routine, sensor)
    evidence = np.where(observed[:, None], likelihood, 1.0).prod(-1)
    total, belief = 0.0, start
    for frame in evidence:
        joint = belief * frame
        total -= np.log(joint.sum())
        belief = joint / joint.sum() @ stay
    return total


seen, test = splits.train.observed, splits.test
assert seen is not None and test.observed is not None
rate = np.concatenate(splits.train.x).sum(0) / np.concatenate(seen).sum(0)
coins = -sum(
    (np.log(np.where(x, rate, 1 - rate)) * o).sum()
    for x, o in zip(test.x, test.observed, strict=True)
)
exact = sum(exact_nll(x, o) for x, o in zip(test.x, test.observed, strict=True))
print(f"exact NLL {exact / test.frames:.3f}, independent sensors {coins / test.frames:.3f}")

# %% [markdown]
# ## Real data with actions: heated rooms
#
# In each hour, the temperature of a room moves towards the outdoor temperature by a tenth of the
# difference, and the heater adds two degrees. The heater is switched on when the room is cold, so
# heated rooms are colder than others. Half of the outdoor temperatures are missing.

# %%
rooms = []
for _ in range(200):
    indoors, outdoors, hours = 18 + 2 * rng.standard_normal(), 5 + 4 * rng.standard_normal(), []
    for _ in range(rng.integers(16, 33)):
        read = indoors + 0.3 * rng.standard_normal()
        heats = rng.random() < 1 / (1 + np.exp(0.7 * (read - 17)))
        hours.append((read, outdoors if rng.random() < 0.5 else np.nan, heats))
        indoors += 0.1 * (outdoors - indoors) + 2 * heats + 0.2 * rng.standard_normal()
        outdoors += 0.1 * (5 - outdoors) + 0.8 * rng.standard_normal()
    rooms.append(np.array(hours))

# %% [markdown]
# An npz file holds padded arrays and a mask. NaN marks a missing value, and `u[t]` acts on the step
# from t to t + 1. The values keep their units (degrees), because the model standardises real
# features itself.

# %%
longest = max(map(len, rooms))
x, u, mask = np.zeros((200, longest, 2)), np.zeros((200, longest, 1)), np.zeros((200, longest))
for i, hours in enumerate(rooms):
    x[i, : len(hours)] = hours[:, :2]
    u[i, : len(hours)] = hours[:, 2:]
    mask[i, : len(hours)] = 1
np.savez_compressed(folder / "rooms.npz", x=x, u=u, mask=mask)

report = read_files([("rooms.npz", (folder / "rooms.npz").read_bytes())], options)
print(*report.files[0].changes, sep="\n")
rooms_id = store_upload(report, title="Heated rooms", options=options)
splits = load_dataset(DataConfig(name=f"upload:{rooms_id}"))
print(
    splits.kind,
    f"{splits.spec.x_dim} features, {splits.spec.u_dim} action, missing: {splits.spec.missing}",
)

# %% [markdown]
# ## Training in memory
#
# `fit` trains without a run folder. It is an iterator over the events of the training, which can be
# left at any event.

# %%
config = parse_config(
    {
        "model": small | {"emission": "gaussian", "rnn_dropout": 0.0, "learn_initial": True},
        "train": quick | {"epochs": 25, "device": "cpu"},
    }
)
model = build_model(config.model, splits.spec, seed=0)
for event in fit(model, splits, config.train):
    show(event)
found = evaluate(model, splits.test, samples=200, seed=0)
print(f"importance NLL {found.importance_nll:.3f} +- {found.standard_error:.3f} nats a frame")

# %% [markdown]
# ## The effect of the heater
#
# A comparison of heated and unheated rooms underestimates the effect, because heated rooms were
# colder before. The model estimates do(u) instead: each test room is continued from its eighth hour
# twice, with the heater on and with the heater off. Both continuations use the same random numbers.

# %%
test, ahead = splits.test, 4
assert test.u is not None and test.observed is not None
heated = np.concatenate([hours[:-1, 2] for hours in rooms]) > 0
later = np.concatenate([hours[1:, 0] for hours in rooms])
apart = later[heated].mean() - later[~heated].mean()
print(f"comparison: after 1 h, heated rooms are {apart:+.1f} degrees warmer than the others")

courses = {}
for heater in (0, 1):
    means = []
    for i, (x, u, observed) in enumerate(zip(test.x, test.u, test.observed, strict=True)):
        plan = np.concatenate([u[:7], np.full((ahead + 1, 1), heater, np.float32)])
        drawn = continuation(
            model, x[:8], u=plan, observed=observed[:8], count=50, frames=ahead, seed=i
        )
        means.append(drawn.mean[..., 0].mean(0).numpy())
    courses[heater] = np.mean(means, axis=0)
effect = courses[1] - courses[0]
truth = 2 * (1 - 0.9 ** np.arange(1, ahead + 1)) / 0.1
for hour in range(ahead):
    print(f"after {hour + 1} h: model {effect[hour]:+.1f} degrees, truth {truth[hour]:+.1f}")
