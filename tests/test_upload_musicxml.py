"""MusicXML as its standard, version 4.0, says it sounds."""

import pytest
from hostile_data import CONTAINER, DOCTYPE, SCORE, archive, note, score
from melodies import melody, spans

from dmm_core.data.uploads.music import parse_musicxml, parse_mxl
from dmm_core.data.uploads.reader import UploadOptions
from dmm_core.data.uploads.score import score_of_mxl
from dmm_core.errors import UploadError
from dmm_core.music.key import Key
from dmm_core.music.score import read_musicxml

OPTIONS = UploadOptions(steps_per_quarter=4)
SCALE = melody("C4 D4 E4:2 F4 G4")


def chord(step, octave=4, duration=1, more=""):
    return note(step, octave, duration, more).replace("<note>", "<note><chord/>")


def grace(step, more=""):
    return f"<note><grace/>{more}<pitch><step>{step}</step><octave>4</octave></pitch></note>"


def rest(duration, more=""):
    return f"<note><rest/><duration>{duration}</duration>{more}</note>"


def cue(step, duration=1):
    return note(step, duration=duration).replace("<note>", "<note><cue/>")


def back(duration):
    return f"<backup><duration>{duration}</duration></backup>"


def forward(duration):
    return f"<forward><duration>{duration}</duration></forward>"


def tie(*types):
    return "".join(f'<tie type="{kind}"/>' for kind in types)


def tied(*types):
    inside = "".join(f'<tied type="{kind}"/>' for kind in types)
    return f"<notations>{inside}</notations>"


def attributes(inside):
    return f"<attributes>{inside}</attributes>"


def transpose(chromatic, octave=0, number="", more=""):
    staff = f' number="{number}"' if number else ""
    octaves = f"<octave-change>{octave}</octave-change>" if octave else ""
    return f"<transpose{staff}><chromatic>{chromatic}</chromatic>{octaves}{more}</transpose>"


def staff(number):
    return f"<staff>{number}</staff>"


def meter(beats, kind):
    return attributes(f"<time><beats>{beats}</beats><beat-type>{kind}</beat-type></time>")


def parts(*given, listed=""):
    """A score of several parts, each a list of measures."""
    first = attributes("<divisions>1</divisions>")
    inside = ""
    for number, measures in enumerate(given, start=1):
        bars = "".join(
            f'<measure number="{i}">{first if i == 1 else ""}{m}</measure>'
            for i, m in enumerate(measures, start=1)
        )
        inside += f'<part id="P{number}">{bars}</part>'
    names = "".join(
        f'<score-part id="P{i}"><part-name>x</part-name></score-part>'
        for i in range(1, len(given) + 1)
    )
    listed = listed or names
    return f"<score-partwise><part-list>{listed}</part-list>{inside}</score-partwise>".encode()


