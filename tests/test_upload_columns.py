"""Tables with times: which column is what, and which frames the rows are."""

import numpy as np
import pytest

from dmm_core.data.time_axis import TimeAxis
from dmm_core.data.uploads import reader as uploads
from dmm_core.data.uploads.csv_table import parse_csv
from dmm_core.data.uploads.kinds import parse_file
from dmm_core.data.uploads.parsed import TableError, decode, encode, encode_refusal
from dmm_core.data.uploads.reader import (
    UploadOptions,
    UploadReport,
    list_uploads,
    load_upload,
    read_files,
    split_sizes,
    store_upload,
)
from dmm_core.errors import ConfigError, UploadError


@pytest.fixture(autouse=True)
def in_process(monkeypatch):
    """Parse without a child: what goes through the pipe does so all the same."""

    def parse(*given):
        try:
            return decode(encode(parse_file(*given)))
        except TableError as refusal:
            return decode(encode_refusal(refusal))

    monkeypatch.setattr(uploads, "parse_in_child", parse)


def table(text, **options):
    return parse_csv(text.encode(), UploadOptions(**options))


def rows(times, values=None, header="date,v"):
    values = range(len(times)) if values is None else values
    cells = (f"{t},{v}.5" for t, v in zip(times, values, strict=True))
    return "\n".join([header, *cells]) + "\n"


def times_of(parsed, sequence=0):
    return parsed.time.values(parsed.starts[sequence], parsed.lengths[sequence])


def roles(parsed):
    return {column.name: column.role for column in parsed.columns}


@pytest.mark.parametrize(
    ("cells", "unit", "step", "first", "last"),
    [
        ([1871, 1872, 1873], "year", 1, "1871", "1873"),
        ([1900, 1910, 1930], "year", 10, "1900", "1930"),
        (["1947Q1", "1947Q2", "1947Q4"], "month", 3, "1947-01", "1947-10"),
        (["2020-01", "2020-02", "2020-04"], "month", 1, "2020-01", "2020-04"),
        ([202011, 202012, 202101], "month", 1, "2020-11", "2021-01"),
        (["2020-01-31", "2020-02-29", "2020-03-31"], "month", 1, "2020-01", "2020-03"),
        (["2020-01-01", "2020-04-01", "2020-07-01"], "month", 3, "2020-01", "2020-07"),
        (["1999-12-31", "2000-12-31"], "year", 1, "1999", "2000"),
        ([19580329, 19580405, 19580412], "week", 1, "1958-03-29", "1958-04-12"),
        (["2020-02-27", "2020-02-28", "2020-03-01"], "day", 1, "2020-02-27", "2020-03-01"),
        (["2020/2/27", "2020/2/28", "2020/3/1"], "day", 1, "2020-02-27", "2020-03-01"),
        (["2020-01-01 06:00", "2020-01-01 12:00"], "hour", 6, "2020-01-01T06", "2020-01-01T12"),
        (
            ["2020-01-01T00:30:00", "2020-01-01T01:30:00"],
            *("minute", 60, "2020-01-01T00:30", "2020-01-01T01:30"),
        ),
        (
            ["2020-01-01T00:30:00+02:00", "2020-01-01T00:30:05+02:00"],
            *("second", 5, "2019-12-31T22:30:00", "2019-12-31T22:30:05"),
        ),
        (
            ["2020-01-01T00:30Z", "2020-01-01T00:45Z"],
            *("minute", 15, "2020-01-01T00:30", "2020-01-01T00:45"),
        ),
        (
            ["2020-01-01 00:00:00.00", "2020-01-01 00:00:00.04"],
            *("second", 0.04, "2020-01-01T00:00:00.00", "2020-01-01T00:00:00.04"),
        ),
        ([1949.0, 1949.083, 1949.167, 1949.25], "month", 1, "1949-01", "1949-04"),
        ([1958.2027, 1958.2877, 1958.3699, 1958.4548], "month", 1, "1958-03", "1958-06"),
        ([1947.25, 1947.5, 1947.75, 1948.0], "month", 3, "1947-04", "1948-01"),
    ],
)
def test_dates_in_every_form(cells, unit, step, first, last):
    parsed = table(rows(cells))
    assert (parsed.time.unit, parsed.time.name) == (unit, "date")
    assert parsed.time.step == pytest.approx(step)
    times = times_of(parsed)
    assert times[0] == np.datetime64(first) and times[-1] == np.datetime64(last)
    assert parsed.features == ("v",) and roles(parsed) == {"date": "time", "v": "feature"}


