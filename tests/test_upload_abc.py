"""ABC tunes become the notes that the ABC standard 2.1 says, and what is left out is told."""

import numpy as np
import pytest
from hostile_data import TUNE
from melodies import melody, spans

from dmm_core.data.uploads.music import parse_abc
from dmm_core.data.uploads.reader import UploadOptions, read_files
from dmm_core.errors import UploadError
from dmm_core.music.abc_notation import read_abc
from dmm_core.music.pianoroll import LOWEST

OPTIONS = UploadOptions(steps_per_quarter=4)
MOVED = UploadOptions(steps_per_quarter=4, transpose=True)
HEAD = "X:1\nM:4/4\nL:1/4\nK:C\n"


def read(text):
    """The one tune of a file; music alone is in C, with quarters as the unit."""
    if "K:" not in text or text.startswith("["):
        text = HEAD + text
    (tune,) = read_abc(text.encode()).tunes
    return tune


def changes(text):
    return parse_abc((text if "K:" in text else HEAD + text).encode(), OPTIONS).changes


@pytest.mark.parametrize(
    ("tune", "notes"),
    [
        ("^F F F F|F4|", "F#4 F#4 F#4 F#4 F4:4"),
        ("^C c C =c|c C|", "C#4 C#5 C#4 C5 C5 C4"),
        ("_B2 B2|B2 ^^F F|__E E|", "Bb4:2 Bb4:2 B4:2 F##4 F##4 Ebb4 Ebb4"),
        (
            "^C [Ce] c|[C^c] C c|[^C^G] [cg]|[CG]",
            "C#4 [C#4 E5] C#5 [C4 C#5] C#4 C#5 [C#4 G#4] [C#5 G#5] [C4 G4]",
        ),
        ("^F-|F F|^c-|c-|c c", "F#4:2 F4 C#5:3 C5"),
        ("{^c}c2 ^F{F}F|", "C5:2 F#4 F#4"),
        ("^F2 \\\nF2|F4|", "F#4:2 F#4:2 F4:4"),
        ('^F "F" F !f! F|"F"F', "F#4 F#4 F#4 F4"),
        ("K:D\nF =F F f|F [^A=F] C F|c", "F#4 F4 F4 F5 F#4 [F4 A#4] C#4 F4 C#5"),
        ("[V:1]^F F[V:2]F F|[V:1]F2|[V:1]F[V:2]F2|", ("F#4 F#4 F#4:2 F4", "F4 F4 F4:2")),
        ("I:propagate-accidentals octave\n^c C c2|", "C#5 C4 C#5:2"),
        ("%%propagate-accidentals not\n^c c c2|", "C#5 C5 C5:2"),
    ],
)
def test_an_accidental_holds_to_the_end_of_the_bar(tune, notes):
    if tune.startswith(("K:", "I:", "%%")):
        field, tune = tune.split("\n")
        key = field if field.startswith("K:") else f"{field}\nK:C"
        tune = f"X:1\nL:1/4\nM:4/4\n{key}\n{tune}"
    assert spans(read(tune)) == melody(*([notes] if isinstance(notes, str) else notes))


@pytest.mark.parametrize(
    ("key", "notes"),
    [
        ("C", "F4 C5 B4 E4"),
        ("D", "F#4 C#5 B4 E4"),
        ("Bb", "F4 C5 Bb4 Eb4"),
        ("F#m", "F#4 C#5 B4 E4"),
        ("Am", "F4 C5 B4 E4"),
        ("A dorian", "F#4 C5 B4 E4"),
        ("ADOR", "F#4 C5 B4 E4"),
        ("G mix", "F4 C5 B4 E4"),
        ("D phr", "F4 C5 Bb4 Eb4"),
        ("F lydian", "F4 C5 B4 E4"),
        ("B loc", "F4 C5 B4 E4"),
        ("C#", "F#4 C#5 B#4 E#4"),
        ("Cb", "Fb4 Cb5 Bb4 Eb4"),
        ("HP", "F4 C5 B4 E4"),
        ("Hp", "F#4 C#5 B4 E4"),
        ("none", "F4 C5 B4 E4"),
        ("D exp _b ^f", "F#4 C5 Bb4 E4"),
        ("D =c", "F#4 C5 B4 E4"),
        ("Am ^f _e", "F#4 C5 B4 Eb4"),
        ("C clef=bass", "F4 C5 B4 E4"),
        ("C treble", "F4 C5 B4 E4"),
        ("clef=alto", "F4 C5 B4 E4"),
        ("", "F4 C5 B4 E4"),
    ],
)
def test_keys(key, notes):
    assert spans(read(f"X:1\nL:1/4\nM:4/4\nK:{key}\nFcBE|")) == melody(notes)
    if key and not key.startswith("clef"):  # else the key stays
        text = f"X:1\nL:1/4\nM:4/4\nK:E\nz4|[K:{key}]FcBE|"
        assert spans(read(text)) == melody(f"z:4 {notes}")