@pytest.mark.parametrize(
    ("measures", "voices"),
    [
        # chords
        (
            [note("C", duration=4) + chord("E", duration=2), note("D", duration=4)],
            ("C4:4 D4:4", "E4:2"),
        ),
        ([note("C", duration=2) + chord("E", duration=2) + note("D")], ("C4:2 D4", "E4:2")),
        ([note("C") + chord("E", duration=3) + note("D", duration=2)], ("C4 D4:2", "E4:3")),
        ([grace("B") + note("C") + chord("E") + note("D")], ("C4 D4", "E4")),
        (
            [note("C") + grace("D") + grace("F", "<chord/>") + note("E") + chord("G")],
            ("C4 E4", "z G4"),
        ),
        # voices
        ([note("C", duration=4) + back(4) + note("E", duration=2), note("D")], ("C4:4 D4", "E4:2")),
        ([forward(1) + note("C") + back(1) + note("E"), note("D")], ("z C4 D4", "z E4")),
        ([back(9) + note("C"), note("D")], ("C4 D4",)),
        ([note("C", duration=2) + forward(2), note("D")], ("C4:2 z:2 D4",)),
        ([note("C", duration=2) + rest(2), note("D")], ("C4:2 z:2 D4",)),
        ([note("C") + back(1) + note("E", duration=2), note("D")], ("C4 z D4", "E4:2")),
        # ties
        ([note("C", more=tie("start")) + note("C", more=tie("stop"))], ("C4:2",)),
        ([note("C", more=tied("start")) + note("C", more=tied("stop"))], ("C4:2",)),
        (
            [
                note("C", more=tie("start")),
                note("C", more=tie("stop", "start")),
                note("C", more=tie("stop")),
            ],
            ("C4:3",),
        ),
        ([note("C", more=tie("start")) + note("C"), note("C")], ("C4:2 C4",)),
        ([note("C") + note("C", more=tie("stop"))], ("C4 C4",)),
        ([note("C", more=tie("start")) + note("D") + note("C", more=tie("stop"))], ("C4 D4 C4",)),
        (
            [
                note("C", more=tie("start")) + chord("E"),
                note("C", more=tie("stop")) + chord("E"),
            ],
            ("C4:2", "E4 E4"),
        ),
        (
            [
                note("C", more=tie("start") + "<voice>1</voice>"),
                note("C", more=tie("stop") + "<voice>2</voice>"),
            ],
            ("C4:2",),
        ),
        (
            [
                note("C", more=tie("start")) + chord("C", duration=2, more=tie("start")),
                note("D") + note("C", more=tie("stop")),
            ],
            ("C4 D4 C4", "C4:2"),
        ),
        # cue notes are silent, and take their time
        ([cue("G") + note("C") + cue("G", 2) + note("D")], ("z C4 z:2 D4",)),
        ([note("C", duration=2) + back(2) + cue("G", 2), note("D")], ("C4:2 D4",)),
        # pitches
        (
            [
                "<note><pitch><step>F</step><alter>1</alter><octave>4</octave></pitch><duration>1</duration></note>"
            ],
            ("F#4",),
        ),
        (
            [
                "<note><pitch><step>B</step><alter>-2</alter><octave>3</octave></pitch><duration>1</duration></note>"
            ],
            ("Bbb3",),
        ),
        # divisions change
        (
            [
                note("C"),
                attributes("<divisions>4</divisions>")
                + note("D", duration=2)
                + note("E", duration=6),
            ],
            ("C4 D4:1/2 E4:3/2",),
        ),
        # a bar in which nothing stands lasts as long as its time signature says
        ([note("C"), "", note("D")], ("C4 z:4 D4",)),
        ([meter(3, 4) + note("C", duration=3), "", note("D")], ("C4:3 z:3 D4",)),
        ([meter("3+2", 8) + note("C"), "", note("D")], ("C4 z:5/2 D4",)),
        # rests that overfill a bar do not delay the next one, nor do forwards in a pickup
        ([meter(3, 4) + rest(4), note("D")], ("z:3 D4",)),
        ([meter(2, 4) + note("C", duration=2) + rest(4), note("D")], ("C4:2 D4",)),
        (
            [attributes("<time><senza-misura/></time>") + rest(9) + note("C") + rest(9), note("D")],
            ("z:9 C4 z:9 D4",),
        ),
        ([meter(2, 4) + note("C", duration=5), note("D")], ("C4:5 D4",)),
    ],
)
def test_one_part(measures, voices):
    assert spans(read_musicxml(score(*measures))) == melody(*voices)


def test_bars_of_all_parts_start_together():
    c, d, e = (note(step, duration=4) for step in "CDE")
    low = [note(step, 3, 4) for step in "CDE"]
    short = note("D", duration=2)
    assert spans(read_musicxml(parts([c, short, e], low))) == melody(
        "C4:4 D4:2 z:2 E4:4", "C3:4 D3:4 E3:4"
    )
    assert spans(read_musicxml(parts([c, "", e], low))) == melody("C4:4 z:4 E4:4", "C3:4 D3:4 E3:4")
    assert spans(read_musicxml(parts([c], low))) == melody("C4:4", "C3:4 D3:4 E3:4")
    pickup = [note("G"), c, d]
    assert spans(read_musicxml(parts(pickup, [rest(1), low[0], low[1]]))) == melody(
        "G4 C4:4 D4:4", "z C3:4 D3:4"
    )
    partial = parts(pickup, [rest(1) + forward(3), *low[:2]]).replace(
        b'number="1"', b'number="0" implicit="yes"'
    )
    assert spans(read_musicxml(partial)) == melody("G4 C4:4 D4:4", "z C3:4 D3:4")
    over = [note("C", duration=2, more=tie("start")), note("C", duration=4, more=tie("stop")), d]
    assert spans(read_musicxml(parts(over, low))) == melody("C4:8 D4:4", "C3:4 D3:4 E3:4")


