"""Someone's own files: read, reported file by file, and kept as a data set."""

import streamlit as st

from dmm_core.data.registry import UPLOAD_PREFIX
from dmm_core.data.sequences import split_by_seed
from dmm_core.data.uploads import (
    EXTENSIONS,
    FileReport,
    UploadOptions,
    UploadReport,
    read_files,
    store_upload,
)
from dmm_core.music.pianoroll import GRIDS
from pages.ui import frame
from pages.ui.data.browse import open_set
from pages.ui.datasets import SPLITS, note_value

__all__ = ["draw"]


def draw() -> None:
    """Draw the upload, what became of each file, and the button that keeps it."""
    files = st.file_uploader(
        "MIDI, MusicXML, ABC, CSV or npz files",
        type=list(EXTENSIONS),
        accept_multiple_files=True,
        key="files",
        help="Up to 200 files of 20 MB. They are read in a closed-off process and never executed.",
    )
    options = _draw_options()
    if not files:
        st.caption(
            "A piece of music becomes one sequence, and so does a tune of an ABC file. In a CSV "
            "file a row is a frame: the column `sequence` starts a new sequence, `u_...` are "
            "actions, empty cells are missing. An npz file holds x (N, T, D), or train, valid and "
            "test. Nothing leaves this machine."
        )
        return
    given = [(file.name, file.getvalue()) for file in files]
    report = _read(given, tuple(file.file_id for file in files), options)
    read = sum(file.refusal is None for file in report.files)
    st.subheader(f"{read} of {len(report.files)} files read", anchor=False)
    st.table([_row(file) for file in report.files], border="horizontal", hide_index=True)
    if report.sequences is None:
        st.error("None of these files could be read.", icon=":material/error:")
        return
    st.caption(_splits(report, options))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.text_input("Title", value=_stem(given[0][0]), max_chars=80, key="upload_title")
        if st.button("Keep this data set", type="primary", icon=":material/save:", key="keep"):
            kept = store_upload(report, title=title or "My data", options=options)
            open_set(f"{UPLOAD_PREFIX}{kept}")


def _draw_options() -> UploadOptions:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        steps = st.segmented_control(
            "A frame is",
            list(GRIDS),
            default=2,
            required=True,
            format_func=lambda steps: note_value(GRIDS[steps]),
            key="grid",
            help="Shorter frames keep quicker notes and make longer sequences.",
        )
        seed = st.number_input("Seed of the split", 0, 2**31 - 1, 0, key="split_seed", width=160)
        transpose = st.toggle(
            "Move to C major or A minor",
            key="transpose",
            help="By the key signature, or else by the key that the notes fit best.",
        )
    return UploadOptions(steps_per_quarter=steps or 2, transpose=transpose, seed=int(seed))


def _read(
    files: list[tuple[str, bytes]], ids: tuple[str, ...], options: UploadOptions
) -> UploadReport:
    """The report of these files, read again only when they or the options change."""
    signature = (ids, options)
    if st.session_state.get("read_signature") != signature:
        bar = st.progress(0.0, text="Reading")

        def advance(share: float, name: str) -> None:
            bar.progress(share, text=frame.plain(name))

        st.session_state.read_report = read_files(files, options, advance)
        st.session_state.read_signature = signature
        bar.empty()
    return st.session_state.read_report


def _row(file: FileReport) -> dict[str, str]:
    """A file's line of the table, escaped: the table shows Markdown."""
    if file.refusal is not None:
        outcome = f":material/error: Refused: {frame.plain(file.refusal)}"
    elif file.changes:
        outcome = ":material/edit: " + " ".join(map(frame.plain, file.changes))
    else:
        outcome = ":material/check: Nothing was changed."
    return {
        "File": frame.plain(file.name, most=80),
        "Sequences": f"{file.sequences:,}",
        "Frames": f"{file.frames:,}",
        "Notes": f"{file.notes:,}",
        "What was read and changed": outcome,
    }


def _splits(report: UploadReport, options: UploadOptions) -> str:
    """How many sequences stand in each split, and who says so."""
    if report.splits is not None:
        train, valid, test = map(report.splits.count, SPLITS)
        who = "The file puts"
    else:
        count = len(report.sequences or ())
        if count == 1:
            return "One sequence alone stands in train, valid and test: its bounds tell little."
        train, valid, test = map(len, split_by_seed(count, options.seed))
        who = f"Seed {options.seed} puts"
    return f"{who} {train:,} into train, {valid:,} into valid, {test:,} into test."


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0][:80]
