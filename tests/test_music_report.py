import json

import numpy as np
import pytest
import torch
from scipy.stats import norm

from dmm_core.cli.main import main
from dmm_core.config.presets import preset
from dmm_core.config.schema import ModelConfig
from dmm_core.data.catalogue import DATASETS
from dmm_core.data.spec import DataSpec
from dmm_core.errors import DataError
from dmm_core.inference.sampling import sample
from dmm_core.music.bigrams import FrameBigrams
from dmm_core.music.excerpts import discriminate, excerpt_features
from dmm_core.music.overlap import FEATURES, length_overlap, overlapped_area, overlapped_areas
from dmm_core.music.report import music_report
from dmm_core.music.symbols import fits_voices
from dmm_core.runs.pieces import compose_pieces
from dmm_core.training.building import build_model
from tests.test_voice_data import unexpected
from tests.test_voices import voiced


def random_piece(rng, *, beats=32, step=2):
    """Four voices that move at random by up to `step` semitones on each beat."""
    lines = [
        np.clip(start + rng.integers(-step, step + 1, beats).cumsum(), start - 8, start + 8)
        for start in (72, 65, 58, 48)
    ]
    return voiced(*(" ".join(f"{pitch}:4" for pitch in line) for line in lines))


def test_the_area_below_two_densities():
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal(4000), rng.standard_normal(4000)
    assert overlapped_area(one, other) > 0.95
    # Two unit normals two standard deviations apart share 2 Phi(-1).
    assert overlapped_area(one, other + 2) == pytest.approx(2 * norm.cdf(-1), abs=0.03)
    assert overlapped_area(one, other + 20) < 1e-3
    assert overlapped_area(np.ones(3), np.ones(5)) == 1.0
    assert overlapped_area(np.ones(3), np.zeros(5)) == overlapped_area(np.ones(3), one) == 0.0


def test_the_features_of_a_small_piece():
    piece = voiced("60:4 62:2 64:2", "48:4 -:4")
    values = {name: feature(piece) for name, feature in FEATURES.items()}
    assert values["pitch count"] == 4 and values["pitch range"] == 16
    assert values["mean interval"] == 2 and values["notes of a beat"] == 2
    assert values["time between onsets"] == 3
    assert values["note lengths"][[2, 4]].tolist() == [0.5, 0.5]
    assert values["note length transitions"].sum() == pytest.approx(1)
    assert values["note length transitions"][2, 2] == 0.5
    assert values["pitch classes"].sum() == pytest.approx(1)
    for key in (3, -4):  # pitch classes are counted from the tonic
        moved = FEATURES["pitch class transitions"](piece.transposed(key))
        assert np.array_equal(moved, values["pitch class transitions"])
    silent = voiced("-:8", "-:8")
    assert all(np.isfinite(feature(silent)).all() for feature in FEATURES.values())


def test_the_overlap_of_note_lengths():
    quarters, eighths = voiced("60:4 62:4"), voiced("60:2 62:2 60:2 62:2")
    assert length_overlap([quarters], [eighths]) == 0
    assert length_overlap([quarters, eighths], [eighths]) == pytest.approx(4 / 6)


def test_sets_of_one_kind_cannot_be_told_apart():
    rng = np.random.default_rng(0)
    one, other = ([random_piece(rng) for _ in range(60)] for _ in range(2))
    found = discriminate(one, other, seed=0)
    assert found.excerpts == 2 * 60 * 2
    assert abs(found.accuracy - 0.5) < 0.1 and 0 < found.standard_error < 0.1
    areas = overlapped_areas(one, other)
    assert set(areas) == set(FEATURES) and min(areas.values()) > 0.85


def test_sets_of_two_kinds_are_told_apart():
    rng = np.random.default_rng(0)
    one = [random_piece(rng, step=1) for _ in range(30)]
    other = [random_piece(rng, step=4) for _ in range(40)]
    assert discriminate(one, other, seed=0).accuracy > 0.95
    assert overlapped_areas(one, other)["mean interval"] < 0.5
    assert discriminate(one[:4], other, seed=0) is None
    assert discriminate([p.excerpt(0, 15) for p in one], other, seed=0) is None


def test_excerpts_of_any_piece_have_features():
    piece = random_piece(np.random.default_rng(0), beats=16)
    silent = voiced(*["-:64"] * 4)
    six = voiced(*[f"{pitch}:64" for pitch in (79, 72, 69, 64, 60, 48)])
    shapes = {excerpt_features(p).shape for p in (piece, silent, six)}
    assert len(shapes) == 1
    assert all(np.isfinite(excerpt_features(p)).all() for p in (piece, silent, six))