def test_parts_by_measures_are_read_alike():
    first = attributes("<divisions>2</divisions>")
    data = (
        "<score-timewise><part-list/>"
        f'<measure number="1"><part id="A">{first}{note("C", duration=8)}</part>'
        f'<part id="B">{first}{note("E", duration=4)}</part></measure>'
        f'<measure number="2"><part id="A">{note("D")}</part>'
        f'<part id="B">{note("F")}</part></measure>'
        "</score-timewise>"
    )
    assert spans(read_musicxml(data.encode())) == melody("C4:4 D4:1/2", "E4:2 z:2 F4:1/2")


def test_namespaces_and_encodings():
    plain = SCORE.replace(DOCTYPE.encode(), b"")
    default = plain.replace(b"<score-partwise", b'<score-partwise xmlns="http://example.org/m"')
    prefixed = plain.replace(b"</", b"</m:").replace(b"<", b"<m:").replace(b"<m:/m:", b"</m:")
    prefixed = prefixed.replace(b"<m:?", b"<?").replace(b"partwise ", b'partwise xmlns:m="urn:m" ')
    utf16 = SCORE.decode().replace("UTF-8", "UTF-16").encode("utf-16")
    commented = plain.replace(b"<note>", b"<!-- a note --><?x y?><note>")
    for data in (SCORE, plain, default, prefixed, utf16, commented, b"\xef\xbb\xbf" + SCORE):
        assert spans(read_musicxml(data)) == SCALE


@pytest.mark.parametrize(
    ("measures", "notes"),
    [
        ([attributes(transpose(-2)) + note("D")], "C4"),
        ([attributes(transpose(0, -1)) + note("D")], "D3"),
        ([attributes(transpose(-9, -1)) + note("D")], "F2"),
        ([attributes(transpose(0, more="<double/>")) + note("D")], "D3"),
        ([attributes(transpose(-2)) + note("D"), attributes(transpose(0)) + note("D")], "C4 D4"),
        ([attributes(transpose(-2)) + note("D"), attributes(transpose(3)) + note("D")], "C4 F4"),
        (
            [
                attributes(transpose(-2, number=2))
                + note("D", more=staff(1))
                + note("D", more=staff(2))
            ],
            "D4 C4",
        ),
        ([attributes(transpose(-2, number=1)) + note("D") + note("D", more=staff(2))], "C4 D4"),
        ([attributes(transpose(-2) + transpose(-3, number=2)) + note("D", more=staff(2))], "B3"),
    ],
)
def test_transposing_instruments_sound_as_they_do(measures, notes):
    assert spans(read_musicxml(score(*measures))) == melody(notes)


def test_a_key_is_the_one_that_sounds():
    key = "<key><fifths>2</fifths></key>"
    assert read_musicxml(score(note(), attributes=key)).key == Key(2, False)
    assert read_musicxml(score(note(), attributes=key + transpose(-2))).key == Key(0, False)
    lower = '<key number="2"><fifths>2</fifths></key>'
    assert read_musicxml(score(note(), attributes=lower + transpose(-2, number=2))).key == Key(
        0, False
    )
    odd = "<key><key-step>B</key-step><key-alter>-1</key-alter></key>"
    assert read_musicxml(score(note(), attributes=odd)).key is None
    c = [note()]
    assert read_musicxml(parts(c, [attributes(key) + note()])).key == Key(2, False)


