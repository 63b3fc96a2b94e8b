import base64
import io
import json
import wave

import mido
import music21
import numpy as np
import pytest
import streamlit as st
from page_models import music_run, page, real_run, running_run, shown
from test_page_data import scale

from dmm_core.errors import ConfigError
from dmm_core.music.midi import midi_from_notes, read_midi
from dmm_core.music.pianoroll import Note
from dmm_core.music.transposition import transposed
from dmm_core.runs.store import find_run
from pages.ui.compose.composition import compose
from pages.ui.compose.inputs import GivenPiece, Inputs
from pages.ui.compose.modes import MODES as ALL_MODES, Ask, Drawn, Mode, Pieces, mode_named
from pages.ui.compose.performance import INSTRUMENTS, Performance, midi, score, sound
from pages.ui.compose.rendered import file_stem
from pages.ui.compose.request import CompositionRequest, NoteConstraints
from pages.ui.models import load_source
from pages.ui.pitch import SoundingPiece

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
    values = {"mode": "new", "count": 2, "frames": 12, "seed": 3}
    values |= {"z_temperature": 1.0, "x_temperature": 1.0} | changes
    return CompositionRequest(**(values | {"mode": mode_named(values["mode"])}))


def music(at):
    (element,) = at.main.get("bidi_component")
    return element.proto.json


def data(at):
    return json.loads(music(at))


def heard(at):
    """The roll in the player, unpacked."""
    return unpacked(data(at))


def unpacked(said):
    bits = np.unpackbits(np.frombuffer(base64.b64decode(said["roll"]), np.uint8))
    return bits[: said["frames"] * 88].reshape(-1, 88) > 0


