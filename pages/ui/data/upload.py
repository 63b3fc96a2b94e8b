"""Someone's own MIDI files: read, reported file by file, and kept as a data set."""

import streamlit as st

from dmm_core.data.registry import UPLOAD_PREFIX
from dmm_core.data.sequences import split_by_seed
from dmm_core.data.uploads import (
    FileReport,
    UploadOptions,
    UploadReport,
    read_files,
    store_upload,
)
from dmm_core.music.pianoroll import GRIDS
from pages.ui import frame
from pages.ui.data.browse import open_set
from pages.ui.datasets import note_value

__all__ = ["draw"]


def draw() -> None:
    """Draw the upload, what became of each file, and the button that keeps it."""
    files = st.file_uploader(
        "MIDI files",
        type=["mid", "midi"],
        accept_multiple_files=True,
        key="files",
        help="Up to 200 files of 20 MB. They are read in a closed-off process and never executed.",
    )
    options = _draw_options()
    if not files:
        st.caption("Every file becomes one sequence. Nothing leaves this machine.")
        return
    given = [(file.name, file.getvalue()) for file in files]
    report = _read(given, tuple(file.file_id for file in files), options)
    read = sum(file.refusal is None for file in report.files)
    st.subheader(f"{read} of {len(report.files)} files read", anchor=False)
    st.table([_row(file) for file in report.files], border="horizontal", hide_index=True)
    if report.sequences is None:
        st.error("None of these files could be read.", icon=":material/error:")
        return
    parts = split_by_seed(len(report.sequences), options.seed)
    train, valid, test = map(len, parts)
    st.caption(
        f"Seed {options.seed} puts {train} into train, {valid} into valid, {test} into test."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.text_input("Title", value=_stem(given[0][0]), max_chars=80, key="upload_title")
        if st.button("Keep this data set", type="primary", icon=":material/save:", key="keep"):
            kept = store_upload(report, title=title or "My music", options=options)
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
        "Frames": f"{file.frames:,}",
        "Notes": f"{file.notes:,}",
        "What was changed": outcome,
    }


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0][:80]
