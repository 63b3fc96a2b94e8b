import numpy as np
import pytest
import streamlit as st
import torch
from page_models import SMALL, finished, music_run, page, real_run, running_run, scales, shown
from test_page_data import scale
from torch.distributions import Normal

from dmm_core.config.schema import DataConfig, ModelConfig, RunConfig
from dmm_core.data.spec import DataSpec
from dmm_core.errors import DataError
from dmm_core.inference.fixed_points import fixed_points
from dmm_core.inference.latent import Projection
from dmm_core.nn.dmm import DMM

LATENT = "pages/4_Latent.py"
VIEWS = ("listen", "paths", "prior", "filter", "transition", "dimensions", "nudge")
CHARTS = {"filter": 2, "dimensions": 2}
PLAYERS = {"listen": 1, "nudge": 2}


@pytest.fixture(autouse=True)
def fresh_caches(dmm_home):
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def no_bundles(monkeypatch):
    monkeypatch.setattr("pages.ui.picker.list_bundled", list)


def test_without_runs_the_bundled_model_gets_its_data_by_itself(monkeypatch):
    asked = []

    def load(config, report):
        asked.append(config.name)
        report(0.5, "Reading")
        raise DataError("Not here.")

    monkeypatch.setattr("pages.ui.data.fetch.load_dataset", load)
    at = page(LATENT)
    assert at.query_params["run"] == "bundled:chorales"
    assert asked == ["jsb-m21"] and not at.button
    assert [error.value for error in at.error] == ["Not here\\."]


def test_without_any_model_it_says_what_to_do(no_bundles):
    assert "Train one first" in page(LATENT).info[0].value


def test_a_running_run_has_nothing_to_look_at_yet(no_bundles):
    run = running_run()
    assert "Train one first" in page(LATENT).info[0].value
    at = page(LATENT, run=run.id)
    assert "no checkpoint" in at.error[0].value


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_a_model_of_music(view):
    run = music_run()
    at = page(LATENT, run=run.id, view=view)
    assert not at.error and not at.info
    assert len(at.get("plotly_chart")) == CHARTS.get(view, 1)
    assert len(at.main.get("bidi_component")) == PLAYERS.get(view, 0)
    assert [expander.label for expander in at.expander] == ["What am I seeing?"]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("z_dim", [1, 2])
def test_every_view_of_a_model_of_real_values(view, z_dim):
    at = page(LATENT, run=real_run(z_dim).id, view=view)
    if view == "nudge":
        assert "no such view" in at.error[0].value
        return
    assert not at.error and not at.main.get("bidi_component")
    flat = z_dim == 1 and view in ("prior", "transition")
    two = view in ("listen", "dimensions") or (view == "filter" and z_dim == 2)
    assert len(at.get("plotly_chart")) == (0 if flat else 1 + two)
    if flat:
        assert "one dimension" in at.info[0].value
    if view == "listen":
        assert "note" not in shown(at)


def test_split_sequence_and_those_beside_it_stand_in_the_address():
    run = music_run()
    at = page(LATENT, run=run.id, view="paths", split="train", piece="2", beside="1,3,99")
    assert at.selectbox(key="choose.piece").value == "2"
    assert at.multiselect(key="pick.beside").value == ["1", "3"]
    at.multiselect(key="pick.beside").unselect("3").run()
    assert not at.exception
    assert at.query_params["beside"] == "1"


def test_three_dimensions_are_offered_where_there_are_three():
    at = page(LATENT, run=music_run().id, view="paths", dims="3")
    assert "scatter3d" in at.get("plotly_chart")[0].proto.spec
    at = page(LATENT, run=music_run(z_dim=2).id, view="paths", dims="3")
    assert "scatter3d" not in at.get("plotly_chart")[0].proto.spec


def test_another_data_set_of_the_same_grid_can_be_looked_at():
    run, other = music_run(), scales(title="Other")
    at = page(LATENT, run=run.id, data=f"upload:{other}")
    assert not at.error and len(at.main.get("bidi_component")) == 1
    at = page(LATENT, run=run.id, data="linear-gssm")
    assert "does not fit this model" in at.error[0].value


def test_a_file_is_looked_at_and_a_bad_one_refused():
    run = music_run()
    at = page(LATENT, run=run.id, **{"from": "file"})
    assert not at.main.get("bidi_component")
    at.file_uploader(key="midi_file").upload("good.mid", scale()).run()
    assert not at.exception and not at.error
    assert len(at.main.get("bidi_component")) == 1
    at.file_uploader(key="midi_file").set_value([]).run()
    at.file_uploader(key="midi_file").upload("bad.mid", b"not midi").run()
    assert not at.exception
    assert "bad" in at.error[0].value and not at.main.get("bidi_component")


