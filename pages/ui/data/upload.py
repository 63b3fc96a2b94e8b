"""Upload files: read them, report what was read from each, and save them as a data set."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import streamlit as st

from dmm_core.data.sequences import split_by_seed
from dmm_core.data.spec import UPLOAD_PREFIX
from dmm_core.data.time_split import window_sizes
from dmm_core.data.uploads.kinds import file_kind
from dmm_core.data.uploads.reader import (
    EXTENSIONS,
    MAX_BYTES,
    ROLES,
    Column,
    FileReport,
    Role,
    UploadOptions,
    UploadReport,
    read_files,
    store_upload,
)
from dmm_core.data.uploads.values import pluralise
from dmm_core.errors import UploadError
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
_ROLES = "upload.roles"
"""Session state key of the roles that the user chose, by the name of the column."""
_TABLES = ("csv", "npz")
_MAX_COLUMNS = 24
"""Number of columns whose role can be changed on the page."""

_ROLE_NAMES: dict[Role, str] = {
    "time": "Time",
    "sequence": "Sequence",
    "feature": "Feature",
    "action": "Action",
    "covariate": "Covariate",
    "ignore": "Leave out",
}
_KINDS = {"auto": "As the values suggest", "real": "Real", "binary": "Binary", "count": "Counts"}
_WAYS = {"auto": "Automatic", "sequence": "By sequence", "time": "In time"}


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
        grid = GRIDS[pending.options.steps_per_quarter]
        music = f", on a grid of {grid} notes" if pending.report.is_music else ""
        st.caption(
            f"These files were read before you left this page{music}. To add files or to change an "
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
    if not files:
        st.caption(
            "In a CSV file, each row is a frame. Columns of times (dates, years or numbers) and of "
            "sequences are recognised, columns named `u_...` are actions and `c_...` covariates, "
            "and empty cells are missing values. An npz file contains an array x (N, T, D), or "
            "arrays train, valid and test. A piece of music, or a tune of an ABC file, becomes one "
            "sequence. Files are stored only on the server that runs this app."
        )
        return
    ids = tuple(file.file_id for file in files)
    kinds = {file_kind(file.name, file.getvalue()) for file in files}
    same = pending if pending and pending.ids == ids else None
    options = _draw_options(
        music=bool(kinds.difference(_TABLES, {"unknown"})) or bool(same and same.report.is_music),
        table=not kinds.isdisjoint(_TABLES),
    )
    if same is None or _as_read(same.options) != _as_read(options):
        report = _read([(file.name, file.getvalue()) for file in files], options)
        pending = _PendingUpload(ids, options, _stem(files[0].name), report)
    else:
        pending = same._replace(options=options)
    st.session_state[_PENDING] = pending
    if same is None and pending.report.is_music and kinds <= {*_TABLES}:
        st.rerun()  # a table turned out to be a piano-roll, whose grid can be chosen
    _draw_report(pending, editable=True)
    if pending.report.sequences is not None:
        _draw_start_over()


def _as_read(options: UploadOptions) -> UploadOptions:
    """Return options without those that matter only when the data set is saved."""
    return replace(options, seed=0, split="auto", window=None)


def _draw_report(pending: _PendingUpload, *, editable: bool = False) -> None:
    report = pending.report
    count = sum(file.refusal is None for file in report.files)
    st.subheader(f"{count} of {len(report.files)} files read", anchor=False)
    st.table([_row(file) for file in report.files], border="horizontal", hide_index=True)
    if editable:
        _draw_columns([column for file in report.files for column in file.columns])
    if report.sequences is None:
        st.error("None of these files could be read.", icon=":material/error:")
        return
    try:
        sizes = _split_sizes(report, pending.options)
    except UploadError as refusal:
        st.error(frame.escape_markdown(str(refusal)), icon=":material/error:")
        return
    st.caption(sizes)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.text_input("Title", value=pending.title, max_chars=80, key="upload_title")
        if st.button("Save data set", type="primary", icon=":material/save:", key="keep"):
            name = store_upload(report, title=title or "My data", options=pending.options)
            st.session_state.pop(_ROLES, None)
            del st.session_state[_PENDING]
            open_dataset(f"{UPLOAD_PREFIX}{name}")


def _draw_columns(columns: Iterable[Column]) -> None:
    """Draw a select box for the role of each column; a change reads the files again."""
    by_name: dict[str, Column] = {}
    for column in columns:
        if column.name:
            by_name.setdefault(column.name, column)
    if not by_name:
        return
    with st.expander("Columns and their roles", expanded=len(by_name) <= _MAX_COLUMNS):
        st.caption(
            "The time orders the frames, a sequence is the rows with the same value, and the model "
            "explains the features. Actions act on the next frame; covariates are known in advance."
        )
        with st.grid("auto", min_column_width=180):
            for number, column in enumerate(list(by_name.values())[:_MAX_COLUMNS]):
                _draw_column(column, f"role-{number}")
        if len(by_name) > _MAX_COLUMNS:
            st.caption(
                f"The other {len(by_name) - _MAX_COLUMNS:,} columns keep their roles. The command "
                "line can change them: `dmm upload --role NAME=ROLE`."
            )


def _draw_column(column: Column, key: str) -> None:
    values = ", ".join(frame.escape_markdown(value, most=20) for value in column.values)
    unit = f" ({frame.escape_markdown(column.unit, most=20)})" if column.unit else ""
    st.session_state[key] = column.role

    def save() -> None:
        chosen: dict[str, Role] = st.session_state.setdefault(_ROLES, {})
        st.session_state[_ROLES] = chosen | {column.name: st.session_state[key]}

    with st.container(gap="xxsmall"):
        st.selectbox(
            frame.escape_markdown(column.name, most=40),
            ROLES,
            format_func=_ROLE_NAMES.__getitem__,
            key=key,
            on_change=save,
        )
        st.caption(f"{values}{unit}" or "No values")


def _draw_start_over() -> None:
    if st.button("Start over", icon=":material/restart_alt:", key="start_over"):
        st.session_state.pop(_PENDING, None)
        st.session_state.pop(_ROLES, None)
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
        st.session_state.pop(_ROLES, None)


def _draw_options(*, music: bool, table: bool) -> UploadOptions:
    """Draw the options that apply to the files.

    Args:
        music: whether music is among the files.
        table: whether a table or an array is among the files.
    """
    options = UploadOptions(roles=dict(st.session_state.get(_ROLES, {})))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if music:
            steps = st.segmented_control(
                "Frame length",
                list(GRIDS),
                default=2,
                required=True,
                format_func=lambda steps: f"{GRIDS[steps]} note",
                key="grid",
                help="A finer grid preserves shorter notes, but makes sequences longer.",
            )
            transpose = st.toggle(
                "Transpose to C major or A minor",
                key="transpose",
                help="The key is taken from the key signature, or estimated from the notes if "
                "there is none.",
            )
            options = replace(options, steps_per_quarter=steps or 2, transpose=transpose)
        if table:
            kind = st.selectbox(
                "Kind of the features",
                list(_KINDS),
                format_func=_KINDS.__getitem__,
                key="upload_kind",
                width=220,
                help="Counts are whole numbers from 0 up, such as events in each frame.",
            )
            wide = st.toggle(
                "A row is a sequence",
                key="upload_wide",
                help="For tables with a row for each sequence and a column for each frame.",
            )
            options = replace(options, kind=kind, wide=wide)
        split = st.segmented_control(
            "Split",
            list(_WAYS),
            default="auto",
            required=True,
            format_func=_WAYS.__getitem__,
            key="upload_split",
            help="In time, the past of each sequence is the train split, and its future is valid "
            "and test. By sequence, whole sequences are chosen at random.",
        )
        if split != "sequence":
            window = st.number_input(
                "Window (frames)",
                2,
                10_000,
                None,
                key="upload_window",
                width=160,
                placeholder="Automatic",
                help="A split in time is cut into windows of this length, which are the sequences "
                "of the training.",
            )
            options = replace(options, window=None if window is None else int(window))
        if split != "time":
            seed = st.number_input("Split seed", 0, 2**31 - 1, 0, key="split_seed", width=160)
            options = replace(options, seed=int(seed))
    return replace(options, split=split or "auto")


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
    if (window := report.window(options)) and report.sequences:
        sizes = window_sizes(report.sequences.lengths.tolist(), window)
        counts = ", ".join(f"{count:,} ({split})" for split, (count, _) in sizes.items())
        return (
            "The first 70 % of each sequence are the train split, the next 15 % valid and the last "
            f"15 % test, cut into windows of about {window} frames: {counts}."
        )
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
        if count == 2:
            origin += "; the same sequence is valid and test"
    return (
        f"The splits have {train:,} (train), {valid:,} (valid) and {test:,} (test) sequences, "
        + (f"{origin}.")
    )


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0][:80]
