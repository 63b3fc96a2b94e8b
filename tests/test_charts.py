import numpy as np
import pytest

from pages.ui import charts
from pages.ui.charts.learning import smoothed
from pages.ui.charts.style import MAX_POINTS, label, thin_indices

RNG = np.random.default_rng(0)
EPOCHS = np.arange(1, 31)
NLL = 6 + np.exp(-EPOCHS / 5)
KL = 1 - np.exp(-EPOCHS / 5)


def elbo(**changes):
    valid = np.full(30, np.nan)
    valid[4::5] = 7.5
    arguments = {
        "bound": NLL + KL,
        "nll": NLL,
        "kl": KL,
        "kl_weight": np.linspace(0, 1, 30),
        "valid_bound": valid,
    }
    return charts.elbo_curves(EPOCHS, **(arguments | changes))


def path(frames=40, k=2):
    half = RNG.normal(size=(frames, k, k))
    return charts.ProjectedPath(
        "BWV 269", RNG.normal(size=(frames, k)), half @ half.transpose(0, 2, 1)
    )


ROLL = (RNG.random((32, 88)) < 0.05).astype(np.uint8)
CELLS = (RNG.random((18, 5)) < 0.5).astype(np.uint8)
GRID = np.stack(np.meshgrid(np.linspace(-1, 1, 8), np.linspace(-1, 1, 8)), -1).reshape(-1, 2)

FIGURES = {
    "elbo": lambda: elbo(references=[charts.Reference("Paper", 6.39)]),
    "runs": lambda: charts.runs_overlay([charts.RunCurve("a", EPOCHS, NLL)], smoothing=0.5),
    "roll": lambda: charts.pianoroll(ROLL, probabilities=ROLL * 0.5),
    "real": lambda: charts.real_sequence(np.ones((25, 3), np.float32)),
    "record": lambda: charts.record(CELLS, observed=1 - CELLS, u=CELLS[:, :2], actions=("a", "b")),
    "shares": lambda: charts.feature_shares(np.array([0.2, 0.7]), np.array([0.5, 1.0])),
    "over time": lambda: charts.shares_over_time(
        [charts.ShareCurve("stopped", np.array([0.5, 0.6]), np.array([0.01, 0.01]))],
        title="High",
        x_title="Quarters",
    ),
    "pitch": lambda: charts.pitch_histogram(ROLL.sum(0), ROLL.sum(0) + 1),
    "class": lambda: charts.pitch_class_histogram(np.arange(12)),
    "polyphony": lambda: charts.polyphony_histogram(np.bincount(ROLL.sum(1), minlength=89)),
    "length": lambda: charts.length_histogram(np.arange(20, 90), marked=40),
    "plane": lambda: charts.latent_path_2d([PATHS[0]]),
    "planes": lambda: charts.latent_path_2d(PATHS),
    "space": lambda: charts.latent_path_3d([SPACE]),
    "field": lambda: charts.vector_field_chart(
        GRID, -GRID, GRID[:, 0] ** 2, fixed_points=np.zeros((1, 2)), stable=np.array([True])
    ),
    "frames": lambda: charts.per_frame(NLL, KL),
    "dimensions": lambda: charts.kl_per_dimension(np.array([0.5, 0.0, 0.2]), threshold=0.01),
}
PATHS = [path(), path()]
SPACE = path(k=3)


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_input_gives_the_same_bytes(name):
    assert FIGURES[name]().to_json() == FIGURES[name]().to_json()


@pytest.mark.parametrize("name", FIGURES)
def test_grounds_are_transparent_and_axes_have_titles(name):
    layout = FIGURES[name]().to_dict()["layout"]
    assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0,0,0,0)"
    axes = [value for key, value in layout.items() if key.startswith(("xaxis", "yaxis"))]
    axes += [value for key, value in layout.get("scene", {}).items() if key.endswith("axis")]
    assert axes and all(axis["title"]["text"] for axis in axes if "title" in axis)


def numbers(value):
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from numbers(inner)


@pytest.mark.parametrize("name", FIGURES)
def test_no_array_is_wider_than_it_has_to_be(name):
    for trace in FIGURES[name]().data:
        for array in numbers(trace.to_plotly_json()):
            assert array.dtype.kind not in "fi" or array.dtype.itemsize <= 4, (trace, array.dtype)


