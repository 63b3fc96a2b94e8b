"""What the player of voices takes from the page, and what it refuses."""

import base64
import gzip
import hashlib
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dmm_core.errors import DataError
from dmm_core.music.audio import render_wav
from dmm_core.music.meter import Meter
from dmm_core.music.voices import REST, VoicedPiece
from dmm_core.system.files import assets
from pages.ui.player import PlayerPath
from pages.ui.voices.working_score import ScoreNote
from pages.ui.voices_player import (
    VoicesEdit,
    _notes,
    engraver,
    read_edit,
    voices_player,
)

RANGES = ((60, 72), (48, 60))


def piece(beats=2):
    pitches = np.full((2, 4 * beats), REST, dtype=np.int16)
    onsets = np.zeros(pitches.shape, dtype=bool)
    if beats:
        pitches[0, :4], onsets[0, 0] = 80, True  # out of the range of its voice
    return VoicedPiece(pitches, onsets)


def test_an_edit_is_read_in_order_and_without_overlap():
    numbers = [1, 50, 4, 8, 0, 0, 62, 2, 8, 1, 0, 60, 0, 6, 0, 0, 65, 2, 3, 1]
    assert read_edit(["a-1", numbers, [1], True], piece(), RANGES) == VoicesEdit(
        (
            ScoreNote(0, 60, 0, 2, False),
            ScoreNote(0, 65, 2, 3, True),
            ScoreNote(1, 50, 4, 8, False),
        ),
        frozenset([1]),
        True,
    )
    cleared = read_edit(["a-1", [], [], False], piece(), RANGES)
    assert cleared == VoicesEdit((), frozenset(), False)
    kept = read_edit(["a-1", [0, 80, 4, 8, 1], [], False], piece(), RANGES)
    assert kept.notes == (ScoreNote(0, 80, 4, 8, True),), "the piece has this pitch already"


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (None, "An edit has"),
        ("abcd", "An edit has"),
        (["a", [0, 60, 0, 4, 1], [], 1], "whole numbers"),
        (["a", [0, 60.0, 0, 4, 1], [], False], "whole numbers"),
        (["a", [0, True, 0, 4, 1], [], False], "whole numbers"),
        (["a", {"0": 60}, [], False], "whole numbers"),
        (["a", [0, 60, 0, 4], [], False], "at most 16 notes"),
        (["a", [0, 60, 0, 4, 1] * 17, [], False], "at most 16 notes"),
        (["a", [], [2], False], "numbered from 0 to 1."),
        (["a", [2, 60, 0, 4, 1], [], False], "numbered from 0 to 1, not 2"),
        (["a", [0, 60, -1, 4, 1], [], False], "within the 8 sixteenths"),
        (["a", [0, 60, 4, 4, 1], [], False], "not from 4 to 4"),
        (["a", [0, 60, 4, 9, 1], [], False], "not from 4 to 9"),
        (["a", [0, 73, 0, 4, 1], [], False], "voice 1 has MIDI pitches from 60 to 72, not 73"),
        (["a", [0, 60, 0, 4, 2], [], False], "locked (1) or not (0), not 2"),
    ],
)
def test_what_is_no_edit_of_the_piece_is_refused_in_a_sentence(sent, sentence):
    with pytest.raises(DataError, match=re.escape(sentence)):
        read_edit(sent, piece(), RANGES)


def long_name():
    """A page that gets an edit whose name is longer than any that the player sends."""
    import streamlit as st
    from test_voices_player import RANGES, piece

    from pages.ui.voices_player import _edit

    sent = ["x" * 1_000, [0, 62, 0, 4, 1], [], False]
    st.text(str([_edit(sent, "player", piece(), RANGES) is not None for _ in range(3)]))


def test_an_edit_is_returned_once_however_long_its_name_is():
    at = AppTest.from_function(long_name).run()
    assert not at.exception and at.text[0].value == "[True, False, False]"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"piece": piece(0)}, "no beat"),
        ({"locked": np.zeros((2, 4), bool)}, "locked has the shape (2, 4)"),
        ({"chances": np.full((2, 8), 1.5)}, "outside 0 to 1"),
        ({"path": PlayerPath(np.zeros((8, 2)), np.zeros((8, 2)))}, "path.loc has the shape (8, 2)"),
        ({"locked_voices": frozenset([2])}, "numbered from 0 to 1"),
        ({"ranges": RANGES[:1]}, "Each of the 2 voices"),
        ({"ranges": ((60, 72), (60, 48))}, "Each of the 2 voices"),
        ({"piece": piece().transposed(40)}, "from 21 to 108"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_in_a_sentence(changes, sentence):
    fitting = {"piece": piece(), "locked": None, "locked_voices": frozenset(), "ranges": RANGES}
    fitting |= {"wav": render_wav([]), "tempo": 90.0, "meter": Meter(), "key": "player"}
    with pytest.raises(DataError, match=re.escape(sentence)):
        voices_player(**fitting | changes)


def test_a_note_is_locked_by_all_of_its_sixteenths_and_not_by_its_voice():
    locked = np.ones((2, 8), bool)
    assert [note.locked for note in _notes(piece(), locked, frozenset())] == [True]
    assert [note.locked for note in _notes(piece(), locked, frozenset([0]))] == [False]
    locked[0, 3] = False
    assert [note.locked for note in _notes(piece(), locked, frozenset())] == [False]
    assert [note.locked for note in _notes(piece(), None, frozenset())] == [False]


def test_the_engraver_is_the_file_that_the_notice_names():
    script = gzip.decompress(base64.b64decode(engraver()))
    assert hashlib.sha256(script).hexdigest() in (assets().parent / "NOTICE").read_text()
