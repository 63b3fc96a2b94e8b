"""Scores, tables and arrays that no parser should meet unprepared, and small builders of each."""

import copy
import io
import pickle
import random
import struct
import zipfile
import zlib
from xml.etree import ElementTree

import numpy as np

DOCTYPE = (
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 3.1 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">'
)


def note(step="C", octave=4, duration=1, more=""):
    pitch = f"<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
    return f"<note>{pitch}<duration>{duration}</duration>{more}</note>"


def score(*measures, doctype=DOCTYPE, attributes="", part_list=True):
    listed = '<score-part id="P1"><part-name>Piano</part-name></score-part>' if part_list else ""
    first = f"<attributes><divisions>1</divisions>{attributes}</attributes>"
    inside = "".join(
        f'<measure number="{i}">{first if i == 1 else ""}{measure}</measure>'
        for i, measure in enumerate(measures, start=1)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{doctype}<score-partwise version="3.1">'
        f'<part-list>{listed}</part-list><part id="P1">{inside}</part></score-partwise>'
    ).encode()


SCORE = score(note("C") + note("D") + note("E", duration=2), note("F") + note("G"))

CONTAINER = (
    b'<?xml version="1.0"?><container><rootfiles><rootfile full-path="score.xml"/></rootfiles>'
    b"</container>"
)


