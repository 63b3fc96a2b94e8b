"""Someone's own files: read, reported file by file, and kept as a data set."""

from typing import NamedTuple

import streamlit as st

from dmm_core.data.sequences import split_by_seed
from dmm_core.data.spec import UPLOAD_PREFIX
from dmm_core.data.uploads.reader import (
    EXTENSIONS,
    MAX_BYTES,
    FileReport,
    UploadOptions,
    UploadReport,
    read_files,
    store_upload,
)
from dmm_core.data.uploads.values import pluralise
from dmm_core.music.pianoroll import GRIDS
from pages.ui import frame
from pages.ui.data.browse import open_set
from pages.ui.datasets import SPLITS, note_value

__all__ = ["draw", "is_waiting"]


_FILE, _SAID = "File", "What was read and changed"
_READ = "own_files"
_UPLOADERS = "own_uploaders"  # how many were emptied by starting over


class _Read(NamedTuple):
    """Files of this session that were read and not kept yet; their bytes are not held.

    Streamlit's uploader forgets its files when its page is left, so the report has to outlive it.
    """

    ids: tuple[str, ...]
    options: UploadOptions
    title: str
    report: UploadReport


def is_waiting() -> bool:
    """Whether this session has read files that are neither kept nor dismissed."""
    return _READ in st.session_state


def draw() -> None:
    """Draw the upload, what became of each file, and the button that keeps it."""
    key = _uploader()
    read: _Read | None = st.session_state.get(_READ)
    if read and not st.session_state.get(key):
        _draw_report(read)
        st.caption(
            f"Read on a grid of {GRIDS[read.options.steps_per_quarter]} notes before you left this "
            "page. To add files or to change an option, start over."
        )
        _draw_start_over()
        return
    files = st.file_uploader(
        "MIDI, MusicXML, ABC, CSV or npz files",
        type=list(EXTENSIONS),
        accept_multiple_files=True,
        key=key,
        on_change=_forget_without_files,
        max_upload_size=MAX_BYTES // 2**20,
        help="Up to 200 files of 20 MB, 64 MB together. They are read in a separate process with "
        "limits, and never executed.",
    )
    options = _draw_options()
    if not files:
        st.caption(
            "A piece of music becomes one sequence, and so does a tune of an ABC file. In a CSV "
            "file a row is a frame: rows with the same value in the column `sequence` are one "
            "sequence, `u_...` are actions, empty cells are missing. An npz file holds x "
            "(N, T, D), or train, valid and test. "
            "Files are stored only on the server that runs this app."
        )
        return
    ids = tuple(file.file_id for file in files)
    if read is None or (read.ids, read.options) != (ids, options):
        report = _report([(file.name, file.getvalue()) for file in files], options)
        read = _Read(ids, options, _stem(files[0].name), report)
        st.session_state[_READ] = read
    _draw_report(read)
    if read.report.sequences is not None:
        _draw_start_over()


def _draw_report(read: _Read) -> None:
    report = read.report
    count = sum(file.refusal is None for file in report.files)
    st.subheader(f"{count} of {len(report.files)} files read", anchor=False)
    st.table([_row(file) for file in report.files], border="horizontal", hide_index=True)
    if report.sequences is None:
        st.error("None of these files could be read.", icon=":material/error:")
        return
    st.caption(_splits(report, read.options))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.text_input("Title", value=read.title, max_chars=80, key="upload_title")
        if st.button("Keep this data set", type="primary", icon=":material/save:", key="keep"):
            kept = store_upload(report, title=title or "My data", options=read.options)
            del st.session_state[_READ]
            open_set(f"{UPLOAD_PREFIX}{kept}")


def _draw_start_over() -> None:
    if st.button("Start over", icon=":material/restart_alt:", key="start_over"):
        st.session_state.pop(_READ, None)
        st.session_state[_UPLOADERS] = st.session_state.get(_UPLOADERS, 0) + 1
        st.query_params["view"] = "own"  # a visit by a bare link is here only for the files
        st.rerun()


def _uploader() -> str:
    """The uploader's key: only one of another key is empty."""
    emptied = st.session_state.get(_UPLOADERS, 0)
    return f"files-{emptied}" if emptied else "files"


def _forget_without_files() -> None:
    if not st.session_state.get(_uploader()):
        st.session_state.pop(_READ, None)


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


def _report(files: list[tuple[str, bytes]], options: UploadOptions) -> UploadReport:
    bar = st.progress(0.0, text="Reading")

    def advance(share: float, name: str) -> None:
        bar.progress(share, text=frame.escape_markdown(name))

    report = read_files(files, options, advance)
    bar.empty()
    return report


def _row(file: FileReport) -> dict[str, str]:
    """A file's line of the table, escaped: the table shows Markdown.

    Two columns leave room for sentences on a phone.
    """
    name = frame.escape_markdown(file.name, most=80)
    if file.refusal is not None:
        return {
            _FILE: name,
            _SAID: f":material/error: Refused: {frame.escape_markdown(file.refusal)}",
        }
    held = ((file.sequences, "sequence"), (file.frames, "frame"), (file.notes, "note"))
    counts = ", ".join(pluralise(number, noun) for number, noun in held if number)
    said = [f":material/edit: {frame.escape_markdown(change)}" for change in file.changes]
    return {
        _FILE: f"{name}  \n:gray[:small[{counts}]]",
        _SAID: "  \n".join(said) or ":material/check: Nothing was changed.",
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
