import json

import numpy as np
import pytest
import streamlit as st
from page_models import page, shown
from runs_by_state import open_page, run_in

from dmm_core.config.lessons import list_experiments, load_experiment
from dmm_core.config.schema import RunConfig
from dmm_core.data.medical import FEATURES
from dmm_core.data.sequences import Sequences
from dmm_core.data.systems import LINEAR_GSSM
from dmm_core.exact.kalman import kalman_forecast
from dmm_core.inference.baselines import fit_baselines
from dmm_core.inference.scores import GaussianForecast, score_gaussian
from dmm_core.runs import worker
from dmm_core.runs.run import Run
from dmm_core.runs.store import create_run, find_run, list_runs
from dmm_core.system.files import home
from pages.ui.drawing import DrawnForecast, read_forecast
from pages.ui.learn import models, session
from pages.ui.learn.contest import expected_crps, forecasts_of_rivals, known_model
from pages.ui.learn.kalman import typical_sequence
from pages.ui.learn.lesson import _MAX_HEIGHT
from pages.ui.learn.network_diagrams import INPUTS, diagram
from pages.ui.learn.page import LESSONS

LEARN = "pages/6_Learn.py"
TINY = {"train": {"epochs": 1, "batch_size": 500, "eval_every": 1}}
NUMBERED = [name for name in LESSONS if name != "custom"]


class FakeRunner:
    def __init__(self):
        self.submitted = []

    def submit(self, run):
        self.submitted.append(run)

    def position(self, run):
        waiting = [r for r in self.submitted if r.state() == "queued"]
        return waiting.index(run) + 1 if run in waiting else None


@pytest.fixture(autouse=True)
def runner(dmm_home, monkeypatch):
    fake = FakeRunner()
    monkeypatch.setattr(session, "lesson_runner", lambda: fake)
    yield fake
    st.cache_data.clear()
    st.cache_resource.clear()


def shorten(name):
    """The experiment of that name, one epoch long, as a file of the teacher's own."""
    content = json.loads(list_experiments()[name].read_text())
    shared = content.setdefault("shared", {})
    shared["train"] = shared.get("train", {}) | TINY["train"]
    for variant in content["variants"].values():
        variant["train"] = variant.get("train", {}) | TINY["train"]
    folder = home() / "lessons"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(content))


def start(runner, lesson, **address):
    """Click, train what is queued, and look again."""
    shorten(LESSONS[lesson].experiment or "transition")
    at = page(LEARN, lesson=lesson, **address)
    at.button(key="start").click().run()
    assert not at.exception and not at.error
    for run in runner.submitted:
        assert worker.execute(run) == "finished"
    at.run()
    assert not at.exception and not at.error
    return at


def numbers(at):
    return {metric.label: metric.value for metric in at.metric}


def primary(at):
    return [button.label for button in at.button if button.proto.type == "primary"]


@pytest.mark.parametrize("lesson", LESSONS)
def test_before_anything_is_trained_there_is_one_obvious_button(lesson):
    at = page(LEARN, lesson=lesson)
    assert not at.error and primary(at) == ["Run experiment"]
    assert at.button(key="reset").disabled
    (expander,) = at.expander
    assert expander.label == "What am I seeing?" and expander.proto.expanded
    assert list_runs(lessons=True) == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_while_it_trains_it_can_be_stopped(lesson):
    experiment = load_experiment(list_experiments()[LESSONS[lesson].experiment or "transition"])
    variant = next(iter(experiment.variants.values()))
    run = run_in("running", variant.config, name=variant.title, epochs=2)
    (run.folder / "lesson.json").write_text(json.dumps({"lesson": lesson}))
    at = page(LEARN, lesson=lesson, runs=run.id)
    assert not at.error and not primary(at)
    assert at.get("progress")[0].proto.text.startswith("epoch 2 of")
    at.button(key="stop").click().run()
    assert not at.exception and run.stop_requested() and at.button(key="stop").disabled


def test_kalman_bounds_the_exact_likelihood_and_measures_itself_against_the_smoother(runner):
    at = start(runner, "kalman")
    (run,) = runner.submitted
    found = numbers(at)
    exact = models.exact_posterior("linear-gssm", "valid").nll
    bound = run.metrics()[-1]["valid_bound"]
    assert found["Exact NLL"] == f"{exact:.4f}" == "3.0687"
    assert found["Negative ELBO (bound)"] == f"{bound:.4f}" and bound > exact
    assert found["Gap"] == f"{bound - exact:.4f}"
    assert float(found["Error: Exact posterior"]) < float(found["Error: DKS"])
    assert len(at.get("plotly_chart")) == 2