def test_numbers_are_times_without_a_calendar():
    parsed = table(rows([0.0, 0.033, 0.067, 0.1, 0.167], header="t,v"))
    assert parsed.time == TimeAxis("t", "number", 0.0334)
    assert parsed.observed[:, 0].tolist() == [1, 1, 1, 1, 0, 1]
    assert table(rows([5, 7, 11], header="time,v")).time == TimeAxis("time", "number", 2)
    # A first column that rises in equal steps is one, whatever its name.
    rising = rows([round(0.1 * i, 1) for i in range(9)], header="angle,v")
    assert table(rising).time.name == "angle" and table(rising).features == ("v",)
    for text in (
        rows(range(7), header="a,v"),  # too few
        rows([0, 1, 2, 3, 4, 5, 6, 6], header="a,v"),
        rows([0, 1, 2, 3, 5, 8, 13, 21, 34], header="a,v"),
        rows(range(20)[::-1], header="a,v"),
        "a\n" + "\n".join(map(str, range(20))),  # no feature would be left
    ):
        assert table(text).time is None and "a" in table(text).features


def test_columns_of_years_and_months_are_read_together():
    text = "year,month,day,v\n2020,2,28,1.5\n2020,2,29,1.5\n2020,3,1,2.5\n"
    parsed = table(text)
    assert parsed.time.unit == "day" and times_of(parsed)[-1] == np.datetime64("2020-03-01")
    assert parsed.features == ("v",) and parsed.covariates == ()
    parsed = table("v,Month,Year\n1.5,11,1999\n2.5,12,1999\n3.5,1,2000\n")
    assert (parsed.time.unit, parsed.time.name) == ("month", "Year Month")
    assert times_of(parsed)[-1] == np.datetime64("2000-01")
    parsed = table("year,quarter,v\n1959.0,1.0,1.5\n1959.0,2.0,1.5\n")
    assert (parsed.time.unit, parsed.time.step) == ("month", 3)
    parsed = table("date,time,v\n2020-01-01,13:00,1.5\n2020-01-01,13:30,1.5\n")
    assert (parsed.time.unit, parsed.time.step) == ("minute", 30)
    with pytest.raises(UploadError, match="'30' in row 2, column 'day', where a day of its month"):
        table("year,month,day,v\n2020,2,30,1.5\n2020,3,1,2.5\n", roles={})
    # A month beside a date repeats: it is known in advance.
    parsed = table("date,month,v\n2020-01-01,1,5.5\n2020-02-01,2,5.5\n")
    assert parsed.covariates == ("month",) and parsed.c.tolist() == [[1], [2]]


def test_gaps_are_missing_frames():
    parsed = table("year,v,u_a,c_b\n1990,1,5,7\n1991,2,6,8\n1994,3,7,9\n")
    assert parsed.x[:, 0].tolist() == [1, 2, 0, 0, 3] and parsed.lengths == (5,)
    assert parsed.observed[:, 0].tolist() == [1, 1, 0, 0, 1]
    assert parsed.u[:, 0].tolist() == [5, 6, 6, 6, 7] and parsed.c[:, 0].tolist() == [7, 8, 8, 8, 9]
    assert parsed.changes == (
        "Read year as time: 1990 to 1994, one every year.",
        "Added 2 frames without values, where rows are missing in the regular order of time; they "
        "repeat the actions and covariates of the row before.",
        "Read 1 real-valued feature, 1 action and 1 covariate.",
        "2 of 5 values are missing.",
    )


