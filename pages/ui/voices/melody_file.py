"""A file with music in lines, of which one or all become the voices of a score."""

from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dmm_core.data.uploads.lines import read_lines
from dmm_core.data.uploads.reader import MAX_BYTES, MUSIC_EXTENSIONS
from dmm_core.errors import DataError, UploadError
from dmm_core.music.meter import Meter
from dmm_core.music.phrases import phrase_ends
from dmm_core.music.symbols import VOICES, octaves_into_range
from dmm_core.music.voice_files import Line, LinesFile, piece_from_lines
from dmm_core.music.voices import VoicedPiece
from pages.ui import frame
from pages.ui.address import choose
from pages.ui.pieces import file_popover

__all__ = ["GivenVoices", "ask_voice", "ask_voices"]

_FILE = "voices_file"


class GivenVoices(NamedTuple):
    """Voices of a file.

    Attributes:
        name: of the file.
        piece: a voice for each element of `voices`, with fermatas.
        voices: which of `VOICES` they are.
        meter: where the bars are.
    """

    name: str
    piece: VoicedPiece
    voices: tuple[int, ...]
    meter: Meter


def ask_voices(
    row: DeltaGenerator, *, melody: bool, most: int, resets: tuple[str, ...]
) -> GivenVoices:
    """Ask for a file, and for the line of it that is kept; stop the page until there is a file.

    Args:
        row: container of the choices.
        melody: whether one line is chosen; otherwise all lines are taken, up to four.
        most: number of beats after which the file is cut off.
        resets: query parameters to remove when a choice changes.

    Raises:
        DataError: if the file is refused, with the reason, or its notes do not fit the voices.
    """
    name, found = _ask_file(row)
    if melody:
        line = _ask_line(found, row, resets)
        voice = ask_voice(row, resets)
        lines, voices = [line], (voice,)
    else:
        lines, voices = list(found.lines), _voices_of(len(found.lines))
    piece = piece_from_lines(lines, found.fermatas)
    meter = found.meter or Meter()
    if piece.fermatas is None:
        piece = VoicedPiece(piece.pitches, piece.onsets, phrase_ends(piece, meter))
    _tell(found, piece.beats, most)
    piece = piece.excerpt(0, min(piece.beats, most))
    octaves = octaves_into_range(piece, voices)
    if octaves:
        unit = "octave" if abs(octaves) == 1 else "octaves"
        way = "up" if octaves > 0 else "down"
        st.caption(
            f"The music was moved {abs(octaves)} {unit} {way}, into the range of the voices."
        )
        piece = piece.transposed(12 * octaves)
    return GivenVoices(name, piece, voices, meter)


def _ask_file(row: DeltaGenerator) -> tuple[str, LinesFile]:
    uploaded = st.session_state.get(_FILE)
    # After the upload the widget moves into a popover. Its key keeps the file.
    with file_popover(row, uploaded.name) if uploaded else st.container():
        file = st.file_uploader(
            "MIDI, MusicXML or ABC file",
            type=list(MUSIC_EXTENSIONS),
            key=_FILE,
            max_upload_size=MAX_BYTES // 2**20,
        )
        st.caption("What you edit or lock is kept in the address of the page, but not the file.")
    if file is None:
        st.stop()
    if st.session_state.get("voices_read") != file.file_id:  # read once, in a child process
        with st.spinner("Reading the file"):
            try:
                read: LinesFile | UploadError = read_lines(file.name, file.getvalue())
            except UploadError as error:
                read = error
        st.session_state.voices_lines, st.session_state.voices_read = read, file.file_id
    lines: LinesFile | UploadError = st.session_state.voices_lines
    if isinstance(lines, UploadError):
        raise DataError(f"{file.name}: {lines}")
    return file.name, lines


def _ask_line(found: LinesFile, row: DeltaGenerator, resets: tuple[str, ...]) -> Line:
    numbers = [str(number) for number in range(1, len(found.lines) + 1)]
    with row:
        chosen = choose(
            f"Line (of {len(found.lines)})",
            numbers,
            key="line",
            format_func=lambda number: f"{number}. {found.lines[int(number) - 1].name}",
            resets=resets,
            help="A track, part or voice of the file.",
        )
    if chosen is None:
        raise DataError(f"The file has the lines 1 to {len(found.lines)}; choose one above.")
    return found.lines[int(chosen) - 1]


def ask_voice(row: DeltaGenerator, resets: tuple[str, ...]) -> int:
    """Ask which voice is kept, a place in `VOICES`.

    Raises:
        DataError: if the address names another one.
    """
    with row:
        chosen = choose(
            "Given voice",
            [*VOICES],
            key="voice",
            format_func=str.capitalize,
            resets=resets,
            help="This voice is kept. The model composes the other three.",
        )
    if chosen is None:
        raise DataError(f"The voices are {', '.join(VOICES)}; choose one above.")
    return VOICES.index(chosen)


def _voices_of(count: int) -> tuple[int, ...]:
    """The voices that so many lines become, the highest first."""
    if count > len(VOICES):
        raise DataError(
            f"The file has {count} lines, and there are {len(VOICES)} voices. Choose Harmonise to "
            "keep one of the lines."
        )
    return {1: (0,), 2: (0, 3), 3: (0, 1, 3)}.get(count, (0, 1, 2, 3))


def _tell(found: LinesFile, beats: int, most: int) -> None:
    """Say what was changed or assumed."""
    changes = list(found.changes)
    if found.meter is None:
        changes.append("The file does not say its meter; bars of four beats are assumed.")
    if beats > most:
        changes.append(f"The first {most} of its {beats:,} beats are used.")
    if changes:
        st.caption(frame.escape_markdown(" ".join(changes)))