PIECE = np.zeros((12, 88), np.uint8)
PIECE[np.arange(12), 39 + np.arange(12) // 2] = 1


def test_without_runs_the_bundled_model_composes():
    at = page(COMPOSE, bars="2", count="1")
    assert not at.error and len(at.main.get("bidi_component")) == 1
    assert at.query_params["run"] == "bundled:voices"
    links = {link.label: link.proto.query_string for link in at.sidebar.page_link}
    assert links["Latent"] == ""  # a choice of the page, not of a person
    assert len(at.get("download_button")) == 3


def test_without_any_model_it_says_what_to_do(no_bundles):
    assert "Train one first" in page(COMPOSE).info[0].value


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


def test_a_model_of_no_music_leads_to_the_forecast_page():
    at = page(COMPOSE, run=real_run().id)
    assert "is not a model of music" in at.info[0].value and not at.error


def test_fewer_alternatives_let_the_first_be_heard():
    at = page(COMPOSE, run=music_run().id, frames="8", hear="4")
    at.number_input(key="count").set_value(2).run()
    assert not at.exception and not at.error
    assert "hear" not in at.query_params


def test_a_piece_is_continued_and_stands_in_front():
    run = music_run()
    model = load_source(run)
    start = np.zeros((5, 88), np.uint8)
    start[:, 40] = 1
    pieces = compose(model, plan(mode="continue"), Pieces(start))
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
    pieces = compose(
        load_source(run), plan(mode="reconstruct", frames=6, x_temperature=0.0), Pieces(start)
    )
    assert pieces[0].kl.shape == (6,)
    assert np.array_equal(pieces[0].roll, pieces[0].probabilities > 0.5)
    original = page(COMPOSE, run=run.id, mode="reconstruct", hear="0")
    assert not original.error
    assert music(original) != music(page(COMPOSE, run=run.id, mode="reconstruct"))


def test_a_file_is_continued_and_a_bad_one_refused():
    at = page(COMPOSE, run=music_run().id, mode="continue", **{"from": "file"}, frames="8")
    assert not at.main.get("bidi_component")
    at.file_uploader(key="midi_file").upload("good.mid", scale()).run()
    assert not at.exception and not at.error
    assert len(at.main.get("bidi_component")) == 1 and "holds everything" not in shown(at)
    at.file_uploader(key="midi_file").set_value([]).run()
    at.file_uploader(key="midi_file").upload("bad.mid", b"not midi").run()
    assert not at.exception and len(at.error) == 1


def test_a_file_comes_back_at_its_own_pitch_and_its_link_asks_for_it():
    address = {"run": "bundled:chorales", "mode": "reconstruct", "from": "file", "hear": "0"}
    at = page(COMPOSE, **address)
    at.file_uploader(key="midi_file").upload("good.mid", scale((48, 64, 67, 72, 96))).run()
    assert not at.exception and not at.error
    assert (np.argwhere(heard(at))[:, 1] + 21).tolist() == [48, 64, 67, 72, 96]
    assert at.query_params["file"] == "good.mid"
    assert "good\\.mid" in [each.proto.popover.label for each in at.get("popover")]
    fresh = page(COMPOSE, **address, file="good.mid")
    assert "made with the file good\\.mid" in fresh.info[0].value


CADENCE = ((62, 66, 69), (67, 71, 74), (69, 73, 76), (62, 66, 69))  # D major


def chords(pitches=CADENCE):
    notes = [Note(p, i / 2, i / 2 + 0.5) for i, chord in enumerate(pitches) for p in chord]
    return midi_from_notes(notes, tempo=120)


def with_file(content, **address):
    address = {"run": "bundled:chorales", "from": "file", "frames": "16", "count": "1"} | address
    at = page(COMPOSE, **address)
    at.file_uploader(key="midi_file").upload("start.mid", content).run()
    assert not at.exception and not at.error
    return at


@pytest.mark.parametrize(
    "mode", [{"mode": "continue"}, {"mode": "infill", "gap": "1-2"}], ids=lambda mode: mode["mode"]
)
def test_a_file_in_d_goes_to_the_model_in_c_and_comes_back_in_d(mode, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "pages.ui.compose.page.compose",
        lambda model, plan, pieces: seen.append(pieces.first) or compose(model, plan, pieces),
    )
    at = with_file(chords(), **mode)
    assert "Estimated key: D major" in shown(at)
    assert "in C major" in shown(at) and "transposed back to D major" in shown(at)
    given = [set(chord) for chord in CADENCE]
    assert [set(np.flatnonzero(x) + 21) for x in seen[0]] == [{p + 10 for p in c} for c in given]
    first, last = data(at)["composed"]
    outside = [i for i in range(4) if not first <= i <= last]
    assert [set(np.flatnonzero(heard(at)[i]) + 21) for i in outside] == [given[i] for i in outside]
    (piece,) = compose(
        load_source(find_run("bundled:chorales")),
        plan(
            mode=mode["mode"],
            count=1,
            frames=16 if mode["mode"] == "continue" else 4,
            seed=1,
            region=(1, 3) if "gap" in mode else None,
            constraints=NoteConstraints(sounding_shift=-10),
        ),
        Pieces(seen[0]),
    )
    composed = slice(first, last + 1)
    assert np.array_equal(heard(at)[composed], transposed(piece.roll, -10)[composed])


def test_the_move_into_the_models_key_can_be_changed_and_stands_in_the_link():
    at = with_file(chords(), mode="continue", move="3")
    assert at.selectbox(key="choose.move").value == "3"
    assert "sees the piece in F major" in shown(at)
    assert set(np.flatnonzero(heard(at)[0]) + 21) == set(CADENCE[0])
    at.selectbox(key="choose.move").set_value("auto").run()
    assert at.query_params["move"] == "auto" and "in C major" in shown(at)
    assert "Estimated key" not in shown(page(COMPOSE, run="bundled:chorales", frames="8"))


def test_a_key_is_kept_to_as_it_is_heard():
    at = with_file(chords(), mode="continue", scale="major", tonic="2", xt="2")
    composed = heard(at)[4:]
    assert composed.any() and "D major" in data(at)["title"]
    assert {int(p - 2) % 12 for p in np.flatnonzero(composed.any(0)) + 21} <= {0, 2, 4, 5, 7, 9, 11}


def test_notes_that_the_model_does_not_reach_come_back_all_the_same():
    pitches = ((108, 62, 66, 69), *CADENCE[1:])
    at = with_file(chords(pitches), mode="continue")
    assert "which ignores them: 1" in shown(at)
    assert set(np.flatnonzero(heard(at)[0]) + 21) == set(pitches[0])


def test_a_file_is_continued_from_its_end():
    at = page(COMPOSE, run=music_run().id, mode="continue", **{"from": "file"}, frames="8")
    at.file_uploader(key="midi_file").upload("good.mid", scale((60, 62) * 10)).run()
    assert at.number_input(key="begin").value == 40


@pytest.mark.parametrize(
    "address",
    [
        {"hear": "9"},
        {"run": "bundled:.."},
        {"mode": "continue", "piece": "0"},
        {"mode": "infill", "gap": "x"},
        {"mode": "morph", "to": "99"},
        {"mode": "continue", "from": "x"},
        {"scale": "x"},
        {"voices": "44"},
        {"tonic": "12"},
        {"register": "9-3"},
    ],
)
def test_a_bad_address_is_one_plain_sentence(address):
    at = page(COMPOSE, **({"run": music_run().id, "frames": "8"} | address))
    assert len(at.error) == 1 and not at.main.get("bidi_component")


@pytest.mark.parametrize(
    "address",
    [
        {"frames": "-3", "count": "999999999", "zt": "nan", "seed": "x", "loop": "x"},
        {"frames": "8", "tempo": "0", "density": "99", "swing": "90"},
        {"frames": "8", "loop": "9-3"},
        {"frames": "8", "loop": "0-9999"},
    ],
)
def test_a_number_out_of_bounds_is_ignored(address):
    at = page(COMPOSE, **({"run": music_run().id} | address))
    assert not at.error and data(at)["loop"] is None


@pytest.mark.parametrize("mode", ["file", "<b>"])
def test_an_unknown_mode_in_the_address_is_reported_and_new_music_is_composed(mode):
    at = page(COMPOSE, run=music_run().id, frames="8", mode=mode)
    assert not at.error and len(at.main.get("bidi_component")) == 1
    assert "of this link does not exist" in at.toast[0].value
    assert "the mode “New” instead" in at.toast[0].value and "<b>" not in at.toast[0].value
    assert "mode" not in at.query_params
    assert not at.run().toast


def test_the_address_gives_the_player_its_loop():
    run = music_run()
    at = page(COMPOSE, run=run.id, frames="8", loop="2-5")
    assert data(at)["loop"] == [2, 5]
    assert data(page(COMPOSE, run=run.id, frames="8", loop="2-8"))["loop"] is None


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


def test_an_unknown_mode_is_refused_with_the_modes_that_exist():
    with pytest.raises(ConfigError, match=r"no mode 'x'; the modes are new, continue, infill"):
        mode_named("x")


@pytest.mark.parametrize("mode", ["continue", "infill", "morph", "reconstruct"])
def test_a_mode_without_its_piece_is_refused(mode):
    with pytest.raises(ConfigError, match=r"needs a (second )?(piece|region)"):
        compose(load_source(music_run()), plan(mode=mode), None)
    if mode == "morph":
        with pytest.raises(ConfigError, match="needs a second piece"):
            compose(load_source(music_run()), plan(mode=mode), Pieces(PIECE))


def reverse(model, request, pieces):
    """The given piece backwards, `request.count` times."""
    roll = pieces.first[::-1] > 0
    z = np.zeros((len(roll), model.z_dim), np.float32)
    return [Drawn(roll, roll.astype(np.float32), z, z + 1)] * request.count


def test_a_new_mode_is_one_record_and_one_function(monkeypatch):
    mode = Mode(
        key="reverse",
        label="Reverse",
        help="a piece backwards",
        compose=reverse,
        title="{piece}, reversed",
        file_stem="reversed",
        path_note="The path is constant.",
        asks=frozenset({Ask.PIECE}),
        icon=":material/fast_rewind:",
        has_original=True,
    )
    monkeypatch.setitem(ALL_MODES, mode.key, mode)
    address = {"run": music_run().id, "split": "test", "octave": "0"}
    at = page(COMPOSE, **address)
    choose_mode(at, mode.key)
    assert not at.exception and not at.error and not at.toast
    assert at.query_params["mode"] == "reverse"
    assert "composes a piece backwards" in at.button_group(key="choose.mode").help
    assert data(at)["title"].endswith(", reversed, alternative 1")
    assert data(at)["path"][2].endswith("The path is constant.")
    backwards = heard(at)
    original = heard(page(COMPOSE, **address, mode="reverse", hear="0"))
    assert original.any() and np.array_equal(backwards, original[::-1])
    request = plan(mode="reverse", frames=12)
    inputs = Inputs(GivenPiece(SoundingPiece(PIECE), "A song"))
    assert file_stem("m", request, 1, inputs, 1) == "a-song_reversed_seed3_1_m"


@pytest.mark.parametrize(
    "changes", [{"tempo": 0}, {"tempo": 10**6}, {"instrument": "x"}, {"swing": 0.9}]
)
def test_a_performance_out_of_bounds_is_refused(changes):
    with pytest.raises(ConfigError):
        Performance(1, **changes)


def test_octaves_move_every_note_and_what_leaves_the_keyboard_is_left_out():
    roll = np.zeros((1, 88), bool)
    roll[0, [0, 30, 87]] = True
    assert np.flatnonzero(transposed(roll, 12)).tolist() == [12, 42]
    assert np.flatnonzero(transposed(roll, -12)).tolist() == [18, 75]
    assert np.array_equal(transposed(roll, 0), roll)


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


@pytest.mark.parametrize(
    "changes",
    [
        {"scale": "x"},
        {"voices": "x"},
        {"tonic": 12},
        {"lowest": 5},
        {"lowest": 70, "highest": 60},
        {"density": float("nan")},
    ],
)
def test_what_cannot_be_kept_is_refused_whatever_the_widget_said(changes):
    with pytest.raises(ConfigError):
        NoteConstraints(**changes)


def test_a_region_is_infilled_and_the_rest_of_the_piece_stays():
    model = load_source(music_run())
    pieces = compose(model, plan(mode="infill", region=(4, 8)), Pieces(PIECE))
    for piece in pieces:
        assert np.array_equal(piece.roll[:4], PIECE[:4] > 0)
        assert np.array_equal(piece.roll[8:], PIECE[8:] > 0)
        assert piece.roll.shape == piece.probabilities.shape and piece.kl.shape == (12,)
    assert not np.array_equal(pieces[0].roll[4:8], pieces[1].roll[4:8])


def test_the_page_infills_the_region_of_the_address_and_lets_the_original_be_heard():
    address = {"run": music_run().id, "mode": "infill", "split": "test", "gap": "4-7"}
    at = page(COMPOSE, **address)
    assert not at.error and data(at)["composed"] == [4, 7]
    original = page(COMPOSE, **(address | {"hear": "0"}))
    locked = np.r_[:4, 8:12]
    assert np.array_equal(heard(at)[locked], heard(original)[locked])
    assert not np.array_equal(heard(at), heard(original))
    assert "from 1:3 to 1:4½" in data(at)["title"]
    at.select_slider(key="choose.gap").set_range(2, 5).run()
    assert not at.error and data(at)["composed"] == [2, 5]
    assert at.query_params["gap"] == "2-5"
    beyond = page(COMPOSE, **(address | {"gap": "4-999"}))
    assert not beyond.error and data(beyond)["composed"] == [4, 11]


def test_a_morph_goes_from_one_piece_to_the_other():
    address = {"run": music_run().id, "mode": "morph", "split": "train", "to": "2", "count": "3"}
    at = page(COMPOSE, **address)
    assert not at.error and "on the way to" in data(at)["title"]
    assert music(at) == music(page(COMPOSE, **address))
    assert music(at) != music(page(COMPOSE, **(address | {"sweep": "true"})))
    assert music(at) != music(page(COMPOSE, **(address | {"hear": "2"})))


MODES = [
    {"mode": "new", "frames": "12"},
    {"mode": "continue", "split": "test", "begin": "4", "frames": "8"},
    {"mode": "infill", "split": "test", "gap": "4-7"},
    {"mode": "morph", "split": "train", "to": "2"},
    {"mode": "reconstruct", "split": "test"},
]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode["mode"])
def test_no_composed_note_leaves_the_key_or_the_register(mode):
    address = {"run": music_run().id, "xt": "2", "scale": "minor", "tonic": "9", **mode}
    at = page(COMPOSE, **address, register="48-72", density="1", octave="1")
    assert not at.error
    roll = heard(at)
    first, last = data(at)["composed"] or (0, len(roll) - 1)
    pitches = np.flatnonzero(roll[first : last + 1].any(0)) + 21
    assert len(pitches) > 3 and pitches.min() >= 48 and pitches.max() <= 72
    assert {int(p - 9) % 12 for p in pitches} <= {0, 2, 3, 5, 7, 8, 10}


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode["mode"])
@pytest.mark.parametrize(("voices", "counts"), [("4", {4}), ("up-to-2", {0, 1, 2})])
def test_every_composed_frame_has_the_voices_that_were_asked_for(mode, voices, counts):
    address = {"run": music_run().id, "scale": "major", "tonic": "2", "voices": voices, **mode}
    at = page(COMPOSE, **address, register="40-80")
    assert not at.error and ("voices" in data(at)["title"] or "notes" in data(at)["title"])
    roll = heard(at)
    first, last = data(at)["composed"] or (0, len(roll) - 1)
    drawn = roll[first : last + 1]
    assert set(drawn.sum(1)) <= counts and not (drawn[:, 1:] & drawn[:, :-1]).any()
    pitches = np.flatnonzero(drawn.any(0)) + 21
    assert pitches.min() >= 40 and pitches.max() <= 80
    assert {int(p - 2) % 12 for p in pitches} <= {0, 2, 4, 5, 7, 9, 11}
    assert music(at) == music(page(COMPOSE, **address, register="40-80"))


