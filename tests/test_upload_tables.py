"""Tables and arrays become the sequences that they hold, and what is read is told."""

import csv
import io
import json
import math
import time
from dataclasses import replace

import hostile_data
import numpy as np
import pytest
from hostile_data import ONES, X, archive, header, npy, npz
from safetensors.numpy import load, save

from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import DataSpec
from dmm_core.data.uploads import join as upload_join, reader as uploads
from dmm_core.data.uploads.csv_table import parse_csv
from dmm_core.data.uploads.kinds import parse_file
from dmm_core.data.uploads.npz import parse_npz
from dmm_core.data.uploads.parsed import decode, encode
from dmm_core.data.uploads.reader import (
    UploadOptions,
    UploadReport,
    inspect_file,
    list_uploads,
    load_upload,
    read_files,
    store_upload,
)
from dmm_core.errors import UploadError
from dmm_core.music.midi import midi_from_notes
from dmm_core.music.pianoroll import Note

OPTIONS = UploadOptions()
NAN = np.nan


@pytest.fixture(autouse=True)
def in_process(monkeypatch):
    """Parse without a child: what goes through the pipe does so all the same."""
    monkeypatch.setattr(
        uploads, "parse_in_child", lambda *given: decode(encode(parse_file(*given)))
    )


def table(text):
    return parse_csv(text.encode(), OPTIONS)


def test_a_table_with_everything():
    parsed = table("temp,sequence,u_dose,state,U:other\n36.6,A,0,1,5\n,A,1,NA,6\n38,B,0,0,7\n")
    assert parsed.x.dtype == np.float32
    assert parsed.x.tolist() == [[np.float32(36.6), 1], [0, 0], [38, 0]]
    assert parsed.observed.tolist() == [[1, 1], [0, 0], [1, 1]]
    assert parsed.u.dtype == np.float32 and parsed.u.tolist() == [[0, 5], [1, 6], [0, 7]]
    assert (parsed.lengths, parsed.titles, parsed.splits) == ((2, 1), ("A", "B"), None)
    assert parsed.changes == (
        "Read 2 real-valued features and 2 actions.",
        "2 of 6 values are missing.",
    )


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("1\n", [[1]]),
        ("1,0\n0,1", [[1, 0], [0, 1]]),
        ("\n a , b \n\n1,2\n\n\n3,4\n\n", [[1, 2], [3, 4]]),
        ("a;b\r\n1;2\r\n3;4\r\n", [[1, 2], [3, 4]]),
        ("a\tb\r1\t2\r", [[1, 2]]),
        ("\ufeffa,b\n1,2\n", [[1, 2]]),
        ('"a, or ""b""\nor c",d\n"1","2"\n', [[1, 2]]),
        ("größe,β\n-1e-3, +.5 \n", [[-1e-3, 0.5]]),
        (",a\n0,5\n1,6\n", [[5], [6]]),
        ("a\n" + "7\n" * 1000, [[7]] * 1000),
        ("2020,1\n2021,3\n", [[2020, 1], [2021, 3]]),
    ],
)
def test_tables_as_programs_write_them(text, x):
    parsed = table(text)
    assert np.array_equal(parsed.x, np.float32(x)) and parsed.observed is None
    assert len(parsed.lengths) == 1


def test_rows_of_one_name_are_a_sequence():
    parsed = table("Sequence,a,u_b\n1,5,0\n1,6,1\n2,7,2\n1,8,3\n")
    assert (parsed.lengths, parsed.titles) == ((3, 1), ("1", "2"))
    assert parsed.x.tolist() == [[5], [6], [8], [7]] and parsed.u.tolist() == [[0], [1], [3], [2]]
    assert parsed.changes[0] == (
        "Joined the rows of each sequence: the rows of 2 sequences are in 3 separate blocks."
    )
    interleaved = table("time,sequence,a\n0,p1,0.5\n0,p2,0.6\n1,p1,0.7\n1,p2,0.8\n")
    assert interleaved.lengths == (2, 2)
    assert np.array_equal(interleaved.x[:, 0], np.float32([0.5, 0.7, 0.6, 0.8]))
    assert table("sequence,a\n1,5\n2,7\n2,8\n").changes == ("Read 1 real-valued feature.",)
    with pytest.raises(UploadError, match="infinite or beyond 3e38 in row 4"):
        table("sequence,a\n1,5\n2,6\n1,inf\n2,8\n")


