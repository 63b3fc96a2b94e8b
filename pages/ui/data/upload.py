"""Upload files: read them, report what was read from each, and save them as a data set."""

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
from pages.ui.data.browse import open_dataset
from pages.ui.datasets import SPLITS

__all__ = ["draw", "is_waiting"]

_FILE, _REPORT = "File", "What was read and changed"
_PENDING = "upload.pending"
"""Session state key of the `_PendingUpload`."""
_UPLOADERS = "upload.uploaders"
"""Session state key of the number of uploaders that were replaced by an empty one."""


class _PendingUpload(NamedTuple):
    """Files of this session that were read but not saved yet.

    Streamlit's uploader discards its files when the user leaves the page, so the result of reading
    them is stored in the session state. The bytes of the files are not.
    """

    ids: tuple[str, ...]
    options: UploadOptions
    title: str
    report: UploadReport


def is_waiting() -> bool:
    """Whether this session has read files that are neither saved nor discarded."""
    return _PENDING in st.session_state


def draw() -> None:
    """Draw the file uploader, the report on each file, and the button that saves the data set."""
    key = _uploader_key()
    pending: _PendingUpload | None = st.session_state.get(_PENDING)
    if pending and not st.session_state.get(key):
        _draw_report(pending)
        st.caption(
            "These files were read before you left this page, on a grid of "
            f"{GRIDS[pending.options.steps_per_quarter]} notes. To add files or to change an "
            "option, start over."
        )
        _draw_start_over()
        return
    files = st.file_uploader(
        "MIDI, MusicXML, ABC, CSV or npz files",
        type=list(EXTENSIONS),
        accept_multiple_files=True,
        key=key,
        on_change=_discard_without_files,
        max_upload_size=MAX_BYTES // 2**20,
        help="Up to 200 files are allowed, of at most 20 MB each and 64 MB in total. They are read "
        "in a separate process with limits on memory and time, and never executed.",
    )
    options = _draw_options()
    if not files:
        st.caption(
            "A piece of music, or a tune of an ABC file, becomes one sequence. In a CSV file, each "
            "row is a frame; rows with the same value in the column `sequence` form a sequence, "
            "columns named `u_...` are actions, and empty cells are missing values. An npz file "
            "contains an array x (N, T, D), or arrays train, valid and test. Files are stored only "
            "on the server that runs this app."
        )
        return
    ids = tuple(file.file_id for file in files)
    if pending is None or (pending.ids, pending.options) != (ids, options):
        report = _read([(file.name, file.getvalue()) for file in files], options)
        pending = _PendingUpload(ids, options, _stem(files[0].name), report)
        st.session_state[_PENDING] = pending
    _draw_report(pending)
    if pending.report.sequences is not None:
        _draw_start_over()


def _draw_report(pending: _PendingUpload) -> None:
    report = pending.report
    count = sum(file.refusal is None for file in report.files)
    st.subheader(f"{count} of {len(report.files)} files read", anchor=False)
    st.table([_row(file) for file in report.files], border="horizontal", hide_index=True)
    if report.sequences is None:
        st.error("None of these files could be read.", icon=":material/error:")
        return
    st.caption(_split_sizes(report, pending.options))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.text_input("Title", value=pending.title, max_chars=80, key="upload_title")
        if st.button("Save data set", type="primary", icon=":material/save:", key="keep"):
            name = store_upload(report, title=title or "My data", options=pending.options)
            del st.session_state[_PENDING]
            open_dataset(f"{UPLOAD_PREFIX}{name}")


def _draw_start_over() -> None:
    if st.button("Start over", icon=":material/restart_alt:", key="start_over"):
        st.session_state.pop(_PENDING, None)
        st.session_state[_UPLOADERS] = st.session_state.get(_UPLOADERS, 0) + 1
        # Without the parameter, this view was shown only because files were pending.
        st.query_params["view"] = "own"
        st.rerun()


def _uploader_key() -> str:
    """Return the key of the uploader. Streamlit empties an uploader only if its key changes."""
    count = st.session_state.get(_UPLOADERS, 0)
    return f"files-{count}" if count else "files"


def _discard_without_files() -> None:
    if not st.session_state.get(_uploader_key()):
        st.session_state.pop(_PENDING, None)


def _draw_options() -> UploadOptions:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        steps = st.segmented_control(
            "Frame length",
            list(GRIDS),
            default=2,
            required=True,
            format_func=lambda steps: f"{GRIDS[steps]} note",
            key="grid",
            help="A finer grid preserves shorter notes, but makes sequences longer.",
        )
        seed = st.number_input("Split seed", 0, 2**31 - 1, 0, key="split_seed", width=160)
        transpose = st.toggle(
            "Transpose to C major or A minor",
            key="transpose",
            help="The key is taken from the key signature, or estimated from the notes if there is "
            "none.",
        )
    return UploadOptions(steps_per_quarter=steps or 2, transpose=transpose, seed=int(seed))


def _read(files: list[tuple[str, bytes]], options: UploadOptions) -> UploadReport:
    bar = st.progress(0.0, text="Reading the files")

    def advance(share: float, name: str) -> None:
        bar.progress(share, text=frame.escape_markdown(name))

    report = read_files(files, options, advance)
    bar.empty()
    return report


def _row(file: FileReport) -> dict[str, str]:
    """Return a file's row of the table, as Markdown.

    The table has two columns only, so that its sentences fit on the screen of a phone.
    """
    name = frame.escape_markdown(file.name, most=80)
    if file.refusal is not None:
        return {
            _FILE: name,
            _REPORT: f":material/error: Refused: {frame.escape_markdown(file.refusal)}",
        }
    content = ((file.sequences, "sequence"), (file.frames, "frame"), (file.notes, "note"))
    counts = ", ".join(pluralise(number, noun) for number, noun in content if number)
    changes = [f":material/edit: {frame.escape_markdown(change)}" for change in file.changes]
    return {
        _FILE: f"{name}  \n:gray[:small[{counts}]]",
        _REPORT: "  \n".join(changes) or ":material/check: Nothing was changed.",
    }


def _split_sizes(report: UploadReport, options: UploadOptions) -> str:
    """Return a sentence on the number of sequences in each split, and on how it is chosen."""
    if report.splits is not None:
        train, valid, test = map(report.splits.count, SPLITS)
        origin = "as given in the file"
    else:
        count = len(report.sequences or ())
        if count == 1:
            return (
                "The only sequence is used for train, valid and test, so the valid and test bounds "
                "do not show how well the model generalises."
            )
        train, valid, test = map(len, split_by_seed(count, options.seed))
        origin = f"chosen with seed {options.seed}"
    return (
        f"The splits have {train:,} (train), {valid:,} (valid) and {test:,} (test) sequences, "
        + (f"{origin}.")
    )


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0][:80]