def test_more_voices_than_there_is_room_for_are_one_plain_sentence():
    at = page(COMPOSE, run=music_run().id, frames="8", voices="4", register="60-64")
    assert len(at.error) == 1 and "At most 3 notes fit" in at.error[0].value
    assert "no two of them a semitone apart" in at.error[0].value


def test_a_register_without_a_note_of_the_scale_is_one_plain_sentence():
    at = page(COMPOSE, run=music_run().id, frames="8", scale="major", register="61-61")
    assert len(at.error) == 1 and "No note is left" in at.error[0].value


def test_what_was_made_can_be_pinned_undone_and_opened_again():
    at = page(COMPOSE, run=music_run().id, frames="8", seed="5")
    assert at.button(key="undo").disabled
    first = music(at)
    at.slider(key="xt").set_value(0.5).run()
    at.button(key="another").click().run()
    third = music(at)
    assert not at.button(key="undo").disabled
    at.button(key="history.pin.2").click().run()
    at.button(key="undo").click().run()
    assert at.slider(key="xt").value == 0.5
    assert not at.button(key="undo").disabled
    at.button(key="undo").click().run()
    assert music(at) == first and at.number_input(key="seed").value == 5
    assert at.button(key="undo").disabled
    at.button(key="history.open.2").click().run()
    assert music(at) == third and not at.exception and not at.warning
    choose_mode(at, "infill")
    assert not at.exception and not at.error
    at.button(key="undo").click().run()
    assert not at.exception and not at.warning and music(at) == third


