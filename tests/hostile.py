"""Hostile and odd MIDI files, and small builders of MIDI files."""

import random
import struct

NOTE = b"\x00\x90\x3c\x40\x83\x60\x80\x3c\x40"  # middle C for a quarter of 480 ticks
END = b"\x00\xff\x2f\x00"


def track(events, length=None):
    return b"MTrk" + struct.pack(">L", len(events) if length is None else length) + events


def midi(*tracks, kind=1, claimed=None, division=480):
    count = len(tracks) if claimed is None else claimed
    return b"MThd" + struct.pack(">LHHH", 6, kind, count, division) + b"".join(tracks)


def chunk(kind, content=b"", order=">"):
    """A chunk of a MIDI file, or with "<" of a RIFF file."""
    padding = bytes(len(content) % 2) if order == "<" else b""
    return kind + struct.pack(f"{order}L", len(content)) + content + padding


def riff(content):
    return b"RIFF" + struct.pack("<L", 4 + len(content)) + b"RMID" + content


def number(value):
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


GOOD = midi(track(NOTE + END))

CONDUCTOR = (
    b"\x00\xff\x03\x04name\x00\xff\x51\x03\x07\xa1\x20\x00\xff\x58\x04\x04\x02\x18\x08"
    b"\x00\xff\x59\x02\xfd\x01\x83\x60\xff\x51\x03\x0b\x00\x00"
)
PLAYER = (
    b"\x00\xc0\x13\x00\xb0\x07\x64\x00\xe0\x00\x40\x00\xf0\x03\x7e\x7f\xf7"
    + NOTE * 3
    + b"\x00\x90\x40\x50\x00\x43\x50\x70\x40\x00\x00\x43\x00\x00\x99\x24\x40"
)

LONG = b"\xff\xff\xff\x7f"  # the longest delta time, 268,435,455 ticks

REFUSED = {
    "nothing at all": (b"", "empty"),
    "text": (b"MTrk is not what this begins with\n", "not a MIDI file"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(1000), "not a MIDI file"),
    "page": (b"<script>alert(1)</script>", "not a MIDI file"),
    "1 MB of 0xFF": (b"\xff" * 1_000_000, "not a MIDI file"),
    "1 MB of 0xFF as a track": (midi(track(b"\xff" * 1_000_000)), "longer than four bytes"),
    "1 MB of 0xFF as a length": (midi(track(b"\x00\xff\x01" + b"\xff" * 10**6)), "longer than"),
    "1 MB of 0x80 as a delta time": (midi(track(b"\x80" * 1_000_000)), "longer than four bytes"),
    "header alone": (b"MThd", "cut off inside its header"),
    "header of 4 GB": (b"MThd\xff\xff\xff\xff" + GOOD[8:], "cut off inside its header"),
    "header of 2 bytes": (b"MThd\x00\x00\x00\x02" + GOOD[8:], "header has 2 bytes"),
    "format 2": (midi(track(NOTE + END), kind=2), "format 2"),
    "format 9999": (midi(track(NOTE + END), kind=9999), "format 9999"),
    "division 0": (midi(track(NOTE + END), division=0), "0 ticks per quarter"),
    "SMPTE": (midi(track(NOTE + END), division=0xE728), "SMPTE"),
    "no track": (midi(), "claims 0 tracks"),
    "no track where 3 are claimed": (midi(claimed=3), "claims 3 tracks, but it holds none"),
    "257 chunks that are not tracks": (midi(chunk(b"XFIH") * 257), "over 256 chunks"),
    "RIFF without data": (riff(b""), "RIFF file holds no MIDI data"),
    "RIFF of 20 MB of empty chunks": (riff(b"LIST\0\0\0\0" * 2_500_000), "holds no MIDI data"),
    "RIFF that ends inside its track": (riff(chunk(b"data", GOOD, "<"))[:-9], "cut off: track 1"),
    "65,535 tracks claimed": (midi(track(NOTE + END), claimed=65_535), "claims 65535 tracks"),
    "257 tracks": (midi(*[track(NOTE + END)] * 257), "claims 257 tracks"),
    "track of 4 GB": (midi(track(NOTE + END, length=0xFFFFFFFF)), "cut off: track 1"),
    "track header cut": (midi(b"MTrk\x00\x00", claimed=1), "cut off: track 1"),
    "track one byte short": (midi(track(NOTE + END, length=len(NOTE) - 1)), "ends inside an event"),
    "empty track": (midi(track(b"")), "holds no notes"),
    "no notes": (midi(track(END)), "holds no notes"),
    "only releases": (midi(track(b"\x00\x80\x3c\x40" + END)), "holds no notes"),
    "131,072 programs": (midi(track(b"\x00\xc0\x00\x00\xc0\x01" * 65_536 + END)), "no notes"),
    "1,000,000 events": (midi(track(b"\x00\x90\x3c\x40" + b"\x00\x3c\x40" * 10**6)), "200,000 ev"),
    "events without status": (midi(track(b"\x00\x3c\x40" + END)), "running status"),
    "real-time bytes alone": (midi(track(b"\x00\xf8" * 9 + END)), "holds no notes"),
    "song position cut off": (midi(track(NOTE + b"\x00\xf2\x01")), "inside an event"),
    "undefined status": (midi(track(NOTE + b"\x00\xf4\x00")), "byte 0xf4"),
    "value of 128": (midi(track(b"\x00\x90\x3c\x80" + END)), "value above 127"),
    "tempo 0": (midi(track(b"\x00\xff\x51\x03\x00\x00\x00" + NOTE + END)), "tempo of 0"),
    "text of 256 MB": (midi(track(b"\x00\xff\x01" + LONG)), "ends inside an event"),
    "2 MB of text": (midi(track(b"\x00\xff\x01" + number(2 * 10**6) + bytes(2 * 10**6))), "text"),
    "19 MB of sysex": (midi(track((b"\x00\xf0" + number(999) + bytes(999)) * 19_000)), "exclusive"),
    "44 bytes that ask for terabytes": (
        midi(
            track(NOTE[:4] * 2 + LONG + b"\x80\x3c\x40" + LONG + b"\xff\x2f\x00"),
            division=1,
        ),
        "268,435,455 quarter notes",
    ),
    "many long rests": (midi(track((LONG + b"\x90\x3c\x40") * 10_000)), "quarter notes"),
    "two hours": (
        midi(track(b"\x00\xff\x51\x03\xff\xff\xff" + NOTE + number(200_000) + NOTE[1:])),
        "minutes, but at most 60",
    ),
}
"""Name -> (bytes, part of the sentence of refusal)."""