def archive(members, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def mxl(content=SCORE, name="score.xml"):
    return archive({"META-INF/container.xml": CONTAINER, name: content})


def npz(compressed=True, **arrays):
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def npy(header, content=b"", version=1):
    if isinstance(header, str):
        header = header.encode()
    length = struct.pack("<H" if version == 1 else "<L", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + content


def header(descr="<f8", shape="(2, 3)", fortran="False"):
    return f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


def bomb(size):
    """An archive whose member x.npy unpacks to `size` zeros."""
    return raw_zip([("x.npy", zeros(size), size, 0, None)])


def zeros(size):
    """Deflated zeros, whole megabytes: after a full flush a block can be repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (size // 2**20) + packer.flush()


def raw_zip(members, count=None):
    """An archive of (name, packed bytes, claimed size, crc, claimed offset or None) as they are."""
    body, directory = bytearray(), bytearray()  # a copy for each of many members takes seconds
    for name, packed, size, crc, offset in members:
        at = len(body) if offset is None else offset
        fields = (20, 0, 8, 0, 0, crc, len(packed), size, len(name), 0)
        body += b"PK\x03\x04" + struct.pack("<5H3L2H", *fields) + name.encode() + packed
        directory += (
            b"PK\x01\x02"
            + struct.pack("<6H3L5H2L", 20, *fields[:8], len(name), 0, 0, 0, 0, 0, at)
            + name.encode()
        )
    total = len(members) if count is None else count
    end = struct.pack("<4H2LH", 0, 0, total, total, len(directory), len(body), 0)
    return bytes(body + directory + b"PK\x05\x06" + end)


def deflated(content):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


class Marker:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def poison(path):
    return pickle.dumps(Marker(path))


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "ha" * 50}">' for i in range(10))
TUNE = "X:1\nT:Air\nM:4/4\nL:1/8\nK:G\nG2A2 B2c2|d4 G4|]\n"
X = np.arange(24.0).reshape(2, 4, 3)
ONES = np.ones((2, 4))
OVERLAP = deflated(b"PK" * 500_000)

REFUSED = {
    # scores
    "musicxml: nothing at all": (b"", "empty"),
    "musicxml: no XML": (b"MThd", "not well-formed in line 1"),
    "musicxml: a page": (b"<!DOCTYPE html><html><p>hello</p></html>", "begins with 'html'"),
    "musicxml: by measures": (b"<score-timewise/>", "no notes"),
    "musicxml: cut off": (SCORE[:-30], "not well-formed"),
    "musicxml: no part": (b"<score-partwise></score-partwise>", "no notes"),
    "musicxml: only rests": (score("<note><rest/><duration>4</duration></note>"), "no pitched"),
    "musicxml: a billion laughs": (
        score(note("&l9;"), doctype=f"<!DOCTYPE score-partwise [{LAUGHS}]>"),
        "inside its DOCTYPE",
    ),
    "musicxml: an external entity": (
        score(note("&f;"), doctype='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'),
        "inside its DOCTYPE",
    ),
    "musicxml: a parameter entity": (
        score(note(), doctype='<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/"> %p;]>'),
        "inside its DOCTYPE",
    ),
    "musicxml: attributes by default": (
        score(note(), doctype=f'<!DOCTYPE x [<!ATTLIST note a CDATA "{"a" * 10**5}">]>'),
        "inside its DOCTYPE",
    ),
    "musicxml: an entity of the DTD": (score(note("&eacute;")), "entities are not read"),
    "musicxml: 10,000 elements deep": (b"<score-partwise>" + b"<a>" * 10_000, "nested deeper"),
    "musicxml: 2,000,000 elements": (b"<score-partwise>" + b"<a/>" * 2_000_000, "1,000,000 elem"),
    "musicxml: 100,001 notes": (score("<note/>" * 100_001), "over 100,000 notes"),
    "musicxml: an endless note": (score(note(duration="9" * 400)), "as a duration"),
    "musicxml: two sums": (score(note(duration="1+1")), "'1+1' as a duration"),
    "musicxml: a thousand divisions": (
        score(
            "".join(
                f"<attributes><divisions>{9973 + 2 * i}</divisions></attributes>{note()}"
                for i in range(1000)
            )
        ),
        "cannot be read in measure 1 of part 1",
    ),
    "musicxml: a division for each bar": (
        score(
            *(
                f"<attributes><divisions>{9973 + 2 * i}</divisions></attributes>{note()}"
                for i in range(1000)
            )
        ),
        "too many different ways",
    ),
    "musicxml: a note of NaN": (score(note(duration="nan")), "'nan' as a duration"),
    "musicxml: a note of two hours": (score(note(duration=99_999) * 3), "299,997 quarter notes"),
    "musicxml: 0 divisions": (
        score(note()).replace(b"<divisions>1", b"<divisions>0"),
        "0 as divisions",
    ),
    "musicxml: unknown encoding": (SCORE.replace(b"UTF-8", b"klingon"), "encoding"),
    "musicxml: bytes of no text": (SCORE.replace(b"Piano", b"\xff\xfe"), "not well-formed"),
    "mxl: no archive": (b"PK", "not an archive"),
    "mxl: no members": (archive({}), "0 members"),
    "mxl: cut off": (mxl()[:-40], "directory cannot be read"),
    "mxl: no score": (archive({"META-INF/container.xml": CONTAINER}), "has no score.xml"),
    "mxl: a page inside": (mxl(b"<html/>"), "begins with 'html'"),
    "mxl: a bomb": (mxl(bytes(40 * 2**20)), "over 100 times"),
    "mxl: an archive inside": (mxl(mxl(), "inner.mxl"), "has no score.xml"),
    "mxl: laughs inside": (
        mxl(score(note(), doctype=f"<!DOCTYPE score-partwise [{LAUGHS}]>")),
        "inside its DOCTYPE",
    ),
    "abc: nothing at all": (b"", "no tune"),
    "abc: prose": (b"Dear all, here is my tune.", "no tune"),
    "abc: fields alone": (b"X:1\nT:Silence\n", "no tune"),
    "abc: only rests": (b"X:1\nK:C\nz4|z4|\n", "no pitched notes"),
    "abc: a zero byte": (b"X:1\nK:C\nC\0", "zero byte"),
    "abc: an endless line": (b"X:1\nK:C\n" + b"C" * 20_000, "characters in line 3"),
    "abc: an endless note": (b"X:1\nK:C\nC9999999\n", "longer than"),
    "abc: an endless unit": (b"X:1\nL:99999999/1\nK:C\nC\n", "longer than"),
    "abc: 61,000 notes": (b"X:1\nK:C\n" + (b"C" * 1000 + b"\n") * 61, "over 60,000 notes"),
    "abc: 31,000 notes in a tune": (
        b"X:1\nK:C\n" + (b"C" * 1000 + b"\n") * 31,
        "some 31,000 notes and rests, but at most 30,000",
    ),
    "abc: 5 MB": (b"X:1\nK:C\n" + (b"|" * 1000 + b"\n") * 5 * 2**10, "but at most 4,194,304"),
    "abc: 4 MB of bars": (b"X:1\nK:C\n" + (b"|" * 10**4 + b"\n") * 400, "characters, but"),
    "abc: open brackets": (b"X:1\nK:C\n" + (b"[K:" * 5000 + b"\n") * 100, "characters, but"),
    "abc: 200,000 open slurs": (b"X:1\nK:C\n" + (b"(" * 10**4 + b"\n") * 19, "no pitched notes"),
    "abc: an endless rest": (b"X:1\nK:C\nZ1001|C\n", "a rest of 1,001 bars, but at most 1,000"),
    "abc: 20,000 rests": (b"X:1\nK:C\n" + b"Z9|" * 5000 + b"C\n", "some 50,001 notes and rests"),
    "abc: 101 voices": (
        b"X:1\nK:C\n" + b"".join(b"V:%d\nC|\n" % i for i in range(101)),
        "100 voices",
    ),
    "abc: open braces": (b"X:1\nK:C\n" + (b"{" * 16_000 + b"\n") * 100, "over 60,000 notes"),
    "abc: 6,000 tunes": (b"X:1\nK:C\nC|\n" * 6000, "6,000 tunes and 0 fields"),
    "abc: 1,000 fields for all": (b"N:x\n" * 1000 + b"X:1\nK:C\nC|\n", "and 1,000 fields"),
    # tables
    "csv: nothing at all": (b"", "empty"),
    "csv: blank lines": (b"\n \n\n", "empty"),
    "csv: a header alone": (b"a,b\n", "no row of numbers"),
    "csv: no feature": (b"sequence,u_dose\n1,2\n", "0 columns of features"),
    "csv: ragged": (b"a,b\n1,2\n3\n", "1 cell in row 3, but 2"),
    "csv: ragged the other way": (b"a,b\n1,2\n\n3,4,5\n", "3 cells in row 4, but 2"),
    "csv: a word": (b"a,b\n1,2\n3,four\n", "'four' in row 3, column 'b'"),
    "csv: a number of Python's": (b"a\n1_000\n", "'1_000' in row 2"),
    "csv: decimal commas and points": (b"a;b\n1,5;2\n1.5;2\n", "1,5 and also numbers with a point"),
    "csv: thousands": (b'a,b\n"1,000",2\n', "'1,000' in row 2, column 'a'"),
    "csv: millions": (b"a;b\n1,000,000;2\n", "'1,000,000' in row 2, column 'a'"),
    "csv: decimal commas below one name": (b"a\n1,5\n2,5\n", "separate cells with semicolons"),
    "csv: infinite": (b"a,b\n1,2\n-inf,2\n", "infinite or beyond 3e38 in row 3"),
    "csv: 1e39": (b"a\n1\n2\n1e39\n", "beyond 3e38 in row 4"),
    "csv: all missing": (b"a,b\n,NA\nnan,\n", "every value is missing"),
    "csv: an action missing": (b"a,u_x\n1,0\n2,\n", "an action that is missing, infinite or"),
    "csv: two sequences": (b"sequence,Sequence,a\n1,1,1\n", "several columns named sequence"),
    "csv: a zero byte": (b"a\n1\n\0\n", "zero byte"),
    "csv: latin-1": ("grüße\n1\n".encode("latin-1"), "not UTF-8 text in row 1"),
    "csv: UTF-16 without a mark": ("a\n1\n".encode("utf-16-le"), "zero byte"),
    "csv: UTF-16 cut off": ("a\n1\n".encode("utf-16")[:-1], "UTF-16 text, but it is not"),
    "csv: words in rows": (b"1;2\nTrue;maybe\n", "'maybe' in row 2, column '2'"),
    "csv: an open quote": (b'a,b\n"1,2\n' + b"3,4\n" * 1000, "longer than 200 characters"),
    "csv: a quote amid": (b'a,b\n"1"x,2\n', "quotation marks that do not follow"),
    "csv: an endless cell": (b"a\n" + b"1" * 300 + b"\n", "longer than 200 characters"),
    "csv: an endless line": (b"1," * 50_000 + b"1\n", "bytes in row 1"),
    "csv: 1,025 columns": (b"1," * 1024 + b"1\n", "1,025 features"),
    "csv: 100,000 identical headers": (b",".join([b"a"] * 100_000) + b"\n1", "bytes in row 1"),
    "csv: 20 MB of rows": (b"1\n" * 10 * 2**20, "over 1,000,000 rows"),
    "csv: a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(1, 255)), "not UTF-8"),
    # arrays
    "npz: nothing at all": (b"", "not an archive"),
    "npz: a lone array": (npy(header(), bytes(48)), "not an archive"),
    "npz: cut off": (npz(x=X)[:-30], "directory cannot be read"),
    "npz: nothing known": (npz(a=X), "neither x nor train"),
    "npz: no test": (npz(train=X, valid=X), "no test"),
    "npz: both layouts": (npz(x=X, train=X, valid=X, test=X), "both x and train"),
    "npz: objects": (npz(x=np.array([None, {}])), "never loaded"),
    "npz: records": (npz(x=np.zeros(3, "f4,i4")), "no plain numbers"),
    "npz: words": (npz(x=np.array([["a", "b"]])), "no plain numbers"),
    "npz: complex": (npz(x=X + 1j), "no plain numbers"),
    "npz: flat": (npz(x=np.zeros(5)), "x of shape (5,)"),
    "npz: four dimensions": (npz(x=np.zeros((1, 1, 1, 1))), "4 dimensions"),
    "npz: no frame": (npz(x=np.zeros((2, 0, 3))), "0 frames"),
    "npz: no feature": (npz(x=np.zeros((2, 3, 0))), "0 features"),
    "npz: 1,025 features": (npz(x=np.zeros((1, 2, 1025))), "1,025 features"),
    "npz: 1,000,001 frames": (npz(x=np.zeros((1_000_001, 1), bool)), "1,000,001 frames"),
    "npz: infinite": (npz(x=np.where(X == 22, np.inf, X)), "beyond 3e38 in x[1, 3]"),
    "npz: all missing": (npz(x=np.full((2, 4, 3), np.nan)), "every value is missing"),
    "npz: an action missing": (npz(x=X, u=X * np.nan), "an action that is missing"),
    "npz: mask of another shape": (npz(x=X, mask=np.ones((2, 3))), "mask of shape (2, 3)"),
    "npz: mask with a gap": (npz(x=X, mask=ONES * [1, 0, 1, 0]), "followed by 0s in sequence 0"),
    "npz: mask to the right": (npz(x=X, mask=ONES * [0, 0, 1, 1]), "followed by 0s in sequence 0"),
    "npz: empty sequence": (npz(x=X, mask=[[1, 1, 1, 1], [0] * 4]), "in sequence 1"),
    "npz: mask of halves": (npz(x=X, mask=ONES / 2), "values other than 0 and 1"),
    "npz: mask and lengths": (npz(x=X, mask=ONES, lengths=[4, 4]), "both mask and lengths"),
    "npz: observed of NaN": (npz(x=X, observed=X * np.nan), "values other than 0 and 1"),
    "npz: observed too narrow": (npz(x=X, observed=np.ones((2, 4, 2))), "observed of shape"),
    "npz: actions too short": (npz(x=X, u=np.ones((2, 3, 1))), "u of shape (2, 3, 1)"),
    "npz: lengths too short": (npz(x=X[0], lengths=[1, 2]), "add up to 3, but x has 4"),
    "npz: lengths below 0": (npz(x=X[0], lengths=[5, -1]), "lengths of -1 for sequence 1"),
    "npz: lengths beyond 64 bits": (npz(x=X[0], lengths=np.uint64([2**63, 2**63, 4])), "sequence"),
    "npz: lengths of halves": (npz(x=X[0], lengths=[1.5, 2.5]), "of integers"),
    "npz: splits of two widths": (npz(train=X, valid=X[..., :2], test=X), "2 features in valid"),
    "npz: splits that act or not": (npz(train=X, valid=X, test=X, train_u=X), "0 actions in"),
    "npz: header that claims terabytes": (
        archive({"x.npy": npy(header(shape="(1000000, 1000000, 1)"), bytes(48))}),
        "claims 8,000,000,000,000 bytes, but x holds 48",
    ),
    "npz: header beyond 64 bits": (
        archive({"x.npy": npy(header(shape=f"({2**40}, {2**40})"), bytes(48))}),
        "claims",
    ),
    "npz: header that claims less": (
        archive({"x.npy": npy(header(shape="(1, 1)"), bytes(48))}),
        "claims 8 bytes, but x holds 48",
    ),
    "npz: header below 0": (archive({"x.npy": npy(header(shape="(-2, 3)"), bytes(48))}), "header"),
    "npz: header that is code": (
        archive({"x.npy": npy("__import__('os').system('true')", bytes(48))}),
        "not well-formed",
    ),
    "npz: header of 60,000 bytes": (archive({"x.npy": npy("(" * 60_000)}), "not well-formed"),
    "npz: version 9": (archive({"x.npy": npy(header(), bytes(48), 9)}), "not well-formed"),
    "npz: a pickle as an array": (archive({"x.npy": poison("/nowhere/marker")}), "is not an array"),
    "npz: a bomb of 1.5 GB": (bomb(1536 * 2**20), "unpacks to 1,610,612,736 bytes"),
    "npz: a bomb of 60 MB": (bomb(60 * 2**20), "over 100 times"),
    "npz: a bomb that claims little": (
        raw_zip([("x.npy", zeros(50 * 2**20), 100, 0, None)]),
        "x.npy is damaged",
    ),
    "npz: members that overlap": (
        raw_zip([(f"{i}.npy", OVERLAP, 10**6, zlib.crc32(b"PK" * 500_000), 0) for i in range(9)]),
        "1.npy is damaged",  # its local header names 0.npy
    ),
    "npz: a member behind the directory": (
        raw_zip([("x.npy", b"\0" * 8, 8, 0, 10**6)]),
        "x.npy is damaged",
    ),
    "npz: 17 members": (npz(**{f"a{i}": X for i in range(17)}), "17 members"),
    # zipfile reads the directory to its end and does not use the number of members it claims.
    "npz: 65,535 members claimed": (raw_zip([("x", b"", 0, 0, None)], 65_535), "is not an array"),
    "npz: two members claimed": (raw_zip([("x", b"", 0, 0, None)], 2), "is not an array"),
    "npz: 60,000 members": (raw_zip([("x", b"", 0, 0, 0)] * 60_000), "60,000 members"),
    "npz: a member compressed by bzip2": (
        archive({"x.npy": bytes(10 * 2**20)}, zipfile.ZIP_BZIP2),
        "only deflate is read",
    ),
    "npz: an encrypted member": (
        npz(x=X).replace(b"PK\x01\x02\x2d\x03\x2d\x00\x00", b"PK\x01\x02\x2d\x03\x2d\x00\x01"),
        "x.npy is encrypted",
    ),
    "npz: a member twice": (
        raw_zip([("x.npy", deflated(b"a"), 1, zlib.crc32(b"a"), None)] * 2),
        "x.npy",
    ),
    "npz: a wrong checksum": (raw_zip([("x.npy", deflated(b"abc"), 3, 1, None)]), "damaged"),
    "npz: archives inside one another": (
        archive({"x.npy": archive({"x.npy": npz(x=X)})}),
        "is not an array",
    ),
}
"""Kind and name -> (bytes, part of the sentence of refusal)."""

SEEDS = {
    "csv": [
        b"a,b,sequence,u_x\n1,2,A,0\n3,,A,1\n5,NA,B,0\n",
        b"0;1\n1;nan\n\n1;0\n",
        b'"a b",c\n-1e3,"2"\n.5,+7\n',
        b",0,1,2\n0,1,0,True\n1,0,1,False\n",
        b"sep=;\na;b\n1,5;2\n,5;3e1\n;\n",
        b"sequence a\n1 2.5\n2  3.5\n1 4\n",
        b"date,v\n2020-01-31,1.5\n2020-02-29,\n2020-04-30,3\n",
        b"date,who,v,c_x\n2020-01-01 06:00,A,1,2\n2020-01-01 12:00,B,3,4\n2020-01-02T18:00,A,5,6\n",
        b"year,month,day,v\n1999,12,31,5\n2000,1,1,6\n2000,1,3,7\n",
        b"YEAR,v\n1871,5\n1872,6\n1875,7\n",
        b"date,co2\n19580329,316.1\n19580405,\n19580419,317.5\n",
        b"time,v\n1958.2027,1\n1958.2877,2\n1958.3699,3\n",
        b"t,v\n0.0,1\n0.033,2\n0.067,3\n0.1,4\n",
        b"date,time,v\n2020Q1,13:00,1\n2020Q2,13:30,2\n",
    ],
    "npz": [
        npz(x=X, mask=ONES, u=X[..., :1]),
        npz(False, x=X[0].astype("<f4"), lengths=[1, 3]),
        npz(False, train=X > 5, valid=X > 3, test=X > 2, test_observed=X > 1),
    ],
    "musicxml": [
        SCORE,
        score(
            note("C", more='<tie type="start"/><notations><tied type="start"/></notations>')
            + "<backup><duration>1</duration></backup><forward><duration>1</duration></forward>"
            + note("E", more="<chord/>"),
            note("C", more='<tie type="stop"/><lyric><text>la</text></lyric>'),
            attributes="<key><fifths>2</fifths></key>"
            '<clef number="2"><sign>percussion</sign></clef>'
            '<measure-style><measure-repeat type="start">1</measure-repeat></measure-style>'
            "<time><beats>3</beats><beat-type>4</beat-type>"
            "</time><transpose><chromatic>-2</chromatic></transpose>",
        ),
    ],
    "mxl": [mxl()],
    "abc": [
        TUNE.encode(),
        b'X:1\nM:6/8\nK:Ador\n|:"Am"A2B (3cde f|[Ace]2- [Ace] {g}a>b:|\n',
        b"%%score (S B)\nX:1\nm:~G2 = GA\nM:3+2/8\nL:1/8\nP:AB\nK:D exp _b ^f\n"
        b"V:S clef=treble-8\nV:B octave=-1 transpose=-2\n[V:S]^F-F[^Fa] z Z|!D.C.!~G2 & A3|\n"
        b"w:la\n[V:B]D5-|[K:G clef=bass]D5|\n\nmore|text\n",
    ],
}
"""Kind -> good files to mutate."""


def mutate(data, rng):
    """`data` with some bytes changed, inserted, deleted, moved or repeated."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        at = rng.randrange(len(data))
        match rng.randrange(8):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at:at] = rng.randbytes(rng.randint(1, 4))
            case 2:
                del data[at + 1 : at + rng.randint(2, 9)]
            case 3:
                data[at:at] = data[at : at + rng.randint(1, 40)]
            case 4:
                data[at : at + 1] = rng.choice([b"9999", b"\xff\xff\xff\xff", b"-", b"nan", b"<>"])
            case 5:
                other = rng.randrange(len(data))
                data[at : at + 8], data[other : other + 8] = (
                    data[other : other + 8],
                    data[at : at + 8],
                )
            case 6:
                data[at] = rng.choice(b"0123456789,;\"'\n()[]{}<>|:/")
            case _:
                data[at] = rng.randrange(256)
    return bytes(data)


def mutate_xml(data, rng):
    """Well-formed XML with some elements moved, repeated, dropped, renamed or given other text."""
    root = ElementTree.fromstring(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        elements = list(root.iter())
        element, other = rng.choice(elements), rng.choice(elements)
        parent = rng.choice([e for e in elements if len(e)] or [root])
        match rng.randrange(6):
            case 0:
                element.text = rng.choice(["", "0", "-1", "1e9", "999999", "0.3", "nan", "C", "10"])
            case 1:
                element.tag = other.tag
            case 2:
                at = rng.randrange(len(parent) + 1)
                del parent[at : at + 1]
            case 3:
                parent.append(copy.deepcopy(other))
            case 4:
                parent.insert(rng.randrange(len(parent) + 1), copy.deepcopy(element))
            case _:
                names = ["number", "type", "id", "implicit", "dacapo"]
                element.set(rng.choice(names), rng.choice(["1", "2", "start", "stop", "yes", ""]))
    return ElementTree.tostring(root)


def mutants(kind, count, seed):
    """`count` mutated files of a kind; of an archive, in half of them one of its members is."""
    rng = random.Random(seed)
    for _ in range(count):
        data = rng.choice(SEEDS[kind])
        if kind in ("npz", "mxl") and rng.random() < 0.5:
            with zipfile.ZipFile(io.BytesIO(data)) as file:
                members = {name: file.read(name) for name in file.namelist()}
            name = rng.choice(sorted(members))
            members[name] = mutate(members[name], rng)
            yield archive(members, zipfile.ZIP_STORED)
        elif kind == "musicxml" and rng.random() < 0.7:
            yield mutate_xml(data, rng)
        else:
            yield mutate(data, rng)