def test_rows_of_the_history_say_what_they_were_made_with_where_it_differs():
    run = music_run()
    at = page(COMPOSE, run=run.id, frames="8", seed="5")
    assert "seed 5 (now)" in shown(at).replace("\\", "")
    at.slider(key="xt").set_value(0.5).run()
    said = shown(at).replace("\\", "")
    assert "seed 5, x 1" in said and "seed 5, x 0.5 (now)" in said and ", z 1" not in said
    at.slider(key="zt").set_value(0.0).run()
    said = shown(at).replace("\\", "")
    assert "seed 5, z 1, x 0.5" in said and "seed 5, z 0, x 0.5 (now)" in said
    assert run.id not in said
    at.query_params["run"] = "bundled:chorales"
    at.run()
    assert f"seed 5, z 1, x 1, mine · {run.id}" in shown(at).replace("\\", "")


def choose_mode(at, mode):
    (modes,) = [b for b in at.button_group if b.key == "choose.mode"]
    modes.set_value(mode).run()


def test_a_blind_test_reveals_only_after_the_vote():
    at = page(COMPOSE, run=music_run().id, frames="8", vxt="0.5")
    at.button(key="blind_next").click().run()
    assert len(at.main.get("bidi_component")) == 3 and not at.success
    assert "x 0.5" not in " ".join(e.proto.json for e in at.main.get("bidi_component"))
    at.button(key="vote_first").click().run()
    assert "x 0.5" in at.success[0].value
    assert "no preference 0" in shown(at)
    at.button(key="blind_next").click().run()
    assert not at.success
    at.button(key="vote_neither").click().run()
    assert "no preference 1" in shown(at)


