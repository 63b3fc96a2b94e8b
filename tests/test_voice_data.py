import numpy as np
import pytest
import torch

from dmm_core.config.schema import DataConfig
from dmm_core.data.augmentation import RandomTransposition
from dmm_core.data.batching import ResidentSequences
from dmm_core.data.chorales import Chorale, load_scores
from dmm_core.data.registry import DATASETS, load_dataset, on_disk
from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import DataSpec
from dmm_core.data.voices import COVARIATES, align_voices, covariates_of, form_of, load_pieces
from dmm_core.errors import DataError
from dmm_core.music.meter import Meter
from dmm_core.music.symbols import (
    HIGHEST_OF,
    LOWEST_OF,
    decode_symbols,
    encode_symbols,
    fits_voices,
)
from dmm_core.music.voices import REST, VoiceNote


def unexpected(fraction, message):
    raise AssertionError(f"there is nothing to wait for, but {message}")


def chorale(notes, *, quarters, bars, shift=0):
    """A score of notes (pitch, start, end, voice, tied, fermata)."""
    columns = list(zip(*notes, strict=True))
    return Chorale(
        notes=np.array(columns[:3], dtype=float).T + np.array([shift, 0, 0]),
        quarters=quarters,
        voices=np.array(columns[3], dtype=np.int8),
        tied=np.array(columns[4], dtype=bool),
        fermatas=np.array(columns[5], dtype=bool),
        bars=np.array(bars, dtype=float),
        shift=shift,
    )


def test_a_small_score_on_the_grid():
    score = chorale(
        [
            (72, 0, 1, 0, 0, 0),
            (74, 1, 2.5, 0, 0, 0),
            (74, 2.5, 3, 0, 1, 0),  # tied: it continues the note before
            (76, 3, 4, 0, 0, 1),
            (60, 0, 4, 3, 0, 0),
            (64, 0, 0.625, 1, 0, 0),  # ends between two sixteenths
            (65, 0.625, 0.75, 1, 0, 0),
        ],
        quarters=4.0,
        bars=[(0, 3, 2), (1, 3, 0)],
        shift=6,
    )
    aligned = align_voices(score)
    assert aligned.piece.notes(0) == [
        VoiceNote(72, 0, 4),
        VoiceNote(74, 4, 12),
        VoiceNote(76, 12, 16),
    ]
    assert aligned.piece.notes(3) == [VoiceNote(60, 0, 16)]
    assert (aligned.piece.pitches[2] == REST).all()
    assert aligned.piece.notes(1) == [VoiceNote(64, 0, 3), VoiceNote(65, 3, 4)]
    assert aligned.rounded == 2
    assert aligned.piece.fermatas.tolist() == [False, False, False, True]
    named = [
        {name for name, value in zip(COVARIATES, row, strict=True) if value}
        for row in aligned.covariates
    ]
    bar = "bar of 3 beats"
    assert named == [
        {"beat 3 of the bar", bar, "fermata in 3 beats", "first beat"},
        {"beat 1 of the bar", bar, "fermata in 2 beats"},
        {"beat 2 of the bar", bar, "fermata in 1 beats"},
        {"beat 3 of the bar", bar, "fermata", "last beat"},
    ]


def test_of_notes_that_begin_together_the_highest_is_kept():
    score = chorale([(60, 0, 2, 0, 0, 0), (64, 0, 1, 0, 0, 0)], quarters=2.0, bars=[(0, 4, 0)])
    assert align_voices(score).piece.notes(0) == [VoiceNote(64, 0, 4)]


def test_every_score_is_aligned(chorales, monkeypatch):
    monkeypatch.setenv("DMM_HOME", str(chorales.cache.parents[1]))
    pieces = load_pieces(unexpected)
    assert {split: len(found) for split, found in pieces.items()} == {
        "train": 229,
        "valid": 66,
        "test": 70,
    }
    rounded = {s: sum(a.rounded for a in found.values()) for s, found in pieces.items()}
    assert rounded == {"train": 8, "valid": 2, "test": 0}
    every = [aligned for found in pieces.values() for aligned in found.values()]
    for piece, covariates, _ in every:
        symbols = encode_symbols(piece)
        back = decode_symbols(symbols, piece.fermatas)
        assert np.array_equal(back.pitches, piece.pitches)
        assert np.array_equal(back.onsets, piece.onsets)
        assert covariates.shape == (piece.beats, len(COVARIATES))
        assert set(np.unique(covariates)) <= {0.0, 1.0}
        assert (covariates[:, :6].sum(1) == 1).all() and (covariates[:, 6:10].sum(1) == 1).all()
    sounding = [np.where(a.piece.pitches == REST, 60, a.piece.pitches) for a in every]
    assert (np.max([p.max(1) for p in sounding], axis=0) == HIGHEST_OF).all()
    lowest = [np.where(a.piece.pitches == REST, 99, a.piece.pitches).min(1) for a in every]
    assert (np.min(lowest, axis=0) == LOWEST_OF).all()