def test_a_long_curve_keeps_its_ends_and_few_points():
    kept = thin_indices(100_000)
    assert len(kept) == MAX_POINTS and kept[0] == 0 and kept[-1] == 99_999
    assert (np.diff(kept) > 0).all()
    x = np.arange(50_000)
    zeros = np.zeros(50_000)
    drawn = charts.elbo_curves(
        x, bound=zeros, nll=zeros, kl=zeros, kl_weight=zeros, valid_bound=zeros
    )
    assert max(len(trace.x) for trace in drawn.data) == MAX_POINTS


def test_the_valid_bound_is_drawn_where_it_was_measured():
    drawn = elbo(valid_bound=[None, 7.25, *[None] * 28])
    (valid,) = [trace for trace in drawn.data if trace.name == "Valid bound"]
    assert list(valid.x) == [2] and list(valid.y) == [7.25]


def test_the_first_epochs_do_not_flatten_the_rest():
    bound = NLL + KL
    bound[0] = 1000
    assert elbo(bound=bound).layout.yaxis.range[1] < 20


def test_no_curve_is_cut_off_below_where_nll_is_negative():
    nll = NLL - NLL.max() - 1
    low, high = elbo(bound=nll + KL, nll=nll).layout.yaxis.range
    assert low < min(nll.min(), (nll + KL).min()) and high > max(0, KL[-1])


def test_rounding_out_of_a_plane_is_not_drawn_as_movement():
    points = np.array([[0.0, 0.0], [1.0, 0.0]])
    drawn = charts.vector_field_chart(
        points,
        points + 1,
        np.array([1e-7, 2e-7]),
        fixed_points=np.zeros((0, 2)),
        stable=np.zeros(0, bool),
    )
    marker = drawn.data[1].marker
    assert marker.cmin == 0 and marker.cmax > 1000 * max(marker.color)


def test_references_are_named_with_their_value():
    drawn = elbo(references=[charts.Reference("DMM", 6.388)])
    assert drawn.data[-1].name == "DMM: 6.39"
    assert set(drawn.data[-1].y) == {np.float32(6.388)}


def test_runs_are_told_apart_without_colours():
    runs = [charts.RunCurve(str(i), EPOCHS, NLL + i) for i in range(6)]
    marks = {(t.line.dash, t.marker.symbol) for t in charts.runs_overlay(runs).data}
    assert len(marks) == 6


def test_smoothing_is_unbiased():
    np.testing.assert_allclose(smoothed(np.full(9, 3.0, np.float32), 0.9), 3.0, rtol=1e-6)
    np.testing.assert_array_equal(smoothed(NLL, 0.0), NLL)


def test_a_record_leaves_out_what_was_not_seen_and_stands_over_its_actions():
    x, observed = np.array([[1, 0], [0, 1]]), np.array([[1, 1], [0, 1]])
    drawn = charts.record(x, observed=observed, u=x[:, :1], features=("A1c", "<b>"))
    features, actions = drawn.data
    np.testing.assert_array_equal(features.z, np.array([[1, np.nan], [0, 1]], np.float32))
    assert list(features.y) == ["A1c", "&lt;b&gt;"] and list(actions.y) == ["u[0]"]
    assert drawn.layout.yaxis.domain[0] > drawn.layout.yaxis2.domain[1]
    assert charts.record(x).data[0].z.tolist() == x.T.tolist()


def test_a_feature_that_was_never_seen_has_no_bar():
    bars, marks = charts.feature_shares(np.array([np.nan, 0.5]), np.array([0.0, 1.0])).data
    assert np.isnan(bars.x[0]) and marks.x[0] == 0


def test_a_roll_stands_upright_and_shows_the_pitches_in_use():
    roll = np.zeros((5, 88), bool)
    roll[2, 60 - 21] = True
    drawn = charts.pianoroll(roll)
    heat = drawn.data[0]
    assert heat.z.dtype == np.uint8 and heat.z.shape == (88, 5)
    assert heat.y[np.argmax(heat.z[:, 2])] == "C4"
    low, high = drawn.layout.yaxis.range
    assert low < 39 < high and high - low < 12


def test_a_silent_roll_can_be_drawn():
    assert charts.pianoroll(np.zeros((3, 88), bool)).data[0].z.sum() == 0
    assert charts.pitch_histogram(np.zeros(88)).data[0].y.sum() == 0