@pytest.mark.parametrize(
    ("tune", "notes"),
    [
        ("C,, C, C c c' c'' C' c,", "C2 C3 C4 C5 C6 C7 C5 C4"),
        (
            "C C2 C/ C// C/4 C3/2 C3/ C/2 z/ C",
            "C4 C4:2 C4:1/2 C4:1/4 C4:1/4 C4:3/2 C4:3/2 C4:1/2 z:1/2 C4",
        ),
        ("C>D C<D C>>D C<<D", "C4:3/2 D4:1/2 C4:1/2 D4:3/2 C4:7/4 D4:1/4 C4:1/4 D4:7/4"),
        (
            "C > D C2<D2 [CE]>[DF] z>D C>z",
            "C4:3/2 D4:1/2 C4 D4:3 [C4 E4]:3/2 [D4 F4]:1/2 z:3/2 D4:1/2 C4:3/2 z:1/2",
        ),
        ("C>{g}D C{ga}>D C{g}<D", "C4:3/2 D4:1/2 C4:3/2 D4:1/2 C4:1/2 D4:3/2"),
        ("(3CDE (3C2DE C", "C4:2/3 D4:2/3 E4:2/3 C4:4/3 D4:2/3 E4:2/3 C4"),
        ("(3 C D E (2CD (4CDEF", "C4:2/3 D4:2/3 E4:2/3 C4:3/2 D4:3/2 C4:3/4 D4:3/4 E4:3/4 F4:3/4"),
        (
            "(3:2:2C2D (3::4CDEF (3:4C4D4E4 (5:4:6CDEFGA",
            "C4:4/3 D4:2/3 C4:2/3 D4:2/3 E4:2/3 F4:2/3 C4:16/3 D4:16/3 E4:16/3 "
            "C4:4/5 D4:4/5 E4:4/5 F4:4/5 G4:4/5 A4:4/5",
        ),
        (
            "(3[CE]zG {c}(3CD{e}E ((3CDE)",
            "[C4 E4]:2/3 z:2/3 G4:2/3 C4:2/3 D4:2/3 E4:2/3 C4:2/3 D4:2/3 E4:2/3",
        ),
        (
            "[CEG] [C2E2G2] [CEG]2 [C2E2]2 [C/E/] [CE]/",
            "[C4 E4 G4] [C4 E4 G4]:2 [C4 E4 G4]:2 [C4 E4]:4 [C4 E4]:1/2 [C4 E4]:1/2",
        ),
        ("C-C D-|D [C-E-][CE] [CE]-[CE]|", "C4:2 D4:2 [C4 E4]:2 [C4 E4]:2"),
        ("C-D C -C C- C", "C4 D4 C4:2 C4:2"),
        ("(CDE) (C(DE)F) (C-C) .(CD)", "C4 D4 E4 C4 D4 E4 F4 C4:2 C4 D4"),
        ("C x D X E y F y2 z Z G", "C4 z D4 z:4 E4 F4 z z:4 G4"),
        ("C8|D4|", "C4:8 D4:4"),
        ("C4z4|D4|", "C4:4 z:4 D4:4"),
        ("[C-E]F|[C-F-][CF]|[Cc-]c|", ("C4 z C4:2 C4", "E4 F4 F4:2 C5:2")),
    ],
)
def test_lengths(tune, notes):
    got, expected = spans(read(tune)), melody(*([notes] if isinstance(notes, str) else notes))
    assert [n[0] for n in got] == [n[0] for n in expected]
    assert np.ravel([n[1:] for n in got]) == pytest.approx(np.ravel([n[1:] for n in expected]))


