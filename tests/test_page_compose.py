import io
import wave

import numpy as np
import pytest
import streamlit as st
from page_models import music_run, page, real_run, running_run, shown
from test_page_data import scale

from dmm_core.errors import ConfigError
from dmm_core.music.midi import read_midi
from pages.ui.compose.drawing import Plan, compose
from pages.ui.compose.performance import INSTRUMENTS, Performance, midi, sound
from pages.ui.models import trained
from pages.ui.octave import shifted

COMPOSE = "pages/5_Compose.py"


@pytest.fixture(autouse=True)
def fresh_caches(dmm_home):
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def no_bundles(monkeypatch):
    monkeypatch.setattr("pages.ui.picker.list_bundled", list)


def plan(**changes):
    start = {"mode": "new", "count": 2, "frames": 12, "seed": 3}
    return Plan(**({"z_temperature": 1.0, "x_temperature": 1.0} | start | changes))


def music(at):
    (element,) = at.get("bidi_component")
    return element.proto.json


def test_without_runs_the_bundled_model_composes():
    at = page(COMPOSE, frames="16")
    assert not at.error and len(at.get("bidi_component")) == 1
    assert at.query_params["run"] == "bundled:chorales"
    assert len(at.get("download_button")) == 2


def test_without_any_model_it_says_what_to_do(no_bundles):
    assert "train one first" in page(COMPOSE).info[0].value


def test_a_running_run_cannot_compose_yet(no_bundles):
    at = page(COMPOSE, run=running_run().id)
    assert "no checkpoint" in at.error[0].value


def test_a_finished_run_composes_and_the_link_says_it_all():
    address = {"run": music_run().id, "count": "3", "frames": "20", "hear": "2", "seed": "5"}
    address |= {"zt": "0.5", "xt": "1.5", "tempo": "120", "instrument": "organ", "octave": "1"}
    address |= {"notes": "strike"}
    at = page(COMPOSE, **address)
    assert not at.error
    assert at.number_input(key="count").value == 3
    assert at.slider(key="zt").value == 0.5 and at.slider(key="xt").value == 1.5
    assert at.selectbox(key="choose.instrument").value == "organ"
    assert music(at) == music(page(COMPOSE, **address))
    assert music(at) != music(page(COMPOSE, **(address | {"hear": "3"})))


def test_a_model_of_no_music_is_one_plain_sentence():
    at = page(COMPOSE, run=real_run().id)
    assert "only a model of piano" in at.error[0].value.replace("\\", "")


def test_fewer_alternatives_let_the_first_be_heard():
    at = page(COMPOSE, run=music_run().id, frames="8", hear="4")
    at.number_input(key="count").set_value(2).run()
    assert not at.exception and not at.error
    assert "hear" not in at.query_params


def test_a_piece_is_continued_and_stands_in_front():
    run = music_run()
    model = trained(run)
    start = np.zeros((5, 88), np.uint8)
    start[:, 40] = 1
    pieces = compose(model, plan(mode="continue"), start)
    for piece in pieces:
        assert piece.roll.shape == piece.probabilities.shape == (17, 88)
        assert np.array_equal(piece.roll[:5], start > 0)
        assert piece.path.loc.shape == piece.path.scale.shape == (17, 2)
    assert not np.array_equal(pieces[0].roll[5:], pieces[1].roll[5:])
    at = page(COMPOSE, run=run.id, mode="continue", split="test", begin="4", frames="8")
    assert not at.error
    assert at.number_input(key="begin").value == 4


def test_a_piece_is_reconstructed_and_can_be_compared():
    run = music_run()
    start = np.zeros((6, 88), np.uint8)
    pieces = compose(trained(run), plan(mode="reconstruct", frames=6, x_temperature=0.0), start)
    assert pieces[0].kl.shape == (6,)
    assert np.array_equal(pieces[0].roll, pieces[0].probabilities > 0.5)
    original = page(COMPOSE, run=run.id, mode="reconstruct", hear="0")
    assert not original.error
    assert music(original) != music(page(COMPOSE, run=run.id, mode="reconstruct"))


def test_a_file_is_continued_and_a_bad_one_refused():
    at = page(COMPOSE, run=music_run().id, mode="file", frames="8")
    assert not at.get("bidi_component")
    at.file_uploader(key="midi_file").upload("good.mid", scale()).run()
    assert not at.exception and not at.error
    assert len(at.get("bidi_component")) == 1 and "holds everything" not in shown(at)
    at.file_uploader(key="midi_file").set_value([]).run()
    at.file_uploader(key="midi_file").upload("bad.mid", b"not midi").run()
    assert not at.exception and len(at.error) == 1


@pytest.mark.parametrize(
    "address",
    [{"mode": "x"}, {"hear": "9"}, {"run": "bundled:.."}, {"mode": "continue", "piece": "0"}],
)
def test_a_bad_address_is_one_plain_sentence(address):
    at = page(COMPOSE, **({"run": music_run().id, "frames": "8"} | address))
    assert len(at.error) == 1 and not at.get("bidi_component")


@pytest.mark.parametrize(
    "address",
    [{"count": "999999999"}, {"frames": "-3"}, {"zt": "nan"}, {"seed": "x"}, {"tempo": "0"}],
)
def test_a_number_out_of_bounds_is_ignored(address):
    at = page(COMPOSE, **({"run": music_run().id} | address))
    assert not at.error and len(at.get("bidi_component")) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "x"},
        {"count": 0},
        {"count": 10**9},
        {"frames": 0},
        {"frames": 10**9},
        {"z_temperature": float("nan")},
        {"x_temperature": -1.0},
        {"seed": -1},
    ],
)
def test_a_plan_out_of_bounds_is_refused_whatever_the_widget_said(changes):
    with pytest.raises(ConfigError):
        plan(**changes)


@pytest.mark.parametrize("changes", [{"tempo": 0}, {"tempo": 10**6}, {"instrument": "x"}])
def test_a_performance_out_of_bounds_is_refused(changes):
    with pytest.raises(ConfigError):
        Performance(1, **changes)


def test_octaves_move_every_note_and_what_leaves_the_keyboard_is_left_out():
    roll = np.zeros((1, 88), bool)
    roll[0, [0, 30, 87]] = True
    assert np.flatnonzero(shifted(roll, 1)).tolist() == [12, 42]
    assert np.flatnonzero(shifted(roll, -1)).tolist() == [18, 75]
    assert np.array_equal(shifted(roll, 0), roll)


def test_the_midi_and_the_sound_are_those_of_the_roll():
    roll = np.zeros((8, 88), bool)
    roll[:, 39] = True
    struck = Performance(2, tempo=120, rearticulate=True, instrument="organ")
    score = read_midi(midi(roll, struck))
    assert [note.pitch for note in score.notes] == [60] * 8
    assert (score.tempo, score.programs) == (120.0, (INSTRUMENTS["organ"].program,))
    tied = Performance(2, tempo=120, rearticulate=False)
    assert len(read_midi(midi(roll, tied)).notes) == 1
    with wave.open(io.BytesIO(sound(roll, tied))) as file:
        seconds = file.getnframes() / file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert 2.0 <= seconds < 4.0
    assert 1000 < np.abs(samples).max() < 32767