ROLL = np.zeros((4, 88), int)
ROLL[:3, 39] = ROLL[1:, 43] = 1


def saved(x, *, names=None, index=False, word=str):
    """`x` as pandas saves it: its names, where it has some, and its row numbers, if asked for."""
    rows = [[word(cell) for cell in row] for row in x]
    if index:
        rows = [[str(number), *row] for number, row in enumerate(rows)]
    if names is not None:
        rows = [[""] * index + [str(name) for name in names], *rows]
    return "\n".join(map(",".join, rows)) + "\n"


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize("names", [None, range(88), range(1, 89), range(21, 109), ["C4"] * 88])
@pytest.mark.parametrize("word", [str, lambda cell: str(bool(cell)), lambda cell: f"{cell:.1f}"])
def test_a_roll_that_pandas_saved_is_music(index, names, word):
    parsed = table(saved(ROLL, names=names, index=index, word=word))
    assert parsed.notes == 2 and np.array_equal(parsed.x, ROLL)
    assert any("Read them as music: a piano-roll" in said for said in parsed.changes)
    assert parsed.spans.tolist() == [[60, 0, 1.5], [64, 0.5, 2]]  # a frame is an eighth note
    headed = names is not None and not isinstance(names, list)
    assert any("as a header" in said for said in parsed.changes) == headed


@pytest.mark.parametrize(
    ("text", "x", "header"),
    [
        ("0,1,2\n0.5,1.5,2.5\n0.1,0.2,0.3\n", [[0.5, 1.5, 2.5], [0.1, 0.2, 0.3]], True),
        (",0,1,2\n0,5,6,7\n1,8,9,10\n", [[5, 6, 7], [8, 9, 10]], True),
        (",0,1\n7,5,6\n9,8,9\n", [[5, 6], [8, 9]], True),
        (",0\n0,5\n1,6\n", [[5], [6]], True),
        (" 0 , 1 , 2 \n5,6,7\n", [[5, 6, 7]], True),
        ("0;1;2\n5,5;6;7\n", [[5.5, 6, 7]], True),
        (",0\n5,6\n", [[np.nan, 0], [5, 6]], False),
        ("0,1\n1,1\n", [[0, 1], [1, 1]], False),
        ("0,1,2\n", [[0, 1, 2]], False),
        ("0.0,1.0,2.0\n5,6,7\n", [[0, 1, 2], [5, 6, 7]], False),
        ("1,2,3\n4,5,6\n", [[1, 2, 3], [4, 5, 6]], False),
        ("1,2,3\n1,0,1\n", [[1, 0, 1]], True),
        ("0,2,4\n5,6,7\n", [[0, 2, 4], [5, 6, 7]], False),
        ("2,1,0\n5,6,7\n", [[2, 1, 0], [5, 6, 7]], False),
    ],
)
def test_a_header_of_numbers(text, x, header):
    parsed = table(text)
    read = parsed.x if parsed.observed is None else np.where(parsed.observed, parsed.x, np.nan)
    assert np.array_equal(read, np.float32(x), equal_nan=True)
    assert any("as a header" in said for said in parsed.changes) == header


def test_a_first_row_that_may_be_a_header_is_told():
    for text in ("0,1\n0.5,1.5\n0.1,2.5\n", "0, 1\n5,6\n", "0\n0.5\n", '"0"\n7\n'):
        doubtful = table(text)
        assert len(doubtful.x) == text.count("\n")
        assert doubtful.changes[0].startswith("Read the first row (0")
        assert "if it is a header, use words" in doubtful.changes[0]
    for text in ("0,1\n1,1\n", "0\n1\n", "0,2\n5,6\n", "1\n5\n", "0,1\n"):
        assert not any("as values" in said for said in table(text).changes)


def test_columns_that_pandas_names_are_left_out():
    parsed = table("Unnamed: 0,a,Unnamed: 2\n0,5,\n1,6,\n")
    assert parsed.x.tolist() == [[5], [6]]
    assert parsed.changes[0] == "Left out 2 columns without a name."