def test_two_pinned_draws_are_compared_as_they_were_heard():
    at = page(COMPOSE, run=music_run().id, frames="8", seed="5")
    assert "pin both of them" in shown(at)
    rolls = [data(at)["roll"]]
    at.button(key="history.pin.0").click().run()
    at.number_input(key="seed").set_value(6).run()
    rolls.append(data(at)["roll"])
    at.button(key="history.pin.1").click().run()
    at.number_input(key="seed").set_value(7).run()
    at.button_group(key="blind_kind").set_value("pinned").run()
    at.button(key="blind_next").click().run()
    blind = [json.loads(e.proto.json) for e in at.main.get("bidi_component")[1:]]
    assert sorted(said["roll"] for said in blind) == sorted(rolls)
    assert all("seed" not in said["title"] and said["path"] is None for said in blind)
    first = blind[0]["roll"] == rolls[0]
    at.button(key="vote_first").click().run()
    said = at.success[0].value.replace("\\", "")
    assert (said.index("seed 5") < said.index("seed 6")) == first
    assert "no preference 0" in shown(at)
    at.selectbox(key="blind_1").set_value(0).run()
    assert "Choose two different pieces." in shown(at) and not at.exception


@pytest.mark.parametrize("kind", ["settings", "pinned"])
def test_a_blind_test_of_continuations_begins_in_the_bar_where_the_model_does(kind):
    address = {"mode": "continue", "split": "test", "begin": "10", "frames": "8", "vxt": "0.5"}
    at = page(COMPOSE, run=music_run().id, **address)
    whole = heard(at)
    at.button(key="history.pin.0").click().run()
    at.slider(key="xt").set_value(0.7).run()
    at.button(key="history.pin.1").click().run()
    at.button_group(key="blind_kind").set_value(kind).run()
    at.button(key="blind_next").click().run()
    rolls = [unpacked(json.loads(e.proto.json)) for e in at.main.get("bidi_component")[1:]]
    assert [len(roll) for roll in rolls] == [10, 10]
    assert all(np.array_equal(roll[:2], whole[8:10]) for roll in rolls)
    assert (kind == "pinned") == any(np.array_equal(roll, whole[8:]) for roll in rolls)
    assert "Given music before that bar is left out" in shown(at)


