# %% [markdown]
# # Pictures of a model
#
# This tutorial draws how the bundled model explains a chorale. Then it trains a model with two
# latent dimensions, which a plane shows completely. The charts of the app are functions from arrays
# to plotly figures, which are used here too; the last figure uses plotly directly.
#
# Every figure is written as an HTML file to the folder that the first argument names, together with
# one copy of plotly. A notebook also shows each figure below its cell.

# %%
import sys
import tempfile
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio

sys.path.extend([".", "../.."])  # finds the clone from its root and from this folder

from dmm_core.config.schema import parse_config
from dmm_core.data.chorales import chorale_paths, read_chorale
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.inference.fixed_points import fixed_points
from dmm_core.inference.latent import Projection, fit_projection, posterior_moments, vector_field
from dmm_core.inference.sampling import continuation, reconstruct
from dmm_core.nn.dmm import DMM
from dmm_core.runs.bundled import load_model
from dmm_core.runs.store import find_run
from dmm_core.training.building import build_model
from dmm_core.training.events import EpochEnd
from dmm_core.training.loop import fit
from pages.ui import charts

# The arguments of a notebook's kernel are not those of this script.
is_script = Path(sys.argv[0]).stem == "visualise"
out = Path(sys.argv[1] if is_script and sys.argv[1:] else tempfile.mkdtemp(prefix="dmm-figures-"))
out.mkdir(parents=True, exist_ok=True)
pio.templates.default = "plotly_white"  # the charts take colours and grids from the template


def keep(figure: go.Figure, name: str) -> None:
    """Write a figure with a white background as HTML; a notebook also shows it."""
    figure.update_layout(paper_bgcolor="white")
    figure.write_html(out / f"{name}.html", include_plotlyjs="directory")
    print(f"{name}.html")
    if not is_script:
        figure.show()


# %% [markdown]
# ## A chorale and its reconstruction
#
# The first figure shows the notes of a chorale, and in a lighter colour the probabilities of its
# reconstruction. The second one shows nll and kl of every frame, and the third one the kl of every
# latent dimension.

# %%
model = load_model(find_run("bundled:chorales"))
rolls = [read_chorale(path).roll(1) for path in chorale_paths("test")[:6]]
bach = rolls[0]
keep(charts.pianoroll(bach, probabilities=reconstruct(model, bach, seed=0).numpy()), "pianoroll")

moments = [posterior_moments(model, roll, seed=0, draws=50) for roll in rolls]
found = moments[0]
keep(charts.per_frame(found.nll, found.kl.sum(1)), "cost-of-frames")
kl = np.concatenate([m.kl for m in moments]).mean(0)
keep(charts.kl_per_dimension(kl, threshold=0.01), "kl-of-dimensions")

# %% [markdown]
# ## The posterior path in the latent space
#
# The states are projected to the first two principal axes of the posterior means. The ellipses show
# one standard deviation of q in this plane.

# %%
everywhere = np.concatenate([m.loc for m in moments])
view = fit_projection(everywhere)
path = charts.ProjectedPath("BWV 7.7", view.loc(found.loc), view.covariance(found.scale))
shares = [f"PC {i + 1} ({share:.0%})" for i, share in enumerate(view.explained)]
keep(charts.latent_path_2d([path], axes=(shares[0], shares[1])), "posterior-path")

# %% [markdown]
# ## The vector field of the transition
#
# Arrows show the step of the transition's mean within the plane. The colour shows the length of the
# step out of the plane, which is most of it in 64 dimensions.


# %%
def field_of(model: DMM, view: Projection, points: np.ndarray) -> go.Figure:
    """The vector field around points (N, 2) of the view, with its fixed points."""
    margin = 0.2 * np.ptp(points, axis=0)
    low, high = points.min(0) - margin, points.max(0) + margin
    field = vector_field(model, view, low=low, high=high, resolution=21)
    rest = fixed_points(model, view, low=low, high=high)
    inside, outside = np.linalg.norm(field.step, axis=-1), field.residual
    print(
        f"{rest.stable.sum()} attracting and {(~rest.stable).sum()} other fixed points; a step is "
        f"{np.median(inside):.2f} in the plane and {np.median(outside):.2f} out of it"
    )
    return charts.vector_field_chart(
        field.points.reshape(-1, 2),
        field.step.reshape(-1, 2),
        field.residual.ravel(),
        fixed_points=rest.points,
        stable=rest.stable,
    )


keep(field_of(model, view, view.loc(everywhere)), "field-of-chorales")