@pytest.mark.parametrize(
    ("fields", "music", "notes"),
    [
        ("", "CD", "C4:1/2 D4:1/2"),
        ("M:2/4\n", "CD", "C4:1/4 D4:1/4"),
        ("M:3/4\n", "CD", "C4:1/2 D4:1/2"),
        ("M:none\n", "CD", "C4:1/2 D4:1/2"),
        ("M:C|\n", "CD|Z|C8|", "C4:1/2 D4:1/2 z:4 C4:4"),
        ("M:C\nL:1/4\n", "C4|Z|Z2|C", "C4:4 z:12 C4"),
        ("M:3/4\nL:1/8\n", "Z2|C6|Z|x2 D4|", "z:6 C4:3 z:3 z D4:2"),
        (
            "M:6/8\nL:1/8\n",
            "(2CD C3|Z|(5CDEFGA",
            "C4:3/4 D4:3/4 C4:3/2 z:3 C4:3/10 D4:3/10 E4:3/10 F4:3/10 G4:3/10 A4:1/2",
        ),
        ("M:4/4\nL:1/8\n", "(5CDEFGA", "C4:1/5 D4:1/5 E4:1/5 F4:1/5 G4:1/5 A4:1/2"),
        ("M:3+2/8\nL:1/8\n", "CDE FG|Z|C5|", "C4:1/2 D4:1/2 E4:1/2 F4:1/2 G4:1/2 z:5/2 C4:5/2"),
        ("M:(2+3)/8\nL:1/8\n", "X2|C", "z:5 C4:1/2"),
        ("M:2+2+3/16\nL:1/16\n", "Z|C", "z:7/4 C4:1/4"),
        ("M:4/4\nL:1/4\n", "Z|[M:3/4]Z|\nM:2/4\nZ|C", "z:4 z:3 z:2 C4"),
        ("M:4/4\nL:1/4\n", "C[L:1/8]C\nL:1/16\nC4|", "C4 C4:1/2 C4"),
        ("M:4/4\nL:1/4\nQ:1/4=90\n", "C[Q:1/4=120]D\nQ:60\nE", "C4 D4 E4"),
    ],
)
def test_meters_and_units(fields, music, notes):
    got, expected = spans(read(f"X:1\n{fields}K:C\n{music}")), melody(notes)
    assert [n[0] for n in got] == [n[0] for n in expected]
    assert np.ravel([n[1:] for n in got]) == pytest.approx(np.ravel([n[1:] for n in expected]))


@pytest.mark.parametrize(
    ("music", "voices"),
    [
        (
            "V:1\ncdef|\nV:2\nCDEF|\nV:1\ngfed|\nV:2\nGFED|",
            ("C5 D5 E5 F5 G5 F5 E5 D5", "C4 D4 E4 F4 G4 F4 E4 D4"),
        ),
        ("V:S\nc4|\nV:A\nG4|\nV:T\nE4|\nV:B\nC,4|", ("C5:4", "G4:4", "E4:4", "C3:4")),
        ("[V:up]c4|[V:low]C4|\n[V:up]d4|[V:low]D4|", ("C5:4 D5:4", "C4:4 D4:4")),
        ("[V:1]cd[V:2]CD|[V:1]e2|[V:2]E2|", ("C5 D5 E5:2", "C4 D4 E4:2")),
        ("%%score (S A) {T B}\nV:S\nc4|\nV:A\nC4|", ("C5:4", "C4:4")),
        ('V:1 name="S & A" snm="S"\nC4|\nV:2 nm="Bass | x"\nE4|', ("C4:4", "E4:4")),
        ("V:1\nC4|\nV:2 octave=-2\nC4|\nV:3 octave=1\nC4|", ("C4:4", "C2:4", "C5:4")),
        ("V:1 clef=treble-8\nC4|\nV:2 clef=bass\nE4|\nV:3 treble+8\nC4|", ("C3:4", "E4:4", "C5:4")),
        ("V:1 transpose=-2\nC4|\nV:2\nE4|", ("Bb3:4", "E4:4")),
        ("V:1 clef=bass middle=d\nC4|\nV:2 stem=up stafflines=1\nE4|", ("C4:4", "E4:4")),
        ("K:C octave=-1\nCD|[K:C octave=1]CD|", ("C3 D3 C5 D5",)),
        ("K:C clef=treble-8\nCD|[K:C clef=treble]CD|", ("C3 D3 C4 D4",)),
        ("C2E2 & G4|C4 & E2 & G|c4|", ("C4:2 E4:2 C4:4 C5:4", "G4:4 E4:2", "z:4 G4")),
        ("(&CDEF&GABc&)|", ("C4 D4 E4 F4", "G4 A4 B4 C5")),
        ("V:1\nC-|C2 D|\nV:2\nE2-|E2|", ("C4:3 D4", "E4:4")),
        ("V:1\nz4|C4|\nV:2\nE8|", ("z:4 C4:4", "E4:8")),
        ("V:1\nC4|\n% a comment\nV:2\nE4|\nw:la\nV:1\nD4|\nV:2\nF4|", ("C4:4 D4:4", "E4:4 F4:4")),
    ],
)
def test_voices_sound_together(music, voices):
    head = "X:1\nM:4/4\nL:1/4\n" + ("" if music.startswith("K:") else "K:C\n")
    assert spans(read(head + music)) == melody(*voices)