def test_of_the_nonlinear_system_the_exact_posterior_is_best(runner):
    at = start(runner, "kalman", system="nonlinear")
    found = numbers(at)
    best = float(found["Error: Exact posterior"])
    assert best < float(found["Error: Unscented Kalman smoother"])
    assert best < float(found["Error: DKS"])
    assert float(found["Gap"]) > 0
    at.button(key="reset").click().run()
    assert not at.exception and "system" not in at.query_params


@pytest.mark.parametrize(
    ("data", "lesson"), [("linear-gssm", "linear"), ("nonlinear-ukf", "nonlinear")]
)
def test_the_sequence_shown_is_within_the_band_two_frames_in_three(data, lesson):
    page(LEARN, lesson="kalman", system=lesson)
    z, exact = models.simulation(data, "test").z, models.exact_posterior(data, "test")
    shown = typical_sequence(z, exact)
    assert (np.abs(z - exact.loc) <= exact.scale)[shown].mean() == pytest.approx(17 / 25)


@pytest.mark.parametrize("lesson", ["kalman", "parameters", "networks", "missing"])
def test_until_the_first_epoch_ends_a_chart_or_its_place_is_kept(runner, lesson):
    at = page(LEARN, lesson=lesson)
    before = len(at.get("plotly_chart"))
    at.button(key="start").click().run()
    assert not at.exception and not at.error and len(runner.submitted)
    assert len(at.get("plotly_chart")) == before
    heights = [block.proto.height_config.pixel_height for block in at.get("flex_container")]
    assert (max(heights, default=0) == _MAX_HEIGHT) == (lesson != "missing")


def test_a_dial_that_waits_has_no_kl_weight():
    experiment = load_experiment(list_experiments()["collapse"])
    states = {"none": "running", "dial": "queued"}
    runs = [
        run_in(states[name], variant.config, name=variant.title, epochs=2 * (name == "none"))
        for name, variant in experiment.variants.items()
    ]
    for run in runs:
        (run.folder / "lesson.json").write_text(json.dumps({"lesson": "collapse"}))
    at = page(LEARN, lesson="collapse", runs=",".join(run.id for run in runs))
    trains, waits = [c.value for c in at.caption if c.value.startswith("KL annealing")]
    assert (
        "current KL weight" in trains
        and "KL weight" not in waits
        and waits.endswith(", in the queue")
    )


def test_the_law_stands_above_alpha_and_beta_before_and_after(runner):
    at = page(LEARN, lesson="parameters")
    (before,) = at.latex
    at.button(key="start").click().run()
    (after,) = at.latex
    assert r"\tanh(\alpha" in before.value and r"\sin(\beta" in before.value
    assert after.value == before.value


def test_alpha_and_beta_begin_to_move(runner):
    at = start(runner, "parameters")
    (run,) = runner.submitted
    learned = run.metrics()[-1]["learned"]
    found = numbers(at)
    assert set(learned) == {"alpha", "beta"} and all(learned.values())
    assert (found["True alpha"], found["True beta"]) == ("0.500", "-0.100")
    assert found["alpha"] == f"{learned['alpha']:.3f}"
    assert len(at.get("plotly_chart")) == 1


def test_six_networks_are_compared_with_the_exact_likelihood(runner):
    at = start(runner, "networks")
    assert len(runner.submitted) == 6
    (table,) = at.dataframe
    exact = models.exact_posterior("linear-gssm", "valid").nll
    rows = table.value
    assert list(rows["Network"]) == list(INPUTS)
    np.testing.assert_allclose(rows["Bound"] - exact, rows["Above the exact NLL"], atol=1e-9)
    assert (rows["Above the exact NLL"] > 0).all()


