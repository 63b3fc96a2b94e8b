"""The choice of sequences, from a data set or from an uploaded file."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.uploads.reader import (
    MAX_BYTES,
    MUSIC_EXTENSIONS,
    UploadOptions,
    UploadReport,
    read_files,
)
from dmm_core.errors import DataError
from pages.ui import frame, terms
from pages.ui.address import choose
from pages.ui.datasets import SPLITS

__all__ = ["ask_file", "file_popover", "pick_others", "pick_piece", "pick_split"]

_MAX_LISTED = 2000
"""Largest number of sequences in a list; more would slow down every rerun."""

_MAX_BUTTON_CHARACTERS = 24
"""Characters of a file name on its button."""


def pick_split(data: Splits) -> str:
    """Ask for a split; ?split= of the address contains it.

    Raises:
        DataError: if the address names a split that does not exist or has no sequences.
    """
    split = choose(
        "Split",
        SPLITS,
        key="split",
        format_func=str.capitalize,
        segmented=True,
        resets=("piece", "beside"),
    )
    if split is None or not len(data[split]):
        raise DataError("The splits are train, valid and test; choose one that has sequences.")
    return split


def pick_piece(
    sequences: Sequences,
    *,
    key: str = "piece",
    label: str = "Sequence",
    default: int = 0,
    resets: Sequence[str] = (),
) -> int:
    """Ask for one of `sequences` and return its index.

    Args:
        sequences: to choose from.
        key: parameter of the address, which contains the number of the sequence, counted from 1.
        label: of the widget.
        default: index that is returned if the address names none.
        resets: query parameters to remove when the choice changes.

    Raises:
        DataError: if the address names a sequence that does not exist.
    """
    numbers = _numbers(sequences)
    chosen = choose(
        f"{label} (of {len(sequences):,})",
        numbers,
        key=key,
        format_func=lambda number: _title(sequences, number),
        default=str(default + 1),
        help=terms.SEQUENCE,
        resets=resets,
    )
    if chosen is None:
        raise DataError(
            f"The address names a sequence that does not exist; choose one of 1 to {len(numbers)}."
        )
    return int(chosen) - 1


def pick_others(sequences: Sequences, index: int, *, most: int) -> list[int]:
    """Ask for up to `most` other sequences to compare with the one at `index`.

    ?beside=2,5 of the address contains their numbers. Returns their indices.
    """
    others = [number for number in _numbers(sequences) if int(number) - 1 != index]
    widget = "pick.beside"

    def keep() -> None:
        if st.session_state[widget]:
            st.query_params["beside"] = ",".join(st.session_state[widget])
        else:
            st.query_params.pop("beside", None)

    wanted = st.query_params.get("beside", "").split(",")
    st.session_state[widget] = [number for number in others if number in wanted][:most]
    chosen = st.multiselect(
        "Compare with",
        others,
        format_func=lambda number: _title(sequences, number),
        key=widget,
        on_change=keep,
        max_selections=most,
        placeholder="Other sequences",
    )
    return [int(number) - 1 for number in chosen]


def ask_file(steps_per_quarter: int, place: DeltaGenerator) -> Sequences:
    """Ask for a music file and read it; stop the page until there is one.

    Args:
        steps_per_quarter: frames per quarter note.
        place: container in which the file can be replaced after it was uploaded.

    Raises:
        DataError: if the file is refused, with the reason, or does not contain music.
    """
    uploaded = st.session_state.get("midi_file")
    # After the upload the widget moves into a popover. Its key keeps the file.
    with file_popover(place, uploaded.name) if uploaded else st.container():
        file = st.file_uploader(
            "MIDI, MusicXML or ABC file",
            type=list(MUSIC_EXTENSIONS),
            key="midi_file",
            max_upload_size=MAX_BYTES // 2**20,
        )
        st.caption(
            "A link does not contain your file. To use the file in links, store it as a data set "
            "on the Data page."
        )
    if file is None:
        if named := st.query_params.get("file"):
            st.info(
                f"This link was made with the file {frame.escape_markdown(named, 80)}. "
                "Upload this file to restore the page.",
                icon=":material/upload_file:",
            )
        st.stop()
    st.query_params["file"] = file.name
    asked = (file.file_id, steps_per_quarter)
    if st.session_state.get("midi_asked") != asked:  # read once, in a child process
        with st.spinner("Reading the file"):
            options = UploadOptions(steps_per_quarter=steps_per_quarter)
            st.session_state.midi_report = read_files([(file.name, file.getvalue())], options)
        st.session_state.midi_asked = asked
    report: UploadReport = st.session_state.midi_report
    (outcome,) = report.files
    if report.sequences is None:
        raise DataError(f"{outcome.name}: {outcome.refusal}")
    if not report.is_music:
        raise DataError(f"{outcome.name} does not contain music, which this model needs.")
    if len(report.sequences) > 1:
        st.caption(f"The file contains {len(report.sequences):,} sequences; the first one is used.")
    if outcome.changes:
        st.caption(f"Changes to the file: {frame.escape_markdown(' '.join(outcome.changes))}")
    return report.sequences


def file_popover(place: DeltaGenerator, name: str) -> DeltaGenerator:
    """Draw a popover with the name of an uploaded file, in which the file can be replaced."""
    return place.popover(
        frame.escape_markdown(name, _MAX_BUTTON_CHARACTERS),
        icon=":material/upload_file:",
        help="Your file. Open this to replace it.",
    )


def _numbers(sequences: Sequences) -> list[str]:
    return [str(number) for number in range(1, min(len(sequences), _MAX_LISTED) + 1)]


def _title(sequences: Sequences, number: str) -> str:
    return f"{number}. {sequences.names[int(number) - 1]}"