def test_the_figures_of_the_data_stand_beside_those_of_the_piece():
    said = shown(page(COMPOSE, run=music_run().id, frames="8"))
    assert "| Notes at once |" in said and "Training data" in said


def test_swing_is_heard_and_not_written():
    roll = np.zeros((8, 88), bool)
    roll[np.arange(8), 39 + np.arange(8)] = True
    swing = Performance(2, tempo=120, rearticulate=True, swing=0.67)
    straight = Performance(2, tempo=120, rearticulate=True)
    starts = [note.start for note in read_midi(midi(roll, swing)).notes]
    assert starts[:3] == pytest.approx([0, 0.67, 1], abs=0.01)  # quarter notes
    assert score(roll, swing, "x") == score(roll, straight, "x")
    assert sound(roll, swing) != sound(roll, straight)


def test_downloads_are_read_by_other_programs():
    run = music_run()
    (piece, _) = compose(load_source(run), plan(frames=16))
    performance = Performance(2, tempo=120, rearticulate=False)
    notes = performance.notes(piece.roll)
    file = mido.MidiFile(file=io.BytesIO(midi(piece.roll, performance)))
    assert sum(m.type == "note_on" and m.velocity > 0 for m in file.tracks[1]) == len(notes)
    read = music21.converter.parseData(score(piece.roll, performance, "A piece"), format="musicxml")
    written = {p.midi for element in read.recurse().notes for p in element.pitches}
    assert written == {note.pitch for note in notes}
    with wave.open(io.BytesIO(sound(piece.roll, performance))) as wav:
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
        rate = wav.getframerate()
    assert 500 < np.abs(samples).max() < 32767
    loud = np.flatnonzero(np.abs(samples) > 0.05 * np.abs(samples).max())
    assert loud[0] / rate == pytest.approx(notes[0].start, abs=0.03)


def test_file_names_tell_pieces_apart_and_hold_nothing_odd():
    start = Inputs(GivenPiece(SoundingPiece(PIECE), 'BWV 66.6: "Wer\'s glaubt"/../é.mid'))
    infill = plan(
        mode="infill", region=(16, 32), seed=7, constraints=NoteConstraints(scale="minor", tonic=9)
    )
    names = {
        file_stem("Bach chorales", drawn, hear, given, 1)
        for drawn, given in (
            (plan(seed=7), Inputs()),
            (plan(seed=8), Inputs()),
            (infill, start),
            (plan(mode="continue", seed=7), start),
            (
                plan(mode="morph", seed=7),
                start._replace(second=GivenPiece(SoundingPiece(PIECE), "Another")),
            ),
        )
        for hear in (1, 2)
    }
    assert len(names) == 10
    assert "bwv-66-6-wer-s-glaubt-e_infilled-bar5-8-in-a-minor_seed7_1_bach-chorales" in names
    assert all(
        name.isascii() and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
        for name in names
    )