def test_one_column_of_decimal_commas_has_two_readings():
    parsed = table("1,5\n2,5\n3,5\n")
    assert parsed.x.tolist() == [[1, 5], [2, 5], [3, 5]]
    assert parsed.changes == (
        "Found no header and read 1,5 as two values, 1 and 5; if it is one number with a decimal "
        "comma, write 1.5.",
        "Read 2 real-valued features.",
    )
    for other in ("0,1\n1,1\n", "a,b\n1,5\n", "1,5,6\n2,5,6\n", "1.0,5\n2,5\n", "1,-5\n2,5\n"):
        assert not any("two values" in said for said in table(other).changes), other


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("a;b\n1,5;2\n-,5;3,25e1\n", [[1.5, 2], [-0.5, 32.5]]),
        ("1,5;2,5\n3,5;4,5\n", [[1.5, 2.5], [3.5, 4.5]]),
        ("a\tb\n1,5\t2\n", [[1.5, 2]]),
        ('a,b\n"1,5","2,25"\n', [[1.5, 2.25]]),
        ("a;b\n1;2\n1,5;3\n", [[1, 2], [1.5, 3]]),
    ],
)
def test_decimal_commas_are_read_and_told(text, x):
    parsed = table(text)
    assert parsed.x.tolist() == x
    assert parsed.changes[0].startswith("Read commas as decimal commas: ")


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("1 2\n3 4\n", [[1, 2], [3, 4]]),
        ("  1.0e+00   2\t5 \n 3  4 6\n", [[1, 2, 5], [3, 4, 6]]),
        ("a b\n3 4\n", [[3, 4]]),
        ("heart rate\n3\n4\n", [[3], [4]]),
        ("sep=;\na;b\n3;4\n", [[3, 4]]),
        ("sep=,\r\na,b\r\n3,4\r\n", [[3, 4]]),
        ("a;b,c\n3,4\n", [[3, 4]]),
        ("# a b\n3 4\n", [[3, 4]]),
        ("#a,b\n3,4\n", [[3, 4]]),
        ("# made by hand, in May\n# a,b\n\n3,4\n", [[3, 4]]),
        ("# made by hand, in spring, in May\n3,4\n5,6\n", [[3, 4], [5, 6]]),
        ("# temperature of the room\n3\n4\n", [[3], [4]]),
        ("#,a\n3,4\n", [[3, 4]]),
        ('"a;b";"c"\n3;4\n', [[3, 4]]),
        ("a,b\n3,4,\n5,6,,\n", [[3, 4], [5, 6]]),
        ("3,4,\n5,6,\n", [[3, 4], [5, 6]]),
        ("a,b\n3,4\n,\n,\n", [[3, 4]]),
        ("a,b\nTRUE,false\n", [[1, 0]]),
    ],
)
def test_tables_of_other_forms(text, x):
    parsed = table(text)
    assert np.array_equal(parsed.x, np.float32(x)) and parsed.observed is None


def test_other_encodings():
    for encoding in ("utf-16", "utf-8-sig"):
        parsed = parse_csv("größe;b\n1,5;2\n".encode(encoding), OPTIONS)
        assert parsed.x.tolist() == [[1.5, 2]]


def test_words_for_what_is_missing():
    parsed = table("a,b\nN/A,1\nnull,2\n<NA>,3\nNone,4\n")
    assert parsed.observed[:, 0].tolist() == [0] * 4
    assert table("a,b\n1,2\n,\n3,4\n,\n").changes == (
        "Left out 1 empty row at the end.",
        "Read 2 real-valued features.",
        "2 of 6 values are missing.",
    )


def test_what_holds_0_and_1_where_it_was_observed_is_binary():
    parsed = table("a,b\n1,0\n,1.0\n")
    assert parsed.x.dtype == np.uint8 and parsed.x.tolist() == [[1, 0], [0, 1]]
    assert parsed.observed.tolist() == [[1, 1], [0, 1]]
    assert parsed.changes == ("Read 2 binary features.", "1 of 4 values is missing.")
    assert table("a\n0\n0\n").x.dtype == np.uint8
    assert table("a\n0\n2\n").x.dtype == np.float32


def test_a_column_without_a_name_is_left_out_and_told():
    assert table(",a\n0,5\n").changes == (
        "Left out 1 column without a name.",
        "Read 1 real-valued feature.",
    )


