"""The Compose page for models of four voices."""

import base64
import io
import json
from dataclasses import replace

import mido
import numpy as np
import pytest
import streamlit as st
from page_models import page, voices_run

from dmm_core.errors import ConfigError
from dmm_core.music.meter import Meter
from dmm_core.music.voices import REST
from pages.ui.models import load_source
from pages.ui.voices.arrangement import Redrawing, _results, arrange
from pages.ui.voices.performance import VoicesPerformance, midi_file, score_file, sound
from pages.ui.voices.starts import WAYS, Start, way_named
from pages.ui.voices.working_score import ScoreNote, empty_score

COMPOSE = "pages/5_Compose.py"
pytestmark = pytest.mark.usefixtures("chorales_home")


@pytest.fixture(autouse=True)
def fresh_caches(chorales_home):
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


def shown(at):
    (element,) = at.main.get("bidi_component")
    return json.loads(element.proto.json)


def notes(at):
    """The notes in the player: voice, pitch, start, end, locked."""
    numbers = np.frombuffer(base64.b64decode(shown(at)["notes"]), "<i2")
    return [tuple(note) for note in numbers.reshape(-1, 5).tolist()]


def compose(at):
    at.button(key="another").click().run()
    assert not at.exception and not at.error
    return notes(at)


MELODY = tuple(
    ScoreNote(0, pitch, 4 * beat, 4 * beat + 4, locked=True)
    for beat, pitch in enumerate((72, 74, 76, 72, 79, 77, 76, 74))
)
SCORE = empty_score(Meter(4), 8).with_notes(MELODY, frozenset())
SHORT = empty_score(Meter(4), 1).with_notes(MELODY[:1], frozenset())


def test_every_way_to_begin_plays_and_its_link_says_it_all():
    run = voices_run().id
    for mode in WAYS:
        address = {"run": run, "mode": mode, "count": "1", "bars": "2", "split": "valid"}
        address |= {"piece": "2", "seed": "5"}
        at = page(COMPOSE, **address)
        assert not at.error, mode
        assert len(at.get("download_button")) == 3
        found = notes(at)
        assert bool(found) == (mode != "draw")
        if mode in ("harmonise", "infill"):
            assert notes(page(COMPOSE, **address)) == found


def test_a_drawn_melody_is_kept_while_the_rest_is_composed_again_and_again():
    at = page(COMPOSE, run=voices_run().id, score=SCORE.to_text(), asis="true", count="1")
    assert not at.error
    melody = [tuple(note) for note in MELODY]
    assert notes(at) == melody
    assert at.button(key="another").label == "Compose the rest"
    first = compose(at)
    assert [note for note in first if note[0] == 0 and note[4]] == melody
    assert {note[0] for note in first} == {0, 1, 2, 3} and "asis" not in at.query_params
    second = compose(at)
    assert first != second
    assert [note for note in second if note[4]] == melody
    (start_over,) = [button for button in at.button if button.label == "Start over"]
    start_over.click().run()
    assert "score" not in at.query_params and not at.error


def test_a_drawing_stays_when_length_and_meter_change():
    address = {"mode": "draw", "bars": "2", "score": SCORE.to_text(), "asis": "true"}
    at = page(COMPOSE, run=voices_run().id, **address)
    at.number_input(key="bars").set_value(3).run()
    assert notes(at) == [tuple(note) for note in MELODY] and shown(at)["frames"] == 48
    at.selectbox(key="choose.meter").set_value("3").run()
    at.number_input(key="upbeat").set_value(1).run()
    assert notes(at) == [tuple(note) for note in MELODY] and not at.error
    assert (shown(at)["beats"], shown(at)["upbeat"], shown(at)["frames"]) == (3, 1, 40)
    at.number_input(key="bars").set_value(1).run()
    assert notes(at) == [tuple(note) for note in MELODY[:4]] and "asis" in at.query_params


def test_the_rhythm_can_stay_while_the_pitches_change():
    run = voices_run()
    (first,) = arrange(load_source(run), SCORE, Redrawing(count=1, seed=1), lambda done: None)
    at = page(COMPOSE, run=run.id, score=first.score.to_text(), asis="true", count="1")
    (button,) = [button for button in at.button if button.label == "New pitches"]
    button.click().run()
    assert not at.error and at.query_params["redraw"] == "pitches"
    found = notes(at)

    def rhythm(some):
        return [(voice, start) for voice, _, start, _, _ in some]

    assert rhythm(found) == rhythm(first.score.notes)
    assert [n[1] for n in found] != [n.pitch for n in first.score.notes]


def test_a_locked_score_leaves_nothing_to_compose():
    full = SCORE.with_notes(MELODY, frozenset(range(4)))
    at = page(COMPOSE, run=voices_run().id, score=full.to_text())
    assert not at.error and at.button(key="another").disabled