def test_rows_are_sorted_within_their_sequence():
    text = "sequence,year,v\nb,2001,1.5\na,1995,2.5\nb,2000,3.5\na,1994,4.5\na,1997,5.5\n"
    parsed = table(text)
    assert parsed.titles == ("b", "a") and parsed.lengths == (2, 4)
    assert parsed.x[:, 0].tolist() == [3.5, 1.5, 4.5, 2.5, 0, 5.5]
    assert parsed.starts == (30, 24)
    assert "Sorted the rows of each sequence by time." in parsed.changes
    assert any("2 sequences are in 4 separate blocks" in said for said in parsed.changes)
    assert parsed.changes[0] == "Read year as time: 1994 to 2001, one every year."


def test_a_column_of_words_names_the_sequences_or_is_left_out():
    parsed = table("country,year,v\nNorway,1990,1.5\nNorway,1991,2.5\nPeru,1990,3.5\nPeru,1991,5\n")
    assert parsed.titles == ("Norway", "Peru") and parsed.starts == (20, 20)
    parsed = table("year,v,comment\n1990,1.5,low\n1991,2.5,high\n1992,3.5,\n")
    assert parsed.features == ("v",)
    assert "Left out the column comment, which holds text." in parsed.changes
    parsed = table(
        "unique_id,ds,y\n7,2020-01-01,1.5\n7,2020-01-02,2.5\n8,2020-01-01,3\n8,2020-01-02,3\n"
    )
    assert parsed.titles == ("7", "8") and parsed.features == ("y",)


def test_words_that_describe_frames_do_not_split_a_series():
    days = [f"2020-01-{day:02}" for day in range(1, 13)]
    for words in (["sun", "rain", "sun"] * 4, ["before"] * 6 + ["after"] * 6, ["dry"] * 12):
        lines = (f"{d},{w},{i}.5" for i, (d, w) in enumerate(zip(days, words, strict=True)))
        parsed = table("\n".join(["date,weather,v", *lines]))
        assert parsed.lengths == (12,) and roles(parsed)["weather"] == "ignore"
    assert table("who,v\nann,1\nann,2\nbob,3\nbob,4\n").titles == ("ann", "bob")
    assert table("who,v\nann,1\nbob,2\nbob,3\nann,4\n").titles == ("",)


def test_rows_that_are_numbered_and_second_times_are_left_out():
    parsed = table("rownames,time,value\n1,1871,1120\n2,1872,1160\n3,1873,963\n")
    assert parsed.features == ("value",) and parsed.time.unit == "year"
    assert "Left out the column rownames, which numbers the rows." in parsed.changes
    parsed = table("year,month,decimal date,v\n1999,11,1999.88,1.5\n1999,12,1999.96,2.5\n")
    assert parsed.features == ("v",)
    assert "Left out the column decimal date, a second column of times." in parsed.changes
    # pandas gives the index of a series no name
    parsed = table(",v\n2020-01-01,1.5\n2020-01-02,2.5\n")
    assert parsed.time == TimeAxis("", "day", 1) and parsed.features == ("v",)


def test_a_table_of_dates_without_a_header():
    parsed = table("2020-01-01,1.5\n2020-01-02,2.5\n")
    assert parsed.time.unit == "day" and parsed.x[:, 0].tolist() == [1.5, 2.5]
    assert parsed.features == ()