def test_the_dial_changes_one_of_two_trainings(runner):
    at = start(runner, "collapse", anneal="100", free="1.5")
    none, dial = (run.config().train for run in runner.submitted)
    assert (none.anneal_updates, none.free_bits) == (0, 0.0)
    assert (dial.anneal_updates, dial.free_bits) == (100, 1.5)
    assert [m.label for m in at.metric] == ["Above the exact NLL", "Dimensions in use"] * 2
    assert all(m.value.endswith("of 10") for m in at.metric if m.label == "Dimensions in use")
    assert len(at.get("plotly_chart")) == 2


def test_an_intervention_is_held_against_the_truth(runner):
    at = start(runner, "treatment")
    found = numbers(at)
    assert found["True effect"].startswith("+2") and found["True effect"].endswith(" points")
    assert found["Effect by the model"].endswith(" points")
    treated, untreated = (
        float(found[f"{who}, in the records"].rstrip("%")) for who in ("Treated", "Untreated")
    )
    assert treated > 2 * untreated, "the records seem to say that drugs harm"
    at = page(LEARN, lesson="treatment", do="insulin", feature=FEATURES[1])
    assert numbers(at)["True effect"].startswith("-")


def test_imputation_lies_between_the_share_and_the_best_there_is(runner):
    at = start(runner, "missing", hide="50")
    found = numbers(at)
    best, share, needs = (
        float(found[name].split()[0])
        for name in ("NLL of the true states", "NLL of frequencies", "NLL of the model")
    )
    assert best < share and best < needs
    assert 68 <= float(found["Missing or hidden"].rstrip("%")) <= 72  # 40 %, and half of the rest
    at.number_input(key="patient").set_value(7).run()
    assert not at.exception and not at.error
    at.button(key="reset").click().run()
    assert not at.exception
    assert at.number_input(key="patient").value == 1 and at.slider(key="hide").value == 25


def forecast_by_hand(at, *drawn):
    """Submit forecasts of the first series, as the drawing does."""
    at.session_state["duel.rounds"] = dict(enumerate(drawn, 1))
    at.run()
    assert not at.exception and not at.error
    (table,) = at.table
    return table.value.set_index("Forecast").astype(float)


def test_the_scores_of_the_duel_are_those_of_the_library(runner):
    at = page(LEARN, lesson="duel")
    assert not at.table and "has the equations of the system" in shown(at)
    x = models.simulation("linear-gssm", "test").x[:1]
    past, future = x[:, :15], x[:, 15:]
    exact = kalman_forecast(LINEAR_GSSM, past, 10)
    kalman = GaussianForecast(exact.loc, np.sqrt(exact.cov[None, :, :, 0]))
    train = Sequences(tuple(models.simulation("linear-gssm", "train").x), ("",) * 5000)
    naive = fit_baselines(train).forecasts(list(past), 10)["persistence"]
    guess = GaussianForecast(np.full((1, 10, 1), 2.0), np.full((1, 10, 1), 3.0))
    scores = forecast_by_hand(at, DrawnForecast((2.0,) * 10, 3.0))["CRPS of series 1"]
    for name, made in {"You": guess, "Kalman filter": kalman, "Persistence": naive}.items():
        assert scores[name] == pytest.approx(score_gaussian(made, future).crps, abs=0.0051)
    # The model has the equations of the system, so its forecast is almost the exact one.
    assert scores["Model"] == pytest.approx(scores["Kalman filter"], rel=0.02)
    assert len(at.get("plotly_chart")) == 4


def test_the_duel_adds_up_over_the_series_and_goes_on(runner):
    at = page(LEARN, lesson="duel", series="2")
    sharp = [DrawnForecast(tuple(np.linspace(-5, 5, 10)), 0.0), DrawnForecast((1.0,) * 10, 0.0)]
    scores = forecast_by_hand(at, *sharp)
    future = models.simulation("linear-gssm", "test").x[:2, 15:, 0]
    errors = [np.abs(future[i] - drawn.values).mean() for i, drawn in enumerate(sharp)]
    you = scores.loc["You"]
    assert you["CRPS of series 2"] == pytest.approx(errors[1], abs=0.0051)
    assert you["Total"] == pytest.approx(sum(errors), abs=0.0051)
    assert you["Mean"] == pytest.approx(sum(errors) / 2, abs=0.0051)
    at.button(key="next_series").click().run()
    assert at.number_input(key="series").value == 3 and not at.table
    at.button(key="clear_scores").click().run()
    assert not at.exception and at.session_state["duel.rounds"] == {}