def test_88_binary_features_are_a_piano_roll():
    roll = np.zeros((3, 88), int)
    roll[:2, 39] = roll[1:, 43] = 1
    text = "\n".join(",".join(map(str, row)) for row in roll)
    parsed = table(text)
    assert parsed.notes == 2 and "piano-roll whose frames are eighth notes." in parsed.changes[1]
    assert parse_npz(npz(x=np.stack([roll, roll])), OPTIONS).notes == 4
    report = read_files([("a.csv", text.encode())], OPTIONS)
    assert report.is_music and report.kind == "binary"


def test_a_large_table_is_read_in_time():
    """20 MB of cells, at the caps of columns: within a child's 5 s."""
    row = b",".join([b"0.5"] * 1000) + b"\n"
    began = time.process_time()
    parsed = parse_csv(row * 5000, OPTIONS)
    assert parsed.x.shape == (5000, 1000) and time.process_time() - began < 4


def test_a_padded_array_is_cut_by_its_mask():
    parsed = parse_npz(npz(x=X, mask=[[1, 1, 0, 0], [1, 1, 1, 1]]), OPTIONS)
    assert np.array_equal(parsed.x, np.float32(np.concatenate([X[0, :2], X[1]])))
    assert (parsed.lengths, parsed.titles, parsed.splits) == ((2, 4), ("1", "2"), None)
    assert parsed.observed is None and parsed.u is None
    same = parse_npz(npz(x=X, lengths=[2, 4]), OPTIONS)
    assert np.array_equal(same.x, parsed.x) and same.lengths == parsed.lengths
    padded = X.copy()
    padded[0, 2:] = NAN  # padding may hold anything
    assert np.array_equal(parse_npz(npz(x=padded, lengths=[2, 4]), OPTIONS).x, parsed.x)


def test_sequences_end_to_end_are_cut_by_their_lengths():
    parsed = parse_npz(npz(x=X[0], lengths=np.int16([1, 3]), u=X[0, :, :1]), OPTIONS)
    assert parsed.lengths == (1, 3) and np.array_equal(parsed.u, np.float32(X[0, :, :1]))
    assert parse_npz(npz(x=X[0]), OPTIONS).lengths == (4,)
    one = parse_npz(npz(x=X[:, :1, :1]), OPTIONS)
    assert one.lengths == (1, 1) and one.x.tolist() == [[0], [12]]


def test_what_is_missing_is_nan_or_said_to_be():
    x = X.copy()
    x[0, 1, 2] = NAN
    by_nan = parse_npz(npz(x=x), OPTIONS)
    by_word = parse_npz(npz(x=X, observed=~np.isnan(x)), OPTIONS)
    for parsed in (by_nan, by_word):
        assert parsed.x[1].tolist() == [3, 4, 0] and parsed.observed[1].tolist() == [1, 1, 0]
        assert parsed.observed.sum() == 23 and parsed.changes[-1] == "1 of 24 values is missing."
    both = parse_npz(npz(x=x, observed=np.isin(X, [7.0], invert=True)), OPTIONS)
    assert both.observed.sum() == 22


def test_given_splits_are_kept():
    parsed = parse_npz(
        npz(
            train=X,
            valid=X[:1] + 100,
            test=X[:1, :3] + 200,
            train_mask=ONES * [1, 1, 1, 0],
            train_u=X[..., :2],
            valid_u=X[:1, :, :2],
            test_u=X[:1, :3, :2],
            valid_observed=np.isin(X[:1], [5], invert=True),
        ),
        OPTIONS,
    )
    assert parsed.splits == ("train", "train", "valid", "test")
    assert parsed.titles == ("train 1", "train 2", "valid 1", "test 1")
    assert parsed.lengths == (3, 3, 4, 3) and parsed.u.shape == (13, 2)
    assert parsed.x[6].tolist() == [100, 101, 102] and parsed.x[-1].tolist() == [206, 207, 208]
    assert parsed.observed.sum() == 13 * 3 - 1 and parsed.observed[7].tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    "dtype", ["?", "i1", "u1", "<i2", ">i4", "<u8", "<f2", ">f4", "<f8", ">f8", "<i8"]
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_plain_number_is_read(dtype, order):
    x = np.asarray(X % 2 if dtype == "?" else X, dtype, order=order)
    for compressed in (True, False):
        parsed = parse_npz(npz(compressed, x=x), OPTIONS)
        assert np.array_equal(parsed.x, x.reshape(8, 3).astype(np.float32))
        assert parsed.x.dtype == (np.uint8 if dtype == "?" else np.float32)