@pytest.mark.parametrize(
    ("music", "notes"),
    [
        ("|:CDEA::cBAG:|", "C4 D4 E4 A4 C5 B4 A4 G4"),
        ("|:CD|1EF:|2GA|]", "C4 D4 E4 F4 G4 A4"),
        ("|:CD:|:EF:||:GA:|", "C4 D4 E4 F4 G4 A4"),
        ("CD|[1EF:|[2GA||CD|]", "C4 D4 E4 F4 G4 A4 C4 D4"),
        ("|::CD::|.|E|1,3F:|2-4G|]A[|B|", "C4 D4 E4 F4 G4 A4 B4"),
        ("CDEF|!GABc|!c4|]", "C4 D4 E4 F4 G4 A4 B4 C5 C5:4"),
        ("CD!EF|\nGA!\nBc|", "C4 D4 E4 F4 G4 A4 B4 C5"),
        ("CDEF|$GABc|\nc4|\\\nd4|", "C4 D4 E4 F4 G4 A4 B4 C5 C5:4 D5:4"),
        ("+fermata+C+f+D +trill+E +>+F|", "C4 D4 E4 F4"),
        ("!trill(!C!trill)!D !+!E !<(!F!<)!|", "C4 D4 E4 F4"),
        ("TC .D ~E HF|LG MA OB Pc|Sd ue vf|", "C4 D4 E4 F4 G4 A4 B4 C5 D5 E5 F5"),
        ('"Am7"C "^above CDE"D "_below"E "@1,2 free"F|"C/G"[CE]|', "C4 D4 E4 F4 [C4 E4]"),
        ('CD "50\\% off"EF|GABc|', "C4 D4 E4 F4 G4 A4 B4 C5"),
        ('"100% more"CD\nEF|', "E4 F4"),  # an unescaped percent sign begins a comment
        ("C`D``EF|", "C4 D4 E4 F4"),
        ("CD% no CDE\nEF|", "C4 D4 E4 F4"),
        (
            "CDEF|\nw:a b c|d\ns:!f! * *\nW:C D E\nr:remark C\nN:note C\n+:CDE\nGABc|",
            "C4 D4 E4 F4 G4 A4 B4 C5",
        ),
        ("CD[r:remark CDE][I:setbarnb 3][N:CDE]EF|[P:A]G|", "C4 D4 E4 F4 G4"),
        ("%%text C D E F|\nCD|\n%%begintext\n%%A B\n%%endtext\nEF|", "C4 D4 E4 F4"),
        ("{g}C {/ga}D {[ce]}E{fe}|", "C4 D4 E4"),
        ("CÿD E#F*|", "C4 D4 E4 F4"),
    ],
)
def test_bars_and_signs_change_no_note(music, notes):
    assert spans(read(music)) == melody(notes)


def test_macros():
    tune = "X:1\nL:1/4\nM:4/4\nm:~G3 = G{A}G{F}G\nm:~n2 = {o}n2\nK:C\n~G3C|"
    assert spans(read(tune)) == melody("G4 G4 G4 C4")
    assert "Left out 1 macro that is not plain text." in changes(tune)
    long = "m:~C = " + "C" * 100 + "\nX:1\nK:C\n" + "~C" * 1000
    with pytest.raises(UploadError, match="macros make longer"):
        read_abc(long.encode())


BOOK = b"""% a book of two tunes
X: 1
T: First (a reel)
M: 4/4
L: 1/8
K: D
|: "D"D2 FA "G"(3Bcd e>f | [DFA]4- !trill!(A2 {g}f2) :|
w: la la

A bad face feed. Dance cafe.

X:2
T:Second
M:3/4
L:1/4
K:Am
A,2 c/d/ | z =f ^g |
"""


