import io
import json

import hostile_data
import mido
import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dmm_core.data.sequences import Sequences
from dmm_core.data.uploads.reader import UploadOptions, UploadReport, list_uploads, store_upload

HOSTILE = "<img src=x onerror=alert(1)> ![x](http://example.com/x.png) *b*"


@pytest.fixture(autouse=True)
def fresh_caches(dmm_home):
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


def page(**address):
    at = AppTest.from_file("../app.py", default_timeout=60)
    for name, value in address.items():
        at.query_params[name] = value
    at.switch_page("pages/1_Data.py").run()
    assert not at.exception
    return at


def scale(pitches=(60, 62, 64, 65, 67)):
    file = mido.MidiFile()
    track = mido.MidiTrack()
    file.tracks.append(track)
    for pitch in pitches:
        track.append(mido.Message("note_on", note=pitch, velocity=80, time=0))
        track.append(mido.Message("note_off", note=pitch, velocity=0, time=480))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def stored(title="Scales", count=4):
    rolls = []
    for i in range(count):
        roll = np.zeros((12, 88), np.uint8)
        roll[np.arange(12), 39 + i + np.arange(12) // 2] = 1
        rolls.append(roll)
    sequences = Sequences(tuple(rolls), tuple(f"scale {i}.mid" for i in range(count)))
    return store_upload(UploadReport(sequences, ()), title=title, options=UploadOptions())


def texts(at):
    return " ".join(e.value for kind in (at.markdown, at.caption, at.subheader) for e in kind)


def test_with_nothing_on_disk_one_button_gets_the_data():
    at = page(data="nottingham")
    assert [button.label for button in at.button] == ["Download"]
    assert "not on this machine" in at.info[0].value


def test_the_button_gets_the_data_and_the_first_piece_is_shown(mirror):
    at = page(data="jsb")
    at.button(key="fetch").click().run()
    assert not at.exception and not at.error
    assert [metric.label for metric in at.metric] == [
        "Length",
        "Pitches",
        "Notes at once",
        "Held notes",
    ]
    assert len(at.get("plotly_chart")) == 4
    assert at.selectbox(key="choose.piece").label == "Sequence (of 229)"


def test_data_that_cannot_be_had_is_one_plain_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("DMM_DATASETS_MIRROR", str(tmp_path))
    at = page(data="jsb")
    at.button(key="fetch").click().run()
    assert not at.exception
    (message,) = at.error
    assert "could not be downloaded" in message.value and "Traceback" not in message.value


def test_an_upload_is_played_and_counted():
    at = page(data=f"upload:{stored()}")
    assert not at.error
    assert at.metric[0].value == "12 frames"
    assert at.metric[2].value == "1.00"
    assert len(at.selectbox(key="choose.piece").options) == 2


def test_a_real_valued_set_is_drawn_but_not_played():
    at = page(data="linear-gssm", split="test", piece="7")
    assert len(at.get("plotly_chart")) == 1 and not at.metric
    assert at.selectbox(key="choose.piece").value == "7"


def test_many_features_are_drawn_in_part_and_the_page_says_so():
    at = page(data="linear-gssm-10")
    assert not at.error and "The chart shows the first 8 of 10 features." in texts(at)


def test_patients_are_drawn_with_what_was_missed_and_what_the_drugs_do():
    at = page(data="medical", split="test", piece="3")
    assert not at.error and len(at.get("plotly_chart")) == 3
    assert "was not observed" in texts(at) and "8 actions" in texts(at)


def test_a_class_sees_the_patient_alone():
    at = page(data="medical", present="true")
    assert not at.error and len(at.get("plotly_chart")) == 1


def test_choices_stand_in_the_address_and_later_ones_start_again():
    at = page(data="linear-gssm", split="test", piece="7")
    at.selectbox(key="choose.data").select("linear-toy").run()
    assert not at.exception
    assert at.query_params["data"] == "linear-toy"
    assert "split" not in at.query_params and "piece" not in at.query_params
    assert at.get("segmented_control")[1].value == "train"


@pytest.mark.parametrize(
    "address",
    [
        {"data": "../jsb"},
        {"data": "upload:0000000000000000"},
        {"data": "linear-toy", "split": "exam"},
        {"data": "linear-toy", "piece": "99999999"},
        {"data": "linear-toy", "piece": "-1"},
    ],
)
def test_a_bad_address_is_one_plain_sentence(address):
    at = page(**address)
    assert len(at.error) == 1 and not at.get("plotly_chart")


def test_every_data_set_has_a_card():
    stored(title="My scales")
    at = page(view="all")
    shown = texts(at)
    assert "365 sequences, 19,871 frames" in shown and "A frame is a quarter note" in shown
    assert "4 sequences, 48 frames" in shown and "Pitches C4 to A♭4" in shown
    assert {button.label for button in at.button} >= {"Download", "Listen", "View"}


def test_a_card_opens_its_data_set():
    at = page(view="all")
    at.button(key="open-linear-toy").click().run()
    assert not at.exception
    assert at.query_params["data"] == "linear-toy" and at.query_params["view"] == "listen"
    assert at.selectbox(key="choose.data").value == "linear-toy"


def test_an_upload_can_be_deleted():
    upload = stored()
    at = page(view="all")
    at.button(key=f"really-upload:{upload}").click().run()
    assert not at.exception and not list_uploads()


def test_files_are_reported_one_by_one_and_kept():
    at = page(view="own")
    at.file_uploader(key="files").upload("good.mid", scale())
    at.file_uploader(key="files").upload("drums and bells.mid", scale((60, 61)))
    at.file_uploader(key="files").upload("not.mid", b"not midi").run()
    assert not at.exception
    assert at.subheader[0].value == "2 of 3 files read"
    table = at.table[0].value
    for file, count in zip(table["File"], ["10 frames", "4 frames", "not\\.mid"], strict=True):
        assert count in file
    assert "Refused" in table["What was read and changed"].iloc[2]
    at.text_input(key="upload_title").set_value("My set")
    at.button(key="keep").click().run()
    assert not at.exception
    (info,) = list_uploads()
    assert (info.title, info.sequences) == ("My set", 2)
    assert at.query_params["data"] == f"upload:{info.id}"


def kept_after_upload(*files):
    """The page after these files were uploaded and kept, and their table of reports."""
    at = page(view="own")
    for name, content in files:
        at.file_uploader(key="files").upload(name, content)
    at.run()
    assert not at.exception and not at.error
    table = at.table[0].value
    at.button(key="keep").click().run()
    assert not at.exception and not at.error
    return at, table


def test_scores_of_every_kind_are_kept_together():
    files = [
        ("a.musicxml", hostile_data.SCORE),
        ("b.mxl", hostile_data.mxl()),
        ("c.abc", hostile_data.TUNE.encode() * 2),
        ("d.mid", scale()),
    ]
    at, table = kept_after_upload(*files)
    for file, sequences, notes in zip(table["File"], (1, 1, 2, 1), (5, 5, 12, 5), strict=True):
        assert f"[{sequences} sequence" in file and f" {notes} notes]" in file
    assert at.metric and at.query_params["data"].startswith("upload:")


def test_a_table_is_reported_kept_and_drawn():
    text = "sequence,a,b,u_c\n" + "".join(f"{i // 4},{i * 0.5},,{i % 2}\n" for i in range(40))
    at, table = kept_after_upload(("table.csv", text.encode()))
    (said,) = table["What was read and changed"]
    assert "Read 2 real\\-valued features and 1 action" in said and "40 of 80 values" in said
    assert "[10 sequences, 40 frames]" in table["File"].iloc[0]
    assert at.get("plotly_chart") and not at.metric
    assert "A frame has 2 features, 1 action, some values missing." in texts(at).replace("\\", "")
    at = page(view="all")
    assert "Real values" in texts(at)


def test_given_splits_are_told_and_kept():
    x = hostile_data.X
    at = page(view="own")
    data = hostile_data.npz(train=x, valid=x[:1], test=x[1:])
    at.file_uploader(key="files").upload("splits.npz", data).run()
    assert (
        "The splits have 2 (train), 1 (valid) and 1 (test) sequences, as given in the file."
        in texts(at)
    )
    at.button(key="keep").click().run()
    assert not at.exception
    (info,) = list_uploads()
    assert (info.spec.kind, info.spec.x_dim, info.sequences, info.spec.grid) == ("real", 3, 4, None)


def test_a_hostile_table_is_one_plain_sentence_and_hostile_text_is_escaped():
    at = page(view="own")
    at.file_uploader(key="files").upload("bomb.npz", hostile_data.bomb(1536 * 2**20)).run()
    assert not at.exception and len(at.error) == 1
    at = page(view="own")
    text = f'sequence,a\n"{HOSTILE}",5\n"{HOSTILE}",{HOSTILE!r}\n'
    at.file_uploader(key="files").upload("x.csv", text.encode()).run()
    assert not at.exception
    (said,) = at.table[0].value["What was read and changed"]
    assert "Refused" in said and "<img" not in said.replace("\\<img", "")


def test_a_report_outlives_a_visit_to_another_page(chorales_home):
    at = page(view="own")
    at.file_uploader(key="files").upload("good.mid", scale())
    at.file_uploader(key="files").upload("not.mid", b"not midi").run()
    at.segmented_control(key="grid").set_value(4).run()
    before = at.table[0].value
    held = at.session_state["upload.pending"]
    assert not any(isinstance(value, bytes) for value in held)
    for view in (None, "all", "listen"):  # another page, and other views of this one
        if view is None:
            at.switch_page("pages/6_Learn.py").run()
            at.query_params.clear()
            at.switch_page("pages/1_Data.py").run()
        else:
            at.query_params["view"] = view
            at.run()
            at.query_params["view"] = "own"
            at.run()
        assert not at.exception and not at.file_uploader
        assert at.table[0].value.equals(before)
        assert "on a grid of sixteenth notes" in texts(at)
    at.button(key="keep").click().run()
    assert not at.exception
    (info,) = list_uploads()
    assert (info.title, info.sequences, info.spec.steps_per_quarter) == ("good", 1, 4)
    at.query_params["view"] = "own"
    at.run()
    assert at.file_uploader and not at.table


@pytest.mark.parametrize("leave", [False, True])
def test_an_upload_can_be_started_over(leave):
    at = page(view="own")
    at.file_uploader(key="files").upload("good.mid", scale()).run()
    if leave:
        at.switch_page("pages/6_Learn.py").run()
        at.query_params.clear()
        at.switch_page("pages/1_Data.py").run()
    at.button(key="start_over").click().run()
    assert not at.exception and not at.table and not at.file_uploader[0].value
    assert "upload.pending" not in at.session_state
    at.file_uploader[0].upload("other.mid", scale((60,))).run()
    assert at.table[0].value["File"].iloc[0].startswith("other\\.mid  \n")


def test_removing_every_file_removes_the_report():
    at = page(view="own")
    at.file_uploader(key="files").upload("good.mid", scale()).run()
    at.file_uploader(key="files").set_value([]).run()
    assert not at.exception and not at.table and at.file_uploader
    at.run()
    assert not at.table and "upload.pending" not in at.session_state


def test_a_link_to_a_data_set_opens_it_whatever_was_uploaded():
    at = page(view="own")
    at.file_uploader(key="files").upload("good.mid", scale()).run()
    at.query_params.clear()
    at.query_params["data"] = f"upload:{stored()}"
    at.run()
    assert not at.exception and at.metric


def test_a_refused_upload_cannot_be_kept():
    at = page(view="own")
    at.file_uploader(key="files").upload("not.mid", b"not midi").run()
    assert not at.exception and at.error
    assert not at.button


def test_hostile_names_are_shown_letter_for_letter():
    at = page(data=f"upload:{stored(title=HOSTILE)}")
    assert not at.error
    at = page(view="all")
    (title,) = [e.value for e in at.subheader if "onerror" in e.value]
    assert "\\<img" in title and "\\!\\[x\\]\\(http\\:" in title


def test_presenter_mode_leaves_the_statistics_out():
    at = page(data=f"upload:{stored()}", present="true")
    assert at.toggle(key="present").value is True
    assert at.metric and not at.get("plotly_chart")
    assert any("font-size" in html.value for html in at.html)


def test_a_single_sequence_is_said_to_stand_in_every_split():
    at = page(view="own")
    at.file_uploader(key="files").upload("one.mid", scale()).run()
    assert "The only sequence is used for train, valid and test" in texts(at)


NILE = "year,flow (km3)\n" + "".join(
    f"{year},{100 + year % 7}.5\n" for year in range(1871, 1971) if year != 1900
)


def charts_of(at):
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


def test_a_series_is_read_without_a_click_and_split_in_time():
    at = page(view="own")
    at.file_uploader(key="files").upload("nile.csv", NILE.encode()).run()
    assert not at.exception and not at.error
    (said,) = at.table[0].value["What was read and changed"]
    said = said.replace("\\", "")
    assert "Read year as time: 1871 to 1970, one every year." in said
    assert "Added 1 frame without values" in said
    assert {box.label: box.value for box in at.selectbox if box.key.startswith("role")} == {
        "year": "time",
        "flow \\(km3\\)": "feature",
    }
    assert "windows of about 25 frames: 3 (train), 1 (valid), 1 (test)" in texts(at)
    # There is no music, so nothing asks for a grid.
    assert not [s for s in at.segmented_control if s.key == "grid"] and "note" not in texts(at)
    at.number_input(key="upload_window").set_value(35).run()
    assert "windows of about 35 frames: 2 (train), 1 (valid), 1 (test)" in texts(at)
    at.button(key="keep").click().run()
    assert not at.exception and not at.error
    one, whole = charts_of(at)
    assert one["layout"]["xaxis"]["type"] == "date"
    assert one["layout"]["xaxis"]["title"]["text"] == "year"
    assert one["layout"]["yaxis"]["title"]["text"] == "flow (km3)"
    assert one["data"][0]["x"][:2] == ["1871", "1872"]
    regions = [shape for shape in whole["layout"]["shapes"] if "fillcolor" in shape]
    assert [(r["x0"], r["x1"]) for r in regions] == [("1941", "1956"), ("1956", "1970")]
    (window,) = (shape for shape in whole["layout"]["shapes"] if "fillcolor" not in shape)
    assert (window["x0"], window["x1"]) == ("1871", "1905")
    assert "Gaps are missing values (1 of 35)." in texts(at)
    at.query_params["view"] = "all"
    at.run()
    assert "Feature: flow \\(km3\\)" in texts(at) and "Time: year" in texts(at)


def test_roles_and_kinds_can_be_changed():
    text = "year,who,a,b\n" + "".join(
        f"{1990 + i % 30},{'xy'[i // 30]},{i}.5,{i % 3}\n" for i in range(60)
    )
    at = page(view="own")
    at.file_uploader(key="files").upload("own.csv", text.encode()).run()
    roles = {box.label: box for box in at.selectbox if box.key.startswith("role")}
    assert [box.value for box in roles.values()] == ["time", "sequence", "feature", "feature"]
    roles["b"].set_value("action").run()
    (said,) = at.table[0].value["What was read and changed"]
    assert "Read 1 real\\-valued feature and 1 action" in said and not at.error
    # A role that makes the table unreadable can be taken back.
    {box.label: box for box in at.selectbox}["who"].set_value("feature").run()
    assert len(at.error) == 1 and "Refused" in at.table[0].value.iloc[0, 1]
    {box.label: box for box in at.selectbox}["who"].set_value("sequence").run()
    assert not at.error and "[2 sequences, 60 frames]" in at.table[0].value["File"].iloc[0]
    at.selectbox(key="upload_kind").set_value("count").run()
    assert "data of the kind counts are" in at.table[0].value.iloc[0, 1].replace("\\", "")
    at.selectbox(key="upload_kind").set_value("auto").run()
    at.segmented_control(key="upload_split").set_value("sequence").run()
    assert "the same sequence is valid and test" in texts(at)
    at.button(key="keep").click().run()
    (info,) = list_uploads()
    assert (info.spec.features, info.spec.actions) == (("a",), ("b",))
    assert "upload.roles" not in at.session_state


def test_a_split_in_time_of_short_sequences_is_one_sentence():
    at = page(view="own")
    at.file_uploader(key="files").upload("own.csv", b"a,b\n1,2.5\n3,4\n").run()
    at.segmented_control(key="upload_split").set_value("time").run()
    assert not at.exception
    assert "at least 20 frames" in at.error[0].value
    assert "keep" not in [button.key for button in at.button]


def test_a_piano_roll_in_a_table_asks_for_its_grid():
    roll = "\n".join(",".join(map(str, row)) for row in np.eye(30, 88, 30, dtype=int))
    at = page(view="own")
    at.file_uploader(key="files").upload("roll.csv", roll.encode()).run()
    assert not at.exception and at.segmented_control(key="grid").value == 2


def test_a_series_of_the_catalogue_is_drawn_with_dates():
    at = page(data="co2", split="valid", piece="1")
    assert not at.error
    one, whole = charts_of(at)
    assert one["data"][0]["x"][0] == "1988-11-19"
    assert one["layout"]["xaxis"]["title"]["text"] == "date (every week)"
    assert len(whole["data"][0]["x"]) == 2000  # thinned