def test_alternatives_are_reproducible_differ_and_stay_in_the_scale():
    model = load_source(voices_run())
    asked = Redrawing(count=3, seed=4, scale="major", tonic=0)
    steps = []
    found = arrange(model, SCORE, asked, steps.append)
    assert len(steps) == SCORE.beats and steps[-1] == 1
    assert arrange(model, SCORE, asked, steps.append) is found and len(steps) == SCORE.beats
    assert len({each.score for each in found}) == 3
    for each in found:
        pitches = each.score.piece.pitches
        assert set((pitches[pitches != REST] % 12).tolist()) <= {0, 2, 4, 5, 7, 9, 11}
        assert each.chances.shape == pitches.shape and each.path.loc.shape == (SCORE.beats, 2)
        assert np.array_equal(each.score.kept, SCORE.kept)
    # What the score has already is no alternative if there is another.
    again = arrange(model, found[0].score, asked, steps.append)
    assert [each.score for each in again[:2]] == [each.score for each in found[1:]]
    assert np.array_equal(again[0].chances, found[1].chances)
    assert len(again) == 3 and again[2].score != found[0].score


def test_a_finished_piece_is_there_at_once_while_another_is_composed():
    model, steps = load_source(voices_run()), []
    asked = Redrawing(count=1, seed=4)
    found = arrange(model, SHORT, asked, lambda done: None)
    composing = _results().composing
    composing.acquire()

    def wait(done):
        steps.append(done)
        if len(steps) == 1:
            composing.release()  # the other piece is finished

    assert arrange(model, SHORT, asked, steps.append) is found and not steps
    arrange(model, SHORT, replace(asked, seed=5), wait)
    assert steps[0] == 0 and steps[-1] == 1 and not composing.locked()

    def end(done):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        arrange(model, SHORT, replace(asked, seed=6), end)
    assert not composing.locked(), "what was ended leaves room for the next"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ({"mode": "harmonise", "voice": "baritone"}, "choose one above"),
        ({"meter": "7"}, "meter"),
        ({"score": "xyz"}, "Copy the link again"),
        ({"hear": "9"}, "alternative"),
        ({"scale": "klingon"}, "not offered"),
        ({"mode": "infill", "region": "x"}, "choose them with the slider"),
        ({"mode": "harmonise", "from": "space"}, "chorale or a file"),
    ],
)
def test_a_bad_address_is_answered_in_a_sentence(address, says):
    at = page(COMPOSE, **({"run": voices_run().id, "bars": "2", "count": "1"} | address))
    assert says in at.error[0].value


def test_an_unknown_redraw_composes_everything():
    at = page(COMPOSE, run=voices_run().id, bars="2", count="1", redraw="x")
    assert not at.error and notes(at)


def test_an_unknown_mode_begins_a_new_piece():
    at = page(COMPOSE, run=voices_run().id, mode="fugue", bars="2", count="1")
    assert not at.error and "fugue" in at.toast[0].value
    with pytest.raises(ConfigError, match="no mode"):
        way_named("fugue")


def test_files_have_the_notes_that_are_played():
    how = VoicesPerformance(tempo=60, staves=4)
    assert b"score-partwise" in score_file(SCORE, how, "Melody")
    assert len(sound(SCORE, how)) > 44 + 8 * 44_100
    midi = mido.MidiFile(file=io.BytesIO(midi_file(SCORE, how, "Melody")))
    played = [m.note for track in midi.tracks for m in track if m.type == "note_on" and m.velocity]
    assert played == [note.pitch for note in MELODY]


@pytest.mark.parametrize(
    "wrong",
    [{"count": 0}, {"temperature": 3.0}, {"what": "x"}, {"scale": "x"}, {"tonic": 12}],
)
def test_settings_out_of_bounds_are_refused(wrong):
    with pytest.raises(ConfigError):
        Redrawing(**wrong)


@pytest.mark.parametrize("wrong", [{"tempo": 10}, {"instrument": "kazoo"}, {"staves": 3}])
def test_performances_out_of_bounds_are_refused(wrong):
    with pytest.raises(ConfigError):
        VoicesPerformance(**wrong)


def test_data_and_latent_play_a_chorale_in_voices():
    for file, address in (
        ("pages/1_Data.py", {"data": "jsb-m21-voices"}),
        ("pages/4_Latent.py", {"run": voices_run().id}),
    ):
        at = page(file, **address, split="valid", piece="5")
        assert not at.error
        (played,) = [json.loads(e.proto.json) for e in at.main.get("bidi_component")]
        assert played["stepsPerQuarter"] == 4 and played["frames"] % 4 == 0
        assert (played["bar"], played["upbeat"]) == (3, 1)  # BWV 17.7
        assert bool(played["path"]) == (file == "pages/4_Latent.py") == bool(played["kl"])


@pytest.mark.parametrize("mode", ["continue", "infill"])
def test_notes_that_reach_over_the_end_of_a_region_stay_outside_it(mode, monkeypatch):
    """Of a note that ends in the region, at least the part outside is kept."""
    held = tuple(ScoreNote(voice, 60, 0, 40) for voice in range(3))  # over bars 1 to 3
    whole = empty_score(Meter(4), 16).with_notes(held, frozenset())
    given = Start(whole, "Held", "held")
    monkeypatch.setattr("pages.ui.voices.starts._ask_given", lambda *_, **__: given)
    at = page(COMPOSE, run=voices_run().id, mode=mode, region="2-2", kept="1", more="1", count="1")
    assert not at.error
    kept = [note for note in notes(at) if note[4]]
    end = 40 if mode == "infill" else 16
    assert kept == [(voice, 60, 0, end, True) for voice in range(3)]