def test_irregular_times_keep_their_order():
    parsed = table(rows([0.5, 0.1, 3.7, 1.6], header="time,v"))
    assert parsed.time is None and parsed.starts is None
    assert parsed.x[:, 0].tolist() == [1.5, 0.5, 3.5, 2.5]
    assert "The times in time are not equally spaced" in " ".join(parsed.changes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rows([1990, 1991, 1990], header="time,v"), "same time in rows 2 and 4"),
        (rows(["2020-01-01", "2020-01-01"]), "same time in rows 2 and 3"),
        (rows(["2020-01-01", "9999-99-99"]), "'9999-99-99' in row 3"),
        (rows(["2020-01-01", "2021-02-29"]), "'2021-02-29' in row 3, column 'date', where a valid"),
        (rows(["2020-01-01", "2020-01"]), "'2020-01' in row 3, column 'date', where a date like"),
        (rows(["2020-01-01", "2020"]), "'2020' in row 3, column 'date', where a date like"),
        (rows(["2020-01-01", ""]), "an empty cell in row 3, column 'date'"),
        (rows([20200101, 20209999]), "'20209999' in row 3, column 'date'"),
        (rows(["1/2/2020", "2/2/2020"]), "order of day and month is uncertain"),
        (rows(["today", "now"]), "'today' in row 2, column 'date', where a date or a number"),
        (rows(["2020-01-01", "2020-01-01T25:00"]), "'2020-01-01T25:00' in row 3"),
        (rows([1, "nan"], header="time,v"), "an empty cell in row 3, column 'time'"),
        (rows([1, "inf"], header="time,v"), "an empty cell in row 3, column 'time'"),
        ("date,v\n2020-01-01,1\n2020-01-02,inf\n", "infinite"),
        ("time\n1\n2\n", "0 columns of features"),
        ("year,v,c_a\n1990,1,\n", "a covariate that is missing"),
        ("temp,v\n36 C,1\n37 C,2\n", "'36 C' in row 2, column 'temp', where a number"),
    ],
)
def test_times_that_cannot_be_read_are_refused(text, said):
    with pytest.raises(TableError, match=said.replace("'", "'")) as caught:
        table(text)
    assert {column.name for column in caught.value.columns} == {*text.split("\n")[0].split(",")}


def test_a_million_missing_frames_are_never_allocated():
    for times in (["0001-01-01", "0001-01-02", "9999-12-31"], [0, 1, 10**15], [1, 2, 2**52]):
        parsed = table(rows(times, header="date,v"))
        assert parsed.lengths == (3,) and parsed.time is None
    year = rows([1, 2, 9999], header="year,v")
    assert table(year).lengths == (3,)
    for numbers in ([1e300, 2e300], [-1e17, 1e17], [1e-300, 2e-300], [1, 1 + 2**-52]):
        assert len(table(rows(numbers, header="time,v")).x) == 2


def test_roles_can_be_chosen():
    text = "year,a,b,who\n1990,1.5,2,x\n1991,2.5,3,y\n1990,3.5,4,y\n1991,1,5,x\n"
    parsed = table(
        text, roles={"who": "sequence", "a": "action", "b": "covariate"} | {"year": "feature"}
    )
    assert parsed.titles == ("x", "y") and parsed.time is None
    assert (parsed.features, parsed.actions, parsed.covariates) == (("year",), ("a",), ("b",))
    assert parsed.u[:, 0].tolist() == [1.5, 1, 2.5, 3.5]
    parsed = table(text, roles={"a": "feature", "b": "sequence", "who": "ignore"})
    assert parsed.lengths == (1, 1, 1, 1) and roles(parsed)["who"] == "ignore"
    with pytest.raises(TableError, match="'x' in row 2, column 'who', where a number") as caught:
        table(text, roles={"who": "feature"})
    assert [column.name for column in caught.value.columns] == ["year", "a", "b", "who"]
    for chosen, said in (
        ({"a": "sequence", "b": "sequence"}, "Several columns have the role sequence"),
        ({"year": "time", "b": "time"}, "all have the role time"),
    ):
        with pytest.raises(TableError, match=said):
            table(text, roles=chosen)
    # A role for a column that holds something else is no reason to fail.
    assert table("a,b\n1,2\n", roles={"c": "time"}).features == ("a", "b")


