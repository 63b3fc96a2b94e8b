"""The score that a person works on, and its address."""

import base64
import time
import zlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from dmm_core.errors import DataError
from dmm_core.music.meter import Meter
from dmm_core.music.symbols import HIGHEST_OF, LOWEST_OF
from dmm_core.music.voices import REST
from pages.ui.voices.working_score import MAX_BEATS, ScoreNote, WorkingScore, score_from_text


@st.composite
def scores(draw):
    beats = draw(st.integers(1, 256))
    notes = []
    for voice in range(4):
        ends = sorted(draw(st.sets(st.integers(0, 4 * beats), max_size=8)))
        for start, end in pairwise(ends):
            if draw(st.booleans()):
                pitch = draw(st.integers(int(LOWEST_OF[voice]), int(HIGHEST_OF[voice])))
                notes.append(ScoreNote(voice, pitch, start, end, draw(st.booleans())))
    length = draw(st.integers(1, 12))
    return WorkingScore(
        Meter(length, draw(st.integers(0, length - 1))),
        beats,
        tuple(notes),
        draw(st.frozensets(st.integers(0, 3))),
        tuple(sorted(draw(st.sets(st.integers(0, beats - 1), max_size=5)))),
    )


@settings(max_examples=60, deadline=None)
@given(scores())
def test_an_address_keeps_the_whole_score(score):
    assert score_from_text(score.to_text()) == score


NOTES = (ScoreNote(0, 72, 0, 6, True), ScoreNote(0, 74, 8, 16), ScoreNote(3, 48, 4, 8))
SCORE = WorkingScore(Meter(4), 4, NOTES, frozenset({3}), (3,))


def test_what_is_kept_are_locked_notes_and_whole_locked_voices():
    assert SCORE.kept[0].tolist() == [True] * 6 + [False] * 10
    assert SCORE.kept[3].all() and not SCORE.kept[1:3].any()
    assert SCORE.keeps_anything and not SCORE.keeps_everything
    assert not WorkingScore(Meter(4), 4).keeps_anything


def test_the_piece_has_the_notes_and_the_model_is_told_the_meter():
    piece = SCORE.piece
    assert piece.notes(0) == [(72, 0, 6), (74, 8, 16)]
    assert (piece.pitches[3] != REST).nonzero()[0].tolist() == [4, 5, 6, 7]
    known = SCORE.covariates
    assert known[:, :6].argmax(1).tolist() == [0, 1, 2, 3]
    assert known[:, 10].tolist() == [0, 0, 0, 1]  # the fermata


def test_a_composed_piece_keeps_the_locks():
    composed = SCORE.with_piece(SCORE.piece)
    assert composed == SCORE
    other = WorkingScore(Meter(4), 4, (ScoreNote(0, 72, 0, 4),), frozenset({3}), (3,)).piece
    assert not any(note.locked for note in SCORE.with_piece(other).notes)


def test_another_length_and_meter_keep_the_notes_as_far_as_they_go():
    notes = (ScoreNote(0, 72, 0, 8, True), ScoreNote(0, 74, 8, 16), ScoreNote(1, 64, 12, 16))
    score = WorkingScore(Meter(4), 4, notes, frozenset({3}), (3,))
    longer = score.with_form(Meter(3, 1), 7)
    assert (longer.meter, longer.beats, longer.notes) == (Meter(3, 1), 7, notes)
    assert longer.locked_voices == {3} and longer.fermatas == (5, 6)
    shorter = score.with_form(Meter(3), 3)
    assert shorter.notes == (notes[0], notes[1]._replace(end=12))


@pytest.mark.parametrize(
    "note",
    [(0, 90, 0, 4), (0, 72, 4, 4), (0, 72, 0, 17), (4, 60, 0, 1), (-1, 60, 0, 1), (0, 72, -1, 2)],
)
def test_notes_out_of_bounds_are_refused(note):
    with pytest.raises(DataError):
        WorkingScore(Meter(4), 4, (ScoreNote(*note),))


def test_notes_that_overlap_are_refused():
    with pytest.raises(DataError, match="overlap"):
        SCORE.with_notes([ScoreNote(0, 72, 0, 4), ScoreNote(0, 74, 3, 5)], frozenset())


def packed(*numbers):
    return base64.urlsafe_b64encode(zlib.compress(bytes(numbers))).decode().rstrip("=")


BOMB = base64.urlsafe_b64encode(zlib.compress(bytes(5_000_000))).decode()


@pytest.mark.parametrize(
    "text",
    [
        *("", "%%%", "AAAA", "x" * 20_000, BOMB, SCORE.to_text()[:-6]),
        packed(),
        packed(1, 4, 0),  # ends before its notes
        packed(1, 4, 0, 3, 0, 200),  # ends before its fermatas
        packed(1, 4, 0, 3, 0, 0, 0, 0, 0, 0) + "AAAA",  # something follows
        packed(2, 4, 0, 3, 0, 0, 0, 0, 0, 0),  # of another version
        packed(1, 0, 0, 3, 0, 0, 0, 0, 0, 0),  # a bar without beats
        packed(1, 4, 0, 3, 0, 0, 0, 0, 0),  # a voice is missing
        packed(1, 4, 0, 3, 0, 0, 0, 0, 0, 0, 9),  # goes on after its end
        packed(1, 4, 0, 3, 16, 0, 0, 0, 0, 0),  # a fifth voice is locked
        packed(1, 4, 0, 3, 0, 1, 7, 0, 0, 0, 0),  # a fermata after the end
        packed(1, 4, 0, 3, 0, 0, 1, 0, 0, 72, 0, 0, 0),  # a note without length
    ],
)
def test_a_damaged_address_is_refused_in_a_sentence(text):
    with pytest.raises(DataError, match="Copy the link again"):
        score_from_text(text)


def test_the_locks_of_the_longest_score_are_kept_in_less_than_a_second():
    notes = [
        ScoreNote(voice, int(LOWEST_OF[voice]) + i % 12, i, i + 1, i % 3 == 0)
        for voice in range(4)
        for i in range(4 * MAX_BEATS)
    ]
    score = WorkingScore(Meter(4), MAX_BEATS, tuple(notes))
    before = time.process_time()
    assert score.with_piece(score.piece) == score
    assert time.process_time() - before < 1


def test_a_long_score_has_a_short_address():
    notes = [
        ScoreNote(voice, int(LOWEST_OF[voice]) + i % 12, 4 * i, 4 * i + 4)
        for voice in range(4)
        for i in range(64)
    ]
    score = WorkingScore(Meter(4), 64, tuple(notes))
    assert len(score.to_text()) < 1_000
    assert np.array_equal(score_from_text(score.to_text()).piece.pitches, score.piece.pitches)