# %% [markdown]
# ## A model with two latent dimensions
#
# The data are simulated swings with friction and a push that keeps them moving. Every swing
# approaches the same amplitude, at a period of 12.6 frames, with noise in amplitude and phase.
# Position and speed are measured with noise.

# %%
rng = np.random.default_rng(0)
frames, period = 20, 2 * np.pi / 0.5
radius, phase = rng.uniform(0.1, 1.7, 240), rng.uniform(0, 2 * np.pi, 240)
measured = []
for _ in range(frames):
    state = radius[:, None] * np.stack([np.cos(phase), np.sin(phase)], axis=-1)
    measured.append(state + 0.1 * rng.standard_normal(state.shape))
    radius = radius + 0.3 * radius * (1 - radius**2) + 0.05 * rng.standard_normal(240)
    phase = phase + 0.5 + 0.08 * rng.standard_normal(240)
swings = np.stack(measured, axis=1).astype(np.float32)  # (240, frames, 2)


def some(first: int, past: int) -> Sequences:
    """The swings from `first` up to, but not including, `past`."""
    return Sequences(tuple(swings[first:past]), tuple(f"swing {i}" for i in range(first, past)))


splits = Splits("swings", "real", train=some(0, 200), valid=some(200, 220), test=some(220, 240))
config = parse_config(
    {
        "model": {
            "z_dim": 2,
            "emission": "gaussian",
            "emission_layers": 0,
            "transition_hidden": 32,
            "nonlinearity": "tanh",
            "rnn": "gru",
            "rnn_size": 24,
            "rnn_dropout": 0.0,
        },
        "train": {
            "epochs": 30,
            "batch_size": 20,
            "lr": 2e-2,
            "lr_decay": "cosine",
            "anneal_updates": 50,
            "eval_every": 2,
            "device": "cpu",
            "threads": 1,
        },
    }
)
model = build_model(config.model, splits.spec, seed=0)
epochs = [event for event in fit(model, splits, config.train) if isinstance(event, EpochEnd)]
print(f"train bound {epochs[0].train_bound:.3f} -> {epochs[-1].train_bound:.3f} nats a frame")

# %% [markdown]
# ## The training curves
#
# The events of the training have the values of the curves. `Run.metrics()` returns the same values
# of a run under the same names.

# %%
keep(
    charts.elbo_curves(
        np.array([epoch.epoch for epoch in epochs]),
        bound=np.array([epoch.train_bound for epoch in epochs]),
        nll=np.array([epoch.train_nll for epoch in epochs]),
        kl=np.array([epoch.train_kl for epoch in epochs]),
        kl_weight=np.array([epoch.kl_weight for epoch in epochs]),
        valid_bound=np.array([epoch.valid_bound for epoch in epochs], dtype=float),
    ),
    "elbo",
)

# %% [markdown]
# ## The learned dynamics
#
# The arrows rotate around a fixed point that is not attracting. It is a swing at rest, from which
# the push drives the swing away.

# %%
everywhere = np.concatenate(
    [posterior_moments(model, x, seed=0, draws=50).loc for x in splits.test.x]
)
view = fit_projection(everywhere)
keep(field_of(model, view, view.loc(everywhere)), "field-of-swings")

# %% [markdown]
# ## Forecasts
#
# The figure compares twenty continuations of the first 8 frames with the true course. Their
# amplitudes agree, but their phases diverge with time. A continuation with temperatures of 0 has no
# noise and shows the period.

# %%
swing, begin = splits.test.x[0], 8
drawn = continuation(model, swing[:begin], count=20, frames=frames - begin, seed=0)
ahead = np.arange(begin, frames)
figure = go.Figure(layout={"xaxis_title": "Frame", "yaxis_title": "Position", "height": 400})
for course in drawn.x[..., 0].numpy():
    figure.add_scatter(
        x=ahead,
        y=course,
        mode="lines",
        line={"color": "#b9d4ee", "width": 1},
        showlegend=False,
    )
figure.add_scatter(x=ahead, y=drawn.mean[..., 0].mean(0).numpy(), name="Mean of 20 continuations")
figure.add_scatter(x=np.arange(frames), y=swing[:, 0], name="The swing", line={"dash": "dot"})
keep(figure, "continuations")

calm = continuation(
    model, swing[:begin], count=1, frames=200, seed=0, z_temperature=0, x_temperature=0
).x[0, :, 0]
rises = np.flatnonzero((calm[:-1] < 0) & (calm[1:] >= 0))
print(f"period {np.diff(rises).mean():.1f} frames, truth {period:.1f}")
print("Figures in", out)