@pytest.mark.parametrize(
    "options",
    [
        {"roles": {"a": "hero"}},
        {"kind": "complex"},
        {"split": "half"},
        {"window": 1},
        {"window": 10**9},
    ],
)
def test_unknown_options_are_refused(options):
    with pytest.raises(ConfigError):
        UploadOptions(**options)


COUNTS = "t,a,b\n" + "".join(
    f"{i},{a},{b}\n" for i, (a, b) in enumerate(np.random.default_rng(0).poisson((3, 8), (40, 2)))
)


def test_small_whole_numbers_are_counts():
    parsed = table(COUNTS)
    assert parsed.kind == "count" and parsed.x.dtype == np.float32
    assert "Took the values as counts" in " ".join(parsed.changes)
    assert table(COUNTS, kind="real").kind == "real"
    assert table("\n".join(COUNTS.split("\n")[:20])).kind == "real"  # too few to tell
    flow = "year,v\n" + "".join(f"{1871 + i},{1000 + i % 7}\n" for i in range(50))
    assert table(flow).kind == "real"
    assert table(COUNTS.replace("\n0,", "\n0.0,")).kind == "real"  # a decimal point in the file
    even = "t,v\n" + "".join(f"{i},{18 + i % 3}\n" for i in range(50))
    assert table(even).kind == "real"  # varies less than counts do
    assert table(flow, kind="count").kind == "count"


def test_a_kind_has_to_fit():
    with pytest.raises(UploadError, match=r"1\.5 in row 3, but data of the kind counts are"):
        table("a\n1\n1.5\n", kind="count")
    with pytest.raises(UploadError, match="kind counts"):
        table("a\n1\n-1\n", kind="count")
    with pytest.raises(UploadError, match="2 in row 3, but data of the kind binary are 0 or 1"):
        table("a\n1\n2\n", kind="binary")
    assert table("a\n1\n0\n", kind="real").x.dtype == np.float32
    assert table("a\n1\n0\n", kind="count").kind == "count"


def test_wide_tables():
    text = "who,2001,2002,2003\nann,1.5,2,3\nbob,4,,6\ncleo,7,8,\n"
    parsed = table(text, wide=True)
    assert parsed.titles == ("ann", "bob", "cleo") and parsed.lengths == (3, 3, 2)
    assert parsed.x[:, 0].tolist() == [1.5, 2, 3, 4, 0, 6, 7, 8]
    assert parsed.observed[:, 0].tolist() == [1, 1, 1, 1, 0, 1, 1, 1]
    assert parsed.time == TimeAxis("time", "year", 1) and parsed.starts == (31, 31, 31)
    assert roles(parsed)["who"] == "sequence"
    parsed = table("1,2.5,3\n4,5,6\n", wide=True)
    assert parsed.lengths == (3, 3) and parsed.time is None and parsed.titles == ("1", "2")
    with pytest.raises(UploadError, match="no value in row 3"):
        table("a,b\n1,2\nNA,NA\n5,6\n", wide=True)


def stored(text, **options):
    chosen = UploadOptions(**options)
    report = read_files([("own.csv", text.encode())], chosen)
    assert report.sequences is not None, report.files[0].refusal
    return store_upload(report, title="own", options=chosen)


LONG = rows(range(1900, 2000), header="year,height (m)")


def test_one_long_series_is_split_in_time(dmm_home):
    upload = stored(LONG, window=20)
    splits = load_upload(upload)
    assert splits.train.lengths.tolist() == [20, 20, 20, 10]
    assert splits.train.names[0] == "own.csv: 1900 to 1919"
    assert splits.test.starts == (15.0,) and splits.test.x[0][0] == 85.5
    assert splits.spec.features == ("height (m)",) and splits.spec.time.title == "year"
    assert splits.whole.valid_from == (70,) and splits.whole.test_from == (85,)
    assert splits.whole.sequences.frames == 100
    assert split_sizes(upload) == {"train": (4, 70), "valid": (1, 15), "test": (1, 15)}
    assert list_uploads()[0].spec == splits.spec
    assert list_uploads()[0].spec.time == splits.spec.time