def listed(*channels, unpitched=""):
    instruments = "".join(
        f'<midi-instrument id="I{i}"><midi-channel>{c}</midi-channel>{unpitched}</midi-instrument>'
        for i, c in enumerate(channels, start=1)
    )
    return f'<score-part id="P1"><part-name>x</part-name>{instruments}</score-part>'


DRUMS = attributes("<clef><sign>percussion</sign></clef>")
LOWER_DRUMS = attributes('<clef number="2"><sign>percussion</sign></clef>')
DRUM = (
    "<note><unpitched><display-step>C</display-step><display-octave>5</display-octave>"
    "</unpitched><duration>1</duration></note>"
)


def played_by(instrument):
    return note("C").replace("</pitch>", f'</pitch><instrument id="I{instrument}"/>')


@pytest.mark.parametrize(
    ("measures", "parts_listed", "notes"),
    [
        ([DRUM + note("D")], "", "z D4"),
        (
            [note("C"), DRUMS + note("D"), attributes("<clef><sign>G</sign></clef>") + note("E")],
            "",
            "C4 z E4",
        ),
        ([LOWER_DRUMS + note("C", more=staff(1)) + note("D", more=staff(2))], "", "C4"),
        ([note("C"), note("D")], listed(1), "C4 D4"),
        ([played_by(1) + played_by(2)], listed(1, 10), "C4"),
        ([played_by(1) + played_by(2)], listed(10, 1), "z C4"),
        (
            [played_by(1) + note("D")],
            listed(1, unpitched="<midi-unpitched>36</midi-unpitched>"),
            None,
        ),
        ([note("C"), note("D")], listed(10), None),
    ],
)
def test_percussion_is_left_out(measures, parts_listed, notes):
    piano = [note("G", 2)] * len(measures)
    data = parts(measures, piano, listed=parts_listed or "x")
    read = read_musicxml(data)
    low = " ".join("G2" for _ in measures) if len(measures) > 1 else "G2"
    assert spans(read) == melody(*filter(None, (notes, low)))
    assert read.counts["unpitched"] == sum(m.count("<note>") for m in measures) - len(
        melody(notes or "z")
    )
    alone = parts(measures, listed=parts_listed or "x")
    if notes is None:
        with pytest.raises(UploadError, match="no pitched notes: it has 2 percussion notes"):
            read_musicxml(alone)


def direction(inside):
    return f"<direction><direction-type>{inside}</direction-type></direction>"


def words(text):
    return direction(f"<words>{text}</words>")


def sound(attribute):
    return f'<sound {attribute}="yes"/>'


def measure_repeat(kind):
    return attributes(
        f'<measure-style><measure-repeat type="{kind}">1</measure-repeat></measure-style>'
    )


REPEAT = '<barline location="right"><repeat direction="backward"/></barline>'
ONCE = "music is read once, in written order."


@pytest.mark.parametrize(
    ("measures", "said"),
    [
        ([note() + sound("dacapo")], f"D.C. is not played: {ONCE}"),
        ([note() + words("D.C. al Fine")], f"D.C. is not played: {ONCE}"),
        ([note() + words("Da Capo al Coda")], f"D.C., to coda are not played: {ONCE}"),
        ([note() + words("dal segno")], f"D.S. is not played: {ONCE}"),
        ([note() + words("D. S. al Coda")], f"D.S., to coda are not played: {ONCE}"),
        ([note() + sound("tocoda") + sound("dalsegno")], f"D.S., to coda are not played: {ONCE}"),
        ([note() + REPEAT], "Repeats are not played: the music of 1 repeat is read once."),
        ([note() + REPEAT] * 2, "Repeats are not played: the music of 2 repeats is read once."),
        (
            [note(), measure_repeat("start") + rest(4), measure_repeat("stop") + note()],
            "1 measure-repeat sign is not played.",
        ),
        ([grace("C") + grace("E", "<chord/>") + note()], "Left out 2 grace notes."),
        ([grace("C") + note() + cue("G") + cue("A")], "Left out 2 cue notes."),
        (
            [note() + note("B", more="<notehead>slash</notehead>")],
            "Left out 1 note in slash notation.",
        ),
        (
            [note(more="").replace("</step>", "</step><alter>0.5</alter>")],
            "Rounded 1 microtone to the nearest semitone.",
        ),
        (
            [attributes(transpose(-2)) + note("D", more=tie("start")), note("D", more=tie("stop"))],
            "Read 1 note of transposing instruments at sounding pitch.",
        ),
    ],
)
def test_what_is_not_played_is_told(measures, said):
    assert said in parse_musicxml(score(*measures), OPTIONS).changes