def test_headers_of_other_versions():
    for version in (1, 2, 3):
        data = archive({"x.npy": npy(header("<f8", "(2, 3)"), np.arange(6.0).tobytes(), version)})
        assert parse_npz(data, OPTIONS).x.tolist() == [[0, 1, 2], [3, 4, 5]]
    old = archive({"x.npy": npy(header("<f8", "(2L, 3L)"), np.arange(6.0).tobytes())})
    assert parse_npz(old, OPTIONS).lengths == (2,)


def test_what_has_no_meaning_is_left_out_and_told():
    assert parse_npz(npz(x=X, label=[1], about=[2]), OPTIONS).changes[0] == (
        "Left out arrays with unknown names: about, label."
    )


def test_padded_rolls_of_64_bits_are_no_bomb():
    """As the canonical sets are often kept: they shrink more than a hundredfold."""
    rng = np.random.default_rng(0)
    x = np.zeros((200, 120, 88))
    mask = np.arange(120) < rng.integers(30, 121, 200)[:, None]
    x[..., 30:34] = mask[..., None]
    data = npz(x=x, mask=mask.astype(float))
    assert x.nbytes / len(data) > 100
    assert parse_npz(data, OPTIONS).x.shape == (mask.sum(), 88)


def written_csv(sequences):
    """A table of sequences, as a person's own program might write it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    features = [f"x{i}" for i in range(sequences.x_dim)]
    actions = [f"u_{i}" for i in range(sequences.u_dim)]
    writer.writerow(["sequence", *features, *actions])
    none = [None] * len(sequences)
    for name, x, u, seen in zip(
        sequences.names, sequences.x, sequences.u or none, sequences.observed or none, strict=True
    ):
        for t in range(len(x)):
            cells = [v if seen is None or seen[t, d] else "" for d, v in enumerate(x[t].tolist())]
            writer.writerow([name, *cells, *([] if u is None else u[t].tolist())])
    return buffer.getvalue().encode()


def some_sequences(seed, binary, act, missing):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, 7)
    seen = [rng.integers(0, 2, (n, 3), np.uint8) for n in lengths] if missing else None
    x = [rng.integers(0, 2, (n, 3), np.uint8) for n in lengths]
    if not binary:
        x = [rng.normal(size=(n, 3)).astype(np.float32) * 1e3 for n in lengths]
    if seen:
        x = [a * o for a, o in zip(x, seen, strict=True)]
    u = tuple(rng.normal(size=(n, 2)).astype(np.float32) for n in lengths) if act else None
    names = tuple(f"patient {i}" for i in range(7))
    return Sequences(tuple(x), names, u, tuple(seen) if seen else None)


def same(left, right):
    """Whether two sets hold the same sequences, whatever their names."""
    for a, b in ((left.x, right.x), (left.u, right.u), (left.observed, right.observed)):
        if (a is None) != (b is None):
            return False
        for here, there in zip(a or (), b or (), strict=True):
            if here.dtype != there.dtype or not np.array_equal(here, there):
                return False
    return True


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("act", [True, False])
@pytest.mark.parametrize("missing", [True, False])
def test_what_is_written_is_what_is_read_back(dmm_home, binary, act, missing):
    wanted = some_sequences(3, binary, act, missing)
    flat = {"x": np.concatenate(wanted.x), "lengths": wanted.lengths}
    if act:
        flat["u"] = np.concatenate(wanted.u)
    if missing:
        flat["observed"] = np.concatenate(wanted.observed)
    for name, data in (("a.csv", written_csv(wanted)), ("a.npz", npz(**flat))):
        report = read_files([(name, data)], OPTIONS)
        assert same(report.sequences, wanted), name
        upload = store_upload(report, title="x", options=replace(OPTIONS, seed=1))
        splits = load_upload(upload)
        assert (splits.kind, splits.steps_per_quarter) == ("binary" if binary else "real", None)
        assert splits.spec == DataSpec(
            splits.kind, 3, f"upload:{upload}", u_dim=2 * act, missing=missing
        )
        parts = [splits[part] for part in ("train", "valid", "test")]
        assert [len(part) for part in parts] == [5, 1, 1]
        order = [report.sequences.names.index(n) for part in parts for n in part.names]
        assert sorted(order) == list(range(7))
        for at, part in zip(np.split(np.array(order), [5, 6]), parts, strict=True):
            assert same(part, wanted.subset(at))
        info = next(info for info in list_uploads() if info.id == upload)
        assert info.spec == splits.spec


def test_given_splits_come_back(dmm_home):
    data = npz(train=X, valid=X[:1] + 1, test=X[1:] + 2)
    report = read_files([("a.npz", data)], OPTIONS)
    assert report.splits == ("train", "train", "valid", "test")
    splits = load_upload(store_upload(report, title="x", options=replace(OPTIONS, seed=9)))
    assert splits.train.names == ("a.npz: train 1", "a.npz: train 2")
    assert np.array_equal(np.stack(splits.train.x), X)
    assert np.array_equal(splits.valid.x[0], X[0] + 1)
    assert np.array_equal(splits.test.x[0], X[1] + 2)


def test_uploads_of_before_still_load(dmm_home):
    """sequences.npz and upload.json as they were when there was MIDI alone."""
    rolls = (np.eye(6, 88, dtype=np.uint8), np.eye(4, 88, 3, dtype=np.uint8))
    report = UploadReport(Sequences(rolls, ("a", "b")), ())
    upload = store_upload(report, title="old", options=OPTIONS)
    manifest = dmm_home / "uploads" / upload / "upload.json"
    values = json.loads(manifest.read_text())
    del values["info"]["spec"]
    values["info"]["steps_per_quarter"] = 2
    manifest.write_text(json.dumps(values))
    splits = load_upload(upload)
    assert (splits.kind, splits.spec.x_dim, splits.steps_per_quarter) == ("binary", 88, 2)
    assert np.array_equal(splits.train.x[0], rolls[int(splits.train.names[0] == "b")])
    assert not splits.spec.missing and splits.spec.u_dim == 0
    assert list_uploads()[0].spec == splits.spec


def test_files_that_go_together_are_joined():
    report = read_files(
        [("a.csv", b"x,y\n0,1\n1,1\n"), ("b.csv", b"x,y\n5,\n"), ("c.npz", npz(x=X[:, :, :2]))],
        OPTIONS,
    )
    assert [file.refusal for file in report.files] == [None] * 3
    assert report.kind == "real" and not report.is_music
    assert [x.dtype for x in report.sequences.x] == [np.float32] * 4
    names = ("a.csv", "b.csv", "c.npz: 1", "c.npz: 2")
    assert report.sequences.names == names
    seen = [observed.tolist() for observed in report.sequences.observed]
    assert seen[:2] == [[[1, 1], [1, 1]], [[1, 0]]]


def test_files_that_do_not_go_together_are_refused():
    music = midi_from_notes([Note(60, 0, 1)], tempo=60)
    report = read_files(
        [
            ("a.csv", b"x,y\n0,1\n"),
            ("b.csv", b"x\n1\n"),
            ("c.csv", b"x,y,u_z\n1,2,3\n"),
            ("d.mid", music),
            ("e.npz", npz(train=X[..., :2], valid=X[..., :2], test=X[..., :2])),
            ("f.csv", b"x,y\n1,0\n"),
        ],
        OPTIONS,
    )
    assert report.sequences.names == ("a.csv", "f.csv")
    said = [file.refusal or "" for file in report.files]
    assert (
        said[1] == "The file has 1 feature per frame, but a.csv has 2; upload each file separately."
    )
    assert "1 action per frame, but a.csv has 0" in said[2]
    assert "88 features" in said[3] and "train, valid and test splits" in said[4]
    wide = b",".join([b"2"] * 88)
    [_, second] = read_files([("d.mid", music), ("g.csv", wide)], OPTIONS).files
    assert second.refusal == "The file and d.mid are not both music; upload each file separately."


def test_all_files_together_have_a_cap(monkeypatch):
    monkeypatch.setattr(upload_join, "MAX_MEMORY", 20)
    report = read_files([("a.csv", b"1,2\n3,4\n"), ("b.csv", b"1,2\n"), ("c.csv", b"2\n")], OPTIONS)
    assert [file.frames for file in report.files] == [2, 0, 0]
    assert "over 0 MB" in report.files[1].refusal


def test_reports_say_what_was_read():
    report = inspect_file("a.npz", npz(x=X, u=X[..., :1]))
    assert (report.kind, report.sequences, report.frames, report.notes) == ("npz", 2, 8, 0)
    assert report.changes == ("Read 3 real-valued features and 1 action.",)
    refused = inspect_file("a.csv", b"a,b\n1,2\n3\n")
    assert refused.refusal == "The CSV file has 1 cell in row 3, but 2 in its first."
    assert (refused.sequences, refused.frames) == (0, 0)


NESTED = b"[" * 100_000
EMPTY = save({})


@pytest.mark.parametrize(
    "answer", [b"", b"{}", b"[]\n", b"null\nabc", NESTED + b"\n" + EMPTY, b"{}\n" + EMPTY]
)
def test_a_child_that_lies_is_found_out(answer):
    with pytest.raises((ValueError, LookupError, TypeError)):
        decode(answer)


def test_what_goes_through_the_pipe_comes_out_the_same():
    roll = np.eye(3, 88, 39, dtype=np.uint8)
    for given in (
        parse_npz(npz(train=X, valid=X, test=X, train_observed=X > 3), OPTIONS),
        parse_npz(npz(x=X, u=X[..., :1]), OPTIONS),
        parse_npz(npz(x=roll[None]), OPTIONS),
        table("a,b,c,d,e,f,g,h,i\n0,1,1,1,0,1,0,0,1\n"),
    ):
        back = decode(encode(given))
        for name, value in given._asdict().items():
            same_value = np.array_equal if isinstance(value, np.ndarray) else lambda a, b: a == b
            assert same_value(getattr(back, name), value), name
            assert getattr(getattr(back, name), "dtype", 0) == getattr(value, "dtype", 0), name


def test_a_child_that_lies_about_its_arrays_is_found_out():
    parsed = parse_npz(npz(train=X, valid=X, test=X, train_observed=X > 3), OPTIONS)
    line, _, content = encode(parsed).partition(b"\n")
    values, arrays = json.loads(line), load(content)
    assert decode(line + b"\n" + content).splits == parsed.splits

    def lie(said=None, **changed):
        return json.dumps(values | (said or {})).encode() + b"\n" + save(arrays | changed)

    x, seen = arrays["x"], arrays["observed"]
    for answer in (
        *(
            lie(said)
            for said in (
                {"lengths": [4, 4]},
                {"lengths": [0, 24]},
                {"lengths": [-1, 25]},
                {"lengths": [4.0] * 6},
                {"lengths": []},
                {"lengths": 24},
                {"x_dim": 2},
                {"x_dim": 0},
                {"x_dim": 3.0},
                {"x_dim": 10**30},
                {"notes": math.inf},
                {"splits": ["train"] * 5},
                {"splits": ["exam"] * 6},
                {"titles": []},
            )
        ),
        line + b"\n" + save({"observed": seen}),
        line + b"\n" + content[:-1],
        line + b"\n" + content + b"\0",
        lie(x=x[:-1]),
        lie(x=x.astype(np.float64)),
        lie(x=x.view(np.int32)),
        lie(x=x.ravel()),
        lie(observed=x),
        lie(observed=seen[:, :0]),
        lie(observed=np.repeat(seen, 2, axis=1)),
        lie(u=x[1:]),
        lie(u=x[:, :0]),
        lie(u=seen),
        lie(spans=np.zeros((5, 2))),
        lie(spans=np.zeros((5, 3), np.float32)),
        lie(other=x),
    ):
        with pytest.raises((ValueError, LookupError, TypeError)):
            decode(answer)


def test_quotes_and_limits_are_given_back():
    before = csv.field_size_limit()
    with pytest.raises(UploadError):
        parse_csv(hostile_data.REFUSED["csv: an endless cell"][0], OPTIONS)
    assert csv.field_size_limit() == before