def test_a_report_of_a_set_against_itself():
    rng = np.random.default_rng(0)
    pieces = [random_piece(rng) for _ in range(6)]
    report = music_report(pieces, pieces, seed=0)
    rows = report.rows()
    assert rows["known_bigrams_percent"] == 100 and rows["length_overlap"] == pytest.approx(1)
    assert rows["onsets_a_voice_and_beat"] == 1 and rows["fermatas_percent"] is None
    assert report.pieces == 6 and report.beats == 6 * 32
    assert json.loads(json.dumps(report.to_json()))["overlapped_areas"].keys() == FEATURES.keys()
    with pytest.raises(DataError, match="two pieces"):
        music_report(pieces[:1], pieces)


def test_bigrams_draw_what_was_seen():
    rolls = [np.zeros((3, 88), dtype=np.uint8) for _ in range(2)]
    for number, roll in enumerate(rolls):
        roll[np.arange(3), 40 + 10 * number + np.arange(3)] = 1
    drawn = FrameBigrams(rolls).draw(count=20, frames=7, seed=0)
    lines = [roll.argmax(axis=1).tolist() for roll in drawn]
    # After the last frame of a piece, another begins.
    assert all(line[i : i + 3] in ([40, 41, 42], [50, 51, 52]) for line in lines for i in (0, 3))
    assert {line[0] for line in lines} == {40, 50}
    again = FrameBigrams(rolls).draw(count=20, frames=7, seed=0)
    assert all(map(np.array_equal, drawn, again))
    with pytest.raises(DataError, match="at least one piece"):
        FrameBigrams([])


def said(capsys, *arguments):
    assert main(["music-report", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_bach_and_the_baselines_by_one_command(chorales_home, capsys):
    bach = said(capsys, "bach")
    assert bach["pieces"] == 66 and bach["beats"] == 3231
    assert 85 < bach["chords_percent"] < 90 and bach["parallels_percent"] < 2.2
    assert bach["clashes_percent"] + bach["suspensions_percent"] < 1.5
    assert bach["fermatas_percent"] > 85 and 10 < bach["returns_percent"] < 20
    assert bach["overlapped_area"] > 0.95 and 45 < bach["classifier_percent"] < 55
    bigrams = said(capsys, "bigrams", "--pieces", "20", "--beats", "32")
    assert bigrams["pieces"] == 20 and bigrams["beats"] == 20 * 32
    assert bigrams["classifier_percent"] > 95 and bigrams["fermatas_percent"] is None
    quarters = said(capsys, "bigrams", "--pieces", "20", "--beats", "32", "--quarters")
    assert quarters["length_overlap"] == 1.0 and quarters["bach"]["crossings_percent"] == 0
    assert quarters["parallels_percent"] == bigrams["parallels_percent"]


def test_a_model_of_voices_composes_to_the_forms_of_chorales(chorales_home):
    spec = DATASETS["jsb-m21-voices"].spec
    config = preset("voices").model.model_copy(
        update={"z_dim": 4, "transition_hidden": 8, "rnn_size": 8, "nade_hidden": 8}
    )
    model = build_model(config, spec, seed=0)
    settings = {"count": 6, "beats": 24, "temperature": 0.8, "progress": unexpected}
    pieces = compose_pieces(model, spec, seed=1, **settings)
    again = compose_pieces(model, spec, seed=1, **settings)
    other = compose_pieces(model, spec, seed=2, **settings)
    for piece, same in zip(pieces, again, strict=True):
        assert np.array_equal(piece.pitches, same.pitches)
        assert 16 < piece.beats <= 24 and piece.fermatas.any() and fits_voices(piece)
    assert not all(np.array_equal(a.pitches, b.pitches) for a, b in zip(pieces, other, strict=True))


def test_each_sequence_may_have_its_own_covariates():
    spec = DataSpec("real", 1, c_dim=1)
    config = ModelConfig(z_dim=2, emission="gaussian", emission_layers=0, rnn_size=4)
    model = build_model(config, spec, seed=0)
    model.emission.loc.weight.data.copy_(torch.tensor([[0.0, 0.0, 1.0]]))
    c = np.random.default_rng(0).standard_normal((3, 5, 1)).astype(np.float32)
    drawn = sample(model, count=3, frames=5, seed=0, c=c)
    assert torch.allclose(drawn.mean, torch.from_numpy(c))
    with pytest.raises(DataError, match=r"not \(2, 5, 1\)"):
        sample(model, count=3, frames=5, seed=0, c=c[:2])


def test_a_bundled_model_is_measured(chorales_home, capsys):
    flags = ["bundled:chorales", "--pieces", "8", "--beats", "16", "--temperature", "0.7"]
    found = said(capsys, *flags)
    assert found["temperature"] == 0.7 and found["pieces"] == 8
    assert found["onsets_a_voice_and_beat"] < 1 and found["chords_percent"] < 80
    assert main(["music-report", *flags]) == 0
    table = capsys.readouterr().out
    assert "bundled:chorales: 8 pieces, 128 beats" in table
    assert len(table.splitlines()) == 2 + 16