def test_what_is_played_needs_no_word():
    plain = words("dolce") + words("coda") + direction("<segno/>") + direction("<coda/>")
    ordinary = note("C") + sound("fine") + words("Fine") + words("DCI") + note("D")
    assert parse_musicxml(score(plain + ordinary), OPTIONS).changes == ()
    repeats = parse_musicxml(parts([note() + REPEAT], [note("E") + REPEAT]), OPTIONS).changes
    assert repeats == ("Repeats are not played: the music of 1 repeat is read once.",)


def root(name, more=""):
    return CONTAINER.replace(b"score.xml", name.encode() + more.encode())


OTHER = score(note("G", 7))
SCORE_TYPE = '" media-type="application/vnd.recordare.musicxml+xml'


@pytest.mark.parametrize(
    "members",
    [
        {"META-INF/container.xml": root("score.xml"), "score.xml": SCORE},
        {"META-INF/container.xml": root("b/x.xml"), "a.xml": OTHER, "b/x.xml": SCORE},
        {"META-INF/container.xml": root("lead", SCORE_TYPE), "a.musicxml": OTHER, "lead": SCORE},
        {"a.xml": OTHER, "META-INF/container.xml": root("z.xml"), "z.xml": SCORE},
        {"META-INF/other.xml": OTHER, "score.xml": SCORE},
        {"notes.txt": b"", "score.musicxml": SCORE},
        {"META-INF/container.xml": root("s.xml"), "s.xml": SCORE}
        | {f"img/{i}.png": b"\x89PNG" for i in range(100)},
        {
            "META-INF/container.xml": CONTAINER.replace(
                b"<rootfile ",
                b'<rootfile full-path="s.pdf" media-type="application/pdf"/><rootfile ',
            ),
            "s.pdf": b"%PDF",
            "score.xml": SCORE,
        },
        {
            "META-INF/container.xml": CONTAINER.replace(
                b"<container>",
                b'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">',
            ),
            "score.xml": SCORE,
        },
    ],
)
def test_an_archive_names_its_score(members):
    assert spans(read_musicxml(score_of_mxl(archive(members)))) == SCALE
    assert parse_mxl(archive(members), OPTIONS).notes == 5


@pytest.mark.parametrize(
    ("container", "said"),
    [
        (root("gone.xml"), "has no gone.xml, which its container names"),
        (b"<container/>", "holds no score"),
        (b"<container", "container of the .mxl file is not well-formed"),
        (b"", "container of the .mxl file is empty"),
        (b'<!DOCTYPE c [<!ENTITY a "b">]><container>&a;</container>', "inside its DOCTYPE"),
    ],
)
def test_containers_that_name_no_score(container, said):
    data = archive({"META-INF/container.xml": container, "score.xml": SCORE})
    with pytest.raises(UploadError, match=said):
        parse_mxl(data, OPTIONS)


@pytest.mark.parametrize(
    ("bad", "where"),
    [
        (note("H"), "measure 2 of part 1"),
        (note("C", octave="x"), "measure 2 of part 1"),
        (attributes("<divisions>x</divisions>") + note(), "'x' as a divisions"),
        (attributes("<time><beats>4</beats></time>") + note(), "measure 2 of part 1"),
        (meter(4, 0) + note(), "0 as beat-type"),
        (attributes(transpose("x")) + note(), "measure 2 of part 1"),
    ],
)
def test_a_fault_is_told_where_it_stands(bad, where):
    with pytest.raises(UploadError, match=where):
        read_musicxml(score(note(), bad))