def test_a_file_holds_tunes():
    first, second = read_abc(BOOK).tunes
    assert (first.title, second.title) == ("First (a reel)", "Second")
    assert first.counts == {"symbols": 2, "graces": 1, "repeats": 1}
    third = 2 / 3 / 2
    starts = [0, 1, 1.5, 2, 2 + third, 2 + 2 * third, 3, 3.75, 4, 4, 4, 7]
    assert [n.pitch for n in first.notes] == [62, 66, 69, 71, 73, 74, 76, 78, 62, 66, 69, 78]
    assert [n.start for n in first.notes] == pytest.approx(starts)
    assert spans(second) == melody("A3:2 C5:1/2 D5:1/2 z F5 G#5")
    parsed = parse_abc(BOOK, MOVED)
    assert parsed.titles == ("First (a reel)", "Second") and parsed.lengths == (32, 24)
    assert "Transposed 1 of 2 tunes to C major or A minor." in parsed.changes
    assert np.flatnonzero(parsed.x[0]).tolist() == [60 - LOWEST]
    assert np.flatnonzero(parsed.x[32]).tolist() == [57 - LOWEST]


def test_the_fields_before_all_tunes_hold_for_each():
    book = b"M:3/4\r\nL:1/4\r\n\r\nCDE is text|\r\nX:1\r\nK:C\r\nC Z D|\r\n"
    book += b"\r\nX:2\r\nL:1/8\r\nK:C\r\nC2|"
    assert [spans(tune) for tune in read_abc(book).tunes] == [melody("C4 z:3 D4"), melody("C4")]


def test_a_tune_that_cannot_be_read_affects_no_other():
    bad = b"X:3\nT:Third\nCDEF|\n\nX:4\nT:Fourth\nK:C\nC999999|\n\nX:5\nK:C\nz4|\n"
    parsed = parse_abc(BOOK + bad, OPTIONS)
    assert len(parsed.lengths) == 2
    said = parsed.changes[-1]
    assert said.startswith("Left out 3 tunes that cannot be read: Third (") and "K:" in said
    assert "Fourth (" in said and said.endswith("5 (it holds no pitched notes).")


def test_tunes_are_sequences_of_one_file():
    report = read_files([("folk.abc", BOOK), ("lone.abc", b"K:C\nCDEF|\n")], OPTIONS)
    assert [(f.kind, f.sequences, f.refusal) for f in report.files] == [
        ("abc", 2, None),
        ("abc", 1, None),
    ]
    names = ("folk.abc: First (a reel)", "folk.abc: Second", "lone.abc")
    assert report.sequences.names == names and report.is_music and report.splits is None


@pytest.mark.parametrize(
    ("tune", "said"),
    [
        ("{g}C{ab}D|", "Left out 3 grace notes."),
        ('"Am"C"G7"D|', "Left out 2 chord symbols."),
        ("V:1 clef=perc\nCDEF|\nV:2\nG4|", "Left out 4 percussion notes."),
        ("V:1 transpose=-2\nCDEF|", "Read 4 notes of transposing instruments at sounding pitch."),
        ("|:C4:|", "Repeats are not played: the music of 1 repeat is read once."),
        ("|:C2|1D2:|2E2|]", "Repeats are not played: the music of 1 repeat is read once."),
        ("C4!D.C.!|", "D.C. is not played: music is read once, in written order."),
        ("C4!dacapo!|", "D.C. is not played: music is read once, in written order."),
        ("C4+D.S.+|", "D.S. is not played: music is read once, in written order."),
        ('C4"^D.C. al Fine"|', "D.C. is not played: music is read once, in written order."),
        ("C4!D.S.alcoda!|", "D.S., to coda are not played: music is read once, in written order."),
        (
            "X:1\nP:AABA\nK:C\nP:A\nC|\nP:B\nD|",
            "the order of parts is not played: music is read once, in written order.",
        ),
        ("C4|\n\nD4|E4|", "Left out 1 line of music after a blank line, which ends a tune."),
        ("%%MIDI channel 10\nC4|", "Left out 1 MIDI directive about transposition or drums."),
        ("X:1\nM:6/8\nK:C\nCDE|", "Bars are counted in 4/4, not in 6/8."),
    ],
)
def test_what_is_left_out_is_told(tune, said):
    assert said in changes(tune)


def test_plain_tunes_need_no_word():
    assert changes(HEAD + "CDEF|GABc|!segno!d2 B2|]") == ()
    assert changes(TUNE) == ()