def test_which_data_are_split_in_time():
    def window(text, **options):
        report = read_files([("own.csv", text.encode())], UploadOptions(**options))
        return report.window(UploadOptions(**options))

    assert window(LONG) == 25 and window(LONG, window=30) == 30
    assert window(LONG, split="sequence") is None
    assert window(rows(range(19), header="year,v")) is None
    with pytest.raises(UploadError, match=r"at least 20 frames, but own\.csv has 19"):
        window(rows(range(19), header="year,v"), split="time")

    def panel(count, frames, header="sequence,year,v"):
        lines = (f"{i},{1900 + t},{t}.5" for i in range(count) for t in range(frames))
        return "\n".join([header, *lines])

    assert window(panel(2, 20)) == 25 and window(panel(2, 19)) is None
    assert window(panel(9, 60)) == 25 and window(panel(9, 59)) is None
    assert window(panel(10, 60)) is None and window(panel(10, 60), split="time") == 25
    assert window(panel(5, 60, "sequence,a,v"), roles={"a": "feature"}) is None


def test_names_starts_and_covariates_are_kept(dmm_home):
    lines = (f"{who},{1990 + t},{t}.5,{t % 2},{t % 4}" for who in "abcdefghijk" for t in range(5))
    upload = stored("\n".join(["sequence,year,v,u_drug,c_season", *lines]))
    splits = load_upload(upload)
    spec = splits.spec
    assert (spec.features, spec.actions, spec.covariates) == (("v",), ("u_drug",), ("c_season",))
    assert (spec.u_dim, spec.c_dim, spec.time) == (1, 1, TimeAxis("year", "year", 1.0))
    assert splits.whole is None and set(splits.train.starts) == {20.0}
    assert splits.valid.c[0][:, 0].tolist() == [0, 1, 2, 3, 0]


def test_counts_stay_counts(dmm_home):
    splits = load_upload(stored(COUNTS))
    assert splits.kind == splits.spec.kind == "count" and splits.train.x[0].dtype == np.float32


def test_files_are_combined_by_their_names():
    def combined(*texts):
        return read_files([(f"{i}.csv", t.encode()) for i, t in enumerate(texts)], UploadOptions())

    report = combined("a,b\n1,2.5\n", "b,a\n3,\n", "c,d\n5,6\n")
    assert isinstance(report, UploadReport) and report.features == ("a", "b")
    assert [x.tolist() for x in report.sequences.x] == [[[1, 2.5]], [[0, 3]], [[5, 6]]]
    assert [o.tolist() for o in report.sequences.observed] == [[[1, 1]], [[0, 1]], [[1, 1]]]
    assert report.files[1].changes[-1] == "Put the features in the order of 0.csv."
    assert "other names than those of 0.csv" in report.files[2].changes[-1]
    report = combined(
        rows([1990, 1991]), rows([1990, 1995]), rows(["2020-01", "2020-02"]), "v\n5\n"
    )
    assert [bool(file.refusal) for file in report.files] == [False, True, True, True]
    assert "one every 5 years, but those of 0.csv are one every year" in report.files[1].refusal
    assert "without times" in report.files[3].refusal
    assert report.sequences.starts == (20.0,) and report.sequences.step == 1.0


def test_a_report_has_the_columns_even_of_a_refused_table():
    report = read_files([("a.csv", b"day (d),v\n1,2\nx,3\n")], UploadOptions())
    assert report.files[0].refusal
    assert [(c.name, c.role) for c in report.files[0].columns] == [
        ("day (d)", "feature"),
        ("v", "feature"),
    ]
    report = read_files([("a.csv", b"t,temp (K)\n1,2.5\n2,3\n")], UploadOptions())
    column = report.files[0].columns[1]
    assert (column.name, column.unit, column.values) == ("temp (K)", "K", ("2.5", "3"))