def test_histograms_are_shares():
    drawn = charts.pitch_class_histogram(np.arange(12), np.arange(12) * 7)
    for trace in drawn.data:
        assert trace.y.sum() == pytest.approx(1)
    assert charts.polyphony_histogram(np.array([1, 3, 0, 0])).data[0].x == (0, 1)


def test_ellipses_lie_one_deviation_from_the_path():
    covariance = np.tile(np.diag([4.0, 0.25]), (3, 1, 1))
    loc = np.array([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0]])
    drawn = charts.latent_path_2d([charts.ProjectedPath("p", loc, covariance)])
    ring = np.column_stack([drawn.data[0].x, drawn.data[0].y])[:24]
    np.testing.assert_allclose((ring / np.array([2.0, 0.5])) ** 2 @ [1, 1], 1, rtol=1e-5)


def test_the_uncertainty_of_one_of_several_paths_has_its_colour():
    loc, covariance = np.arange(6.0).reshape(3, 2), np.tile(np.eye(2), (3, 1, 1))
    paths = [charts.ProjectedPath(name, loc + i, covariance) for i, name in enumerate("ab")]
    traces = charts.latent_path_2d(paths).data
    lines = [trace for trace in traces if trace.name in ("a", "b")]
    assert len({line.line.color for line in lines}) == 2
    assert [ring.fillcolor for ring in traces[:2]] == [line.line.color for line in lines]
    assert all(ring.opacity < 0.5 for ring in traces[:2])


def test_the_tube_surrounds_the_path_at_one_deviation():
    loc = np.column_stack([np.arange(20.0), np.zeros(20), np.zeros(20)])
    covariance = np.tile(np.eye(3) * 0.09, (20, 1, 1))
    tube = charts.latent_path_3d([charts.ProjectedPath("p", loc, covariance)]).data[0]
    np.testing.assert_allclose(np.hypot(tube.y, tube.z), 0.3, rtol=1e-5)
    corners = np.concatenate([tube.i, tube.j, tube.k])
    assert set(corners.tolist()) == set(range(len(tube.x)))


def test_arrows_point_where_the_transition_goes():
    drawn = charts.vector_field_chart(
        np.array([[0.0, 0.0], [1.0, 1.0]]),
        np.array([[1.0, 0.0], [0.0, 0.5]]),
        np.array([0.0, 3.0]),
        fixed_points=np.zeros((0, 2)),
        stable=np.zeros(0, bool),
    )
    np.testing.assert_allclose(drawn.data[1].marker.angle, [90, 0], atol=1e-4)
    np.testing.assert_allclose(drawn.data[1].marker.color, [0, 3])
    np.testing.assert_allclose(drawn.data[1].customdata[:, 2], [1, 0.5])


def test_dimensions_that_cost_something_stand_above_the_threshold():
    drawn = charts.kl_per_dimension(np.array([0.005, 0.5, 0.2]), threshold=0.01)
    np.testing.assert_allclose(drawn.data[0].customdata, [1, 2, 0])
    assert list(drawn.data[0].marker.pattern.shape) == ["", "", "/"]
    assert drawn.layout.annotations[0].text.endswith("kl above 0.01 nats: 2 of 3")


def test_names_are_shown_letter_for_letter():
    hostile = '<a href="javascript:alert(1)">x</a>'
    assert "<" not in label(hostile)
    drawn = charts.runs_overlay([charts.RunCurve(hostile, EPOCHS, NLL)])
    assert "<a" not in drawn.to_json().replace("\\u003c", "<")
    assert len(label("n" * 5000)) == 60


@pytest.mark.parametrize("last", [1, 3, 9, 17, 60, 1200, 99_999])
def test_epochs_and_updates_have_whole_numbers_of_ticks(last):
    x = np.arange(1, last + 1)
    ones = np.ones(last)
    figures = [
        charts.elbo_curves(x, bound=ones, nll=ones, kl=ones, kl_weight=ones, valid_bound=ones),
        charts.runs_overlay([charts.RunCurve("a", x, ones)], x_title="Update"),
    ]
    for figure in figures:
        step = figure.layout.xaxis.dtick
        assert step == int(step) >= 1 and (last - 1) / step <= 8
    minutes = charts.runs_overlay([charts.RunCurve("a", x, ones)], x_title="Minutes of training")
    assert minutes.layout.xaxis.dtick is None