def test_a_trained_model_takes_the_place_of_the_known_one(runner):
    at = start(runner, "duel")
    assert "result of this training" in shown(at)
    scores = forecast_by_hand(at, DrawnForecast((0.0,) * 10, 6.0))["CRPS of series 1"]
    contest_of = forecasts_of_rivals(models.newest_model(runner.submitted[0]), 1)
    assert scores["Model"] == pytest.approx(contest_of["Model"].crps, abs=0.0051)
    assert abs(contest_of["Model"].crps - forecasts_of_rivals(known_model(), 1)["Model"].crps) > 0


def test_the_kalman_filter_has_the_expected_score():
    x = models.simulation("linear-gssm", "test").x
    exact = kalman_forecast(LINEAR_GSSM, x[:, :15], 10)
    scale = np.broadcast_to(np.sqrt(exact.cov[:, :, 0]), exact.loc.shape)
    found = score_gaussian(GaussianForecast(exact.loc, scale), x[:, 15:]).crps
    assert expected_crps() == pytest.approx(found, rel=0.03)
    past, future = x[:, :15], x[:, 15:]
    level = np.broadcast_to(past.mean(1, keepdims=True), future.shape)
    wiggly = np.abs(past[:, 5:] - future).mean()
    flat = np.abs(level - future).mean()
    wide = score_gaussian(GaussianForecast(level, np.full(level.shape, 6.0)), future).crps
    assert found < wide < flat < wiggly  # what the lesson says


@pytest.mark.parametrize(
    "sent",
    [
        None,
        ["series 2", 1.0, 2.0, 3.0],
        ["series 1", 1.0, 2.0],
        ["series 1", 1.0, 2.0, float("nan")],
        ["series 1", -1.0, 2.0, 3.0],
        ["series 1", 1.0, 2.0, "3"],
    ],
)
def test_what_is_no_forecast_of_the_series_is_left_out(sent):
    assert read_forecast(sent, "series 1", 2) is None
    assert read_forecast(["series 1", 0, 2.5, 3], "series 1", 2) == DrawnForecast((2.5, 3.0), 0.0)


def test_custom_experiments_are_compared(runner):
    at = start(runner, "custom")
    (table,) = at.dataframe
    assert list(table.value["Training"]) == ["Linear", "MLP", "Gated"]


def test_a_faulty_file_of_an_experiment_is_one_sentence():
    (home() / "lessons").mkdir()
    (home() / "lessons" / "mine.json").write_text("{")
    at = page(LEARN, lesson="custom", experiment="mine")
    assert len(at.error) == 1 and "not JSON" in at.error[0].value
    assert not primary(page(LEARN, lesson="nonsense"))


def test_a_class_that_clicks_at_once_trains_once(runner):
    one, two = page(LEARN, lesson="parameters"), page(LEARN, lesson="parameters")
    for at in (one, two):
        at.button(key="start").click().run()
        assert not at.exception
    assert len(runner.submitted) == 1
    assert one.query_params["runs"] == two.query_params["runs"]


def test_a_training_that_ends_while_the_page_is_drawn_is_seen_to_end(runner, monkeypatch):
    at = start(runner, "collapse")
    real, asked = Run.state, set()

    def state(run):
        if run.id in asked:
            return real(run)
        asked.add(run.id)
        return "running"

    monkeypatch.setattr(Run, "state", state)
    at.run()
    assert asked == {run.id for run in runner.submitted}
    assert primary(at) == ["Run again"]


def test_reset_goes_back_and_the_next_click_is_another_run(runner):
    at = start(runner, "parameters")
    assert primary(at) == ["Run again"]
    at.button(key="reset").click().run()
    assert "runs" not in at.query_params and primary(at) == ["Run experiment"]
    at.button(key="start").click().run()
    assert not at.exception and len(runner.submitted) == 2
    assert list_runs() == []


def test_a_link_to_a_run_that_is_gone_says_so(runner):
    at = page(LEARN, lesson="parameters", runs="20250101-000000-abcdef,../../etc")
    assert "were deleted" in at.info[0].value and primary(at) == ["Run experiment"]
    own = run_in("finished")
    at = page(LEARN, lesson="parameters", runs=own.id)
    assert "were deleted" in at.info[0].value


