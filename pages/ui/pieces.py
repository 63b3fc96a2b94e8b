"""Choosing sequences: of a data set, by the address, or out of a file that somebody brings."""

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

__all__ = ["ask_file", "pick_beside", "pick_piece", "pick_split"]

_LISTED = 2000
"""Sequences in a list: more would weigh on every rerun."""

_SHORT = 24
"""Characters of a file's name on its button."""


def pick_split(data: Splits) -> str:
    """Let a split be chosen by ?split= of the address.

    Raises:
        DataError: if the address names none.
    """
    split = choose(
        "Split", SPLITS, key="split", show=str.capitalize, few=True, resets=("piece", "beside")
    )
    if split is None or not len(data[split]):
        raise DataError("The splits are train, valid and test; choose one that has sequences.")
    return split


def pick_piece(
    sequences: Sequences, *, key: str = "piece", label: str = "Sequence", default: int = 0
) -> int:
    """Let one of `sequences` be chosen; `key` of the address holds its number, counted from 1.

    Where the address names none it is the one at `default`, counted from 0.

    Raises:
        DataError: if the address names none of them.
    """
    numbers = _numbers(sequences)
    chosen = choose(
        f"{label}, of {len(sequences):,}",
        numbers,
        key=key,
        show=lambda number: _title(sequences, number),
        default=str(default + 1),
        help=terms.SEQUENCE,
    )
    if chosen is None:
        raise DataError("There is no such sequence; choose one from the list.")
    return int(chosen) - 1


def pick_beside(sequences: Sequences, index: int, *, most: int) -> list[int]:
    """Let up to `most` others be chosen beside the one at `index`; ?beside=2,5 holds them."""
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
        "Beside it",
        others,
        format_func=lambda number: _title(sequences, number),
        key=widget,
        on_change=keep,
        max_selections=most,
        placeholder="Other sequences",
    )
    return [int(number) - 1 for number in chosen]


def ask_file(steps_per_quarter: int, beside: DeltaGenerator) -> Sequences:
    """Ask for music and read it on the model's grid; stop the page until there is some.

    Args:
        steps_per_quarter: the grid.
        beside: where the file can be changed once there is one.

    Raises:
        DataError: if the file is refused, with the reason, or is no music.
    """
    here = st.session_state.get("midi_file")
    # Out of the way once it has what it asks for; its key keeps the file.
    with _popover(beside, here.name) if here else st.container():
        file = st.file_uploader(
            "MIDI, MusicXML or ABC file",
            type=list(MUSIC_EXTENSIONS),
            key="midi_file",
            max_upload_size=MAX_BYTES // 2**20,
        )
        st.caption(
            "A link cannot hold a file. Keep it as a data set on the Data page, and it can be "
            "chosen here, by a link too."
        )
    if file is None:
        if named := st.query_params.get("file"):
            st.info(
                f"This link was made with the file {frame.escape_markdown(named, 80)}. "
                "Choose that file to see the page as it was.",
                icon=":material/upload_file:",
            )
        st.stop()
    st.query_params["file"] = file.name
    asked = (file.file_id, steps_per_quarter)
    if st.session_state.get("midi_asked") != asked:  # read once, in a process of its own
        with st.spinner("Reading the file"):
            options = UploadOptions(steps_per_quarter=steps_per_quarter)
            st.session_state.midi_report = read_files([(file.name, file.getvalue())], options)
        st.session_state.midi_asked = asked
    report: UploadReport = st.session_state.midi_report
    (outcome,) = report.files
    if report.sequences is None:
        raise DataError(f"{outcome.name}: {outcome.refusal}")
    if not report.is_music:
        raise DataError(f"{outcome.name} is no music, and this model explains nothing else.")
    if len(report.sequences) > 1:
        st.caption(f"Of its {len(report.sequences):,} sequences the first is taken.")
    if outcome.changes:
        st.caption(f"What was changed: {frame.escape_markdown(' '.join(outcome.changes))}")
    return report.sequences


def _popover(beside: DeltaGenerator, name: str) -> DeltaGenerator:
    return beside.popover(
        frame.escape_markdown(name, _SHORT),
        icon=":material/upload_file:",
        help="Your file; open this to bring another.",
    )


def _numbers(sequences: Sequences) -> list[str]:
    return [str(number) for number in range(1, min(len(sequences), _LISTED) + 1)]


def _title(sequences: Sequences, number: str) -> str:
    return f"{number}. {sequences.names[int(number) - 1]}"