def test_the_voices_sound_as_the_roll_does(chorales, monkeypatch):
    monkeypatch.setenv("DMM_HOME", str(chorales.cache.parents[1]))
    for score in list(load_scores(unexpected)["test"].values())[:20]:
        piece = align_voices(score).piece.transposed(score.shift)
        roll = score.roll(4)
        for t in range(len(roll)):
            pitches = {int(p) for p in piece.pitches[:, t] if p != REST}
            assert pitches == set(np.flatnonzero(roll[t]) + 21)


def test_the_data_set_is_what_the_catalogue_says(chorales, monkeypatch):
    monkeypatch.setenv("DMM_HOME", str(chorales.cache.parents[1]))
    splits, info = load_dataset(DataConfig(name="jsb-m21-voices")), DATASETS["jsb-m21-voices"]
    assert on_disk("jsb-m21-voices") and splits.spec == info.spec
    assert splits.spec.is_voices and not splits.spec.is_music
    assert splits.spec.features == info.spec.features and len(splits.spec.covariates) == 16
    assert {s: len(splits[s]) for s in info.sequences} == info.sequences
    assert {s: splits[s].frames for s in info.frames} == info.frames
    assert DataSpec.from_json(splits.spec.to_json()) == splits.spec
    train = splits.train
    assert train.c is not None and train.c[0].shape == (len(train.x[0]), 16)
    piece = load_pieces(unexpected)["train"][train.names[3]].piece
    assert np.array_equal(decode_symbols(train.x[3]).pitches, piece.pitches)


def test_transposition_keeps_every_voice_in_its_range(chorales, monkeypatch):
    monkeypatch.setenv("DMM_HOME", str(chorales.cache.parents[1]))
    splits = load_dataset(DataConfig(name="jsb-m21-voices"))
    transposition = RandomTransposition(splits.train, splits.spec)
    assert (transposition.lowest <= 0).all() and (transposition.lowest >= -5).all()
    assert (transposition.highest >= 0).all() and (transposition.highest <= 6).all()
    assert (transposition.highest - transposition.lowest >= 2).all()
    rng = np.random.default_rng(0)
    drawn = np.stack([transposition.draw(rng) for _ in range(200)])
    assert (drawn.min(0) == transposition.lowest).all()
    assert (drawn.max(0) == transposition.highest).all()
    resident = ResidentSequences(splits.train, "cpu")
    rows = np.array([0, 5, 7])
    batch = resident.batch(rows)
    moved = transposition.apply(batch, drawn[0][rows])
    for index, x in zip(rows, moved.x.numpy(), strict=True):
        length = len(splits.train.x[index])
        before = decode_symbols(splits.train.x[index])
        after = decode_symbols(x[:length])
        assert np.array_equal(after.pitches, before.transposed(drawn[0][index]).pitches)
        assert np.array_equal(after.onsets, before.onsets) and fits_voices(after)
        assert (x[length:] == 0).all()
    assert torch.equal(moved.mask, batch.mask)


def test_only_voices_are_transposed():
    sequences = Sequences((np.zeros((3, 88)),), ("roll",))
    with pytest.raises(DataError, match="88 binary features"):
        RandomTransposition(sequences, DataSpec("binary", 88))


def test_covariates_of_a_made_form():
    found = covariates_of(np.array([False, True]), np.array([7, 0]), np.array([8, 4]))
    assert found[0, 5] == 1 and not found[0, 6:10].any()  # the sixth beat or a later one
    assert found.dtype == np.float32


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_scores_by_name(chorales, monkeypatch, split):
    monkeypatch.setenv("DMM_HOME", str(chorales.cache.parents[1]))
    names = list(load_scores(unexpected)[split])
    assert len(set(names)) == len(names) and all(name.startswith("BWV ") for name in names)


@pytest.mark.parametrize("meter", [Meter(4), Meter(4, 1), Meter(3, 2), Meter(6, 5), Meter(2)])
def test_the_form_of_a_piece_is_read_back_from_its_covariates(meter):
    fermatas = np.arange(20) % 8 == 7
    c = covariates_of(fermatas, meter.positions(20), meter.lengths(20))
    form = form_of(c)
    assert form.meter == meter and np.array_equal(form.fermatas, fermatas)