ACCEPTED = {
    "a bit of everything": (midi(track(CONDUCTOR + END), track(PLAYER + END)), 5),
    "plain": (GOOD, 1),
    "format 0": (midi(track(NOTE + END), kind=0), 1),
    "longer header": (b"MThd\x00\x00\x00\x08" + GOOD[8:14] + bytes(2) + GOOD[14:], 1),
    "bytes after the end": (GOOD + b"\n\x00\x00", 1),
    "no end of track": (midi(track(NOTE)), 1),
    "one empty track of two": (midi(track(b""), track(NOTE + END)), 1),
    "256 tracks": (midi(*[track(NOTE + END)] * 256), 256),
    "slowest tempo": (midi(track(b"\x00\xff\x51\x03\xff\xff\xff" + NOTE + END)), 1),
    "fastest tempo": (midi(track(b"\x00\xff\x51\x03\x00\x00\x01" + NOTE + END)), 1),
    "end of track in the far future": (midi(track(NOTE + LONG + b"\xff\x2f\x00")), 1),
    "release before any note": (midi(track(b"\x00\x80\x3c\x40" + NOTE + END)), 1),
    "length of nothing": (midi(track(b"\x00\x90\x3c\x40\x00\x80\x3c\x40" + END)), 1),
    "2 tracks claimed, 1 there": (midi(track(NOTE + END), claimed=2), 1),
    "1 track claimed, 2 there": (midi(*[track(NOTE + END)] * 2, claimed=1), 2),
    "no track claimed, 1 there": (midi(track(NOTE + END), claimed=0), 1),
    "alien chunk": (midi(chunk(b"XFIH", b"abc"), track(NOTE + END), claimed=1), 1),
    "alien chunk after the track": (midi(track(NOTE + END), chunk(b"XFIH", b"ab"), claimed=1), 1),
    "RIFF envelope": (riff(chunk(b"data", GOOD, "<")), 1),
    "RIFF envelope with more": (
        riff(chunk(b"DISP", b"abc", "<") + chunk(b"data", GOOD, "<") + chunk(b"LIST", b"", "<")),
        1,
    ),
    "running status after sysex": (midi(track(NOTE + b"\x00\xf0\x01\xf7\x00\x3c\x40" + END)), 1),
    "sysex of any bytes": (midi(track(b"\x00\xf0\x03\x81\xff\xf7" + NOTE + END)), 1),
    "escape of any bytes": (midi(track(b"\x00\xf7\x02\xf8\x90" + NOTE + END)), 1),
    "cable messages": (
        midi(track(b"\x00\xf1\x01\x00\xf2\x01\x02\x00\xf3\x01\x00\xf6\x00\xfe" + NOTE + END)),
        1,
    ),
    "events after the end of track": (midi(track(NOTE + END + NOTE + b"\xf4\xf5")), 1),
    "running status across a clock": (midi(track(NOTE[:4] + b"\x00\xf8\x10\x3c\x00" + END)), 1),
    "running status across text": (midi(track(NOTE + b"\x00\xff\x01\x01a\x00\x3c\x00" + END)), 1),
}
"""Name -> (bytes, notes)."""

NAMES = (
    "../../../../etc/passwd",
    "..",
    "C:\\Windows\\win.ini",
    "a" * 5000 + ".mid",
    "nul\x00byte.mid",
    "line\nbreak\x1b[31m.mid",
    "\u202edim.exe",
    "שלום.mid",
    "<img src=x onerror=alert(1)>.mid",
    "lone\ud800surrogate.mid",
    "",
)


def mutate(data, rng):
    """`data` with some bytes changed, inserted, deleted, doubled, or its end cut off."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        at = rng.randrange(len(data))
        match rng.randrange(12):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at:at] = rng.randbytes(rng.randint(1, 4))
            case 2:
                del data[at + 1 : at + rng.randint(2, 9)]
            case 3:
                data[at:at] = data[at : at + rng.randint(1, 40)]
            case 4:
                data[at : at + 1] = rng.choice([b"\x80", b"\xff", LONG])
            case 5:
                del data[at + 1 :]
            case _:
                data[at] = rng.randrange(128)
    return bytes(data)


def mutants(count, seed):
    """`count` mutated MIDI files; in half of them the lengths of the tracks are right again."""
    rng = random.Random(seed)
    every = [data for data, _ in (*REFUSED.values(), *ACCEPTED.values())]
    small = [data for data in every if 0 < len(data) < 1000]
    for _ in range(count):
        if rng.random() < 0.5:
            yield mutate(rng.choice(small), rng)
        else:
            conductor = mutate(CONDUCTOR, rng) if rng.random() < 0.2 else CONDUCTOR
            yield midi(track(conductor), track(mutate(PLAYER, rng)))