def test_a_checkpoint_that_is_replaced_while_it_is_read_is_none(runner):
    start(runner, "parameters")
    (run,) = runner.submitted
    assert models.newest_model(run) is not None
    (run.checkpoints / "999999999.json").symlink_to("gone")
    st.cache_resource.clear()
    for file in run.checkpoints.glob("0*"):
        file.unlink()
    assert models.newest_model(run) is None


def test_old_runs_are_swept(runner, monkeypatch):
    at = start(runner, "parameters")
    first = at.query_params["runs"]
    monkeypatch.setattr(session, "_MAX_AGE", -session._MAX_AGE)
    at.button(key="start").click().run()
    (left,) = list_runs(lessons=True)
    assert left.id != first and left == find_run(left.id)


def test_next_and_previous_lead_through_the_lessons():
    at = page(LEARN)
    assert at.button(key="previous").disabled
    for name in list(LESSONS)[1:]:
        at.button(key="next").click().run()
        assert not at.exception and at.query_params["lesson"] == name
    assert at.button(key="next").disabled


def test_presenter_mode_has_keys_and_folds_the_words_away():
    at = page(LEARN, present="true")
    assert at.button(key="start").proto.shortcut == "enter"
    assert at.button(key="next").proto.shortcut == "right"
    assert not at.expander[0].proto.expanded
    assert not page(LEARN).button(key="start").proto.shortcut


@pytest.mark.parametrize("network", INPUTS)
def test_a_picture_shows_what_a_network_sees(network):
    svg = diagram(network)
    past, future = network.endswith(("-L", "-LR")), network.endswith(("R", "DKS"))
    structured = not network.startswith("MF")
    assert svg.count("<line") == (3 if past != future else 5) + structured


def test_every_lesson_has_its_words():
    assert len(NUMBERED) == 7
    assert all(lesson.question and lesson.explanation.strip() for lesson in LESSONS.values())


def opened(runs, lesson="kalman"):
    return page(LEARN, lesson=lesson, runs=",".join(run.id for run in runs))


def bars(at):
    return [bar.proto.text for bar in at.get("progress")]


def test_the_stop_of_one_leaves_a_shared_training_to_the_others(runner):
    first = page(LEARN, lesson="kalman")
    first.button(key="start").click().run()
    second = page(LEARN, lesson="kalman")
    second.button(key="start").click().run()
    (run,) = runner.submitted
    assert second.query_params["runs"] == first.query_params["runs"] == run.id
    first.button(key="stop").click().run()
    assert not first.exception and run.state() == "queued" and not run.stop_requested()
    assert "so it continues" in shown(first) and "so it continues" not in shown(second)
    assert first.button(key="start").label == "Run again"
    first.button(key="start").click().run()  # joins it again
    assert runner.submitted == [run] and "so it continues" not in shown(first)
    second.button(key="stop").click().run()
    assert run.state() == "queued"
    first.button(key="stop").click().run()
    assert run.state() == "cancelled"


def test_who_waits_sees_the_place_and_who_leaves_gives_it_up(runner):
    ahead, waiting = page(LEARN, lesson="kalman"), page(LEARN, lesson="parameters")
    for at in (ahead, waiting):
        at.button(key="start").click().run()
    joined = page(LEARN, lesson="parameters")
    joined.button(key="start").click().run()
    first, second = runner.submitted
    for at in (waiting, joined):
        at.run()
        assert bars(at) == ["Place 2 in the queue of lessons"]
    ahead.switch_page("pages/3_Runs.py").run()  # nobody watches the first any more
    waiting.run()
    assert first.state() == "cancelled" and second.state() == "queued"
    joined.run()
    assert bars(waiting) == bars(joined) == ["Place 1 in the queue of lessons"]
    assert find_run(second.id).state() == "queued"


def test_a_lesson_of_another_server_is_not_dropped(runner):
    other = create_run(RunConfig(), lesson="kalman")
    at = page(LEARN, lesson="kalman")
    at.button(key="start").click().run()
    at.run()
    assert not at.exception and other.state() == "queued"


def test_a_lesson_may_be_named_by_its_number(dmm_home):
    at = open_page("6_Learn.py", lesson="2")
    assert at.query_params["lesson"] == "parameters"
    at = open_page("6_Learn.py", lesson="<9>")
    assert "There is no lesson" in at.error[0].value and "kalman" in at.error[0].value