@pytest.mark.parametrize(
    "address",
    [
        {"run": "../x"},
        {"split": "exam"},
        {"piece": "0"},
        {"piece": "99"},
        {"view": "x"},
        {"data": "upload:../x"},
    ],
)
def test_a_bad_address_is_one_plain_sentence(address):
    at = page(LATENT, **({"run": music_run().id} | address))
    assert len(at.error) == 1 and not at.get("plotly_chart")


class Linear(DMM):
    """z -> a + m (z - a), within whose plane a is the only fixed point."""

    def __init__(self, slope):
        torch.nn.Module.__init__(self)
        self.slope = torch.tensor(slope)
        self.centre = torch.tensor([0.5, -0.25, 3.0])

    def initial(self):
        return Normal(torch.zeros(3), torch.ones(3))

    def next_state(self, z):
        return Normal(self.centre + (z - self.centre) @ self.slope.T, torch.ones_like(z))


@pytest.mark.parametrize(("factor", "stable"), [(0.5, True), (-0.9, True), (1.5, False)])
def test_the_fixed_point_of_a_linear_transition_is_found(factor, stable):
    plane = Projection(np.array([0.0, 0.0, 3.0]), np.eye(3)[:2], np.array([0.5, 0.5]))
    model = Linear(np.diag([factor, 0.1, 0.0]).astype(np.float32))
    corner = np.array([2.0, 2.0])
    found = fixed_points(model, plane, low=-corner, high=corner)
    np.testing.assert_allclose(found.points, [[0.5, -0.25]], atol=1e-4)
    assert found.stable.tolist() == [stable]


def test_there_may_be_no_fixed_point():
    plane = Projection(np.zeros(3), np.eye(3)[:2], np.array([0.5, 0.5]))
    far = Linear(np.zeros((3, 3), np.float32))
    found = fixed_points(far, plane, low=np.array([5.0, 5.0]), high=np.array([6.0, 6.0]))
    assert found.points.shape == (0, 2) and found.stable.shape == (0,)


def test_a_nudge_changes_what_follows_and_none_does_not():
    run = music_run()
    at = page(LATENT, run=run.id, view="nudge", by="0", at="4")
    assert {m.label: m.value for m in at.metric}["Frames that differ"] == "0%"
    at = page(LATENT, run=run.id, view="nudge", by="4", at="4", pc="2")
    found = {m.label: m.value for m in at.metric}
    assert float(found["Distance of z, first frame"]) > 0


@pytest.mark.parametrize(("at", "place"), [("8", "2:1"), ("4", "1:3"), ("2", "1:2")])
def test_where_in_the_rolls_the_nudge_is_stands_below_them(at, place):
    run = music_run()
    shows = page(LATENT, run=run.id, view="nudge", at=at)
    assert f"which begins at {place} " in shown(shows)
    assert "standard deviations" in shows.slider(key="by").label


def test_two_counts_of_dimensions_are_not_taken_for_one_another():
    at = page(LATENT, run=music_run().id, view="dimensions")
    (units,) = (metric for metric in at.metric if metric.label == "Active units")
    assert "another criterion, the mean kl" in units.proto.help


def test_help_says_what_the_words_of_a_view_mean():
    run = music_run()
    at = page(LATENT, run=run.id, view="filter")
    assert "Type to search" in at.selectbox(key="choose.piece").help
    smoothed, heard, _ = (metric.help for metric in at.metric)
    assert "given the whole sequence" in smoothed and "given the past" in heard
    at = page(LATENT, run=run.id, view="dimensions")
    assert "posterior and the prior" in at.metric[1].help and "log p" in at.metric[2].help


@pytest.mark.parametrize("view", ["listen", "paths", "prior", "filter", "transition", "dimensions"])
def test_a_model_of_actions_and_missing_features_is_looked_at(view):
    model = ModelConfig(z_dim=2, **SMALL)
    facts = DataSpec(
        name="medical", kind="binary", x_dim=16, steps_per_quarter=None, u_dim=8, missing=True
    )
    run = finished(RunConfig(data=DataConfig(name="medical"), model=model), facts)
    at = page(LATENT, run=run.id, view=view)
    assert not at.error and at.get("plotly_chart")
