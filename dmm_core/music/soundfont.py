"""The part of a SoundFont 2 file that turns a note into samples, their pitch and their envelope.

Source: SoundFont Technical Specification 2.01 (E-mu Systems, 1998), sections 7 and 8. Read are key
ranges, tuning, loops, attenuation, the volume envelope and the low-pass filter at its brightest;
velocity layers, modulators, LFOs and stereo positions are not.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

__all__ = ["SoundFont", "Zone"]

# Generator numbers (section 8.1.2) and what they are where a file gives none.
_FILTER, _FILTER_ENVELOPE = 8, 11
_ATTACK, _HOLD, _DECAY, _SUSTAIN, _RELEASE = 34, 35, 36, 37, 38
_INSTRUMENT, _KEYS, _SAMPLE = 41, 43, 53
_ATTENUATION, _COARSE_TUNE, _FINE_TUNE, _LOOPS, _SCALE, _ROOT = 48, 51, 52, 54, 56, 58
_DEFAULTS = {_FILTER: 13500, _SCALE: 100, _ROOT: -1} | dict.fromkeys(
    (_ATTACK, _HOLD, _DECAY, _RELEASE), -12000
)
_OFFSETS = (*_DEFAULTS, _FILTER_ENVELOPE, _SUSTAIN, _ATTENUATION, _COARSE_TUNE, _FINE_TUNE)

_BAG = np.dtype([("generator", "<u2"), ("modulator", "<u2")])
_GENERATOR = np.dtype([("kind", "<u2"), ("value", "<i2")])
_PRESET = np.dtype(
    [("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("unused", "<u4", 3)]
)
_INSTRUMENTS = np.dtype([("name", "S20"), ("bag", "<u2")])
_HEADER = np.dtype(
    [
        ("name", "S20"),
        *((field, "<u4") for field in ("start", "end", "loop_start", "loop_end", "rate")),
        ("key", "u1"),
        ("correction", "i1"),
        ("link", "<u2"),
        ("kind", "<u2"),
    ]
)


class Zone(NamedTuple):
    """One sample as a note plays it.

    Attributes:
        wave: (points,) int16.
        loop: first point of the loop and the one after its last, or None where the sample ends.
        rate: points of the wave per second at the note's pitch.
        gain: amplitude factor.
        cutoff: of the low-pass filter, in Hz.
        attack: seconds until the full amplitude.
        hold: seconds at the full amplitude.
        decay: seconds in which the amplitude falls by 100 dB.
        sustain: dB below the full amplitude at which the fall stops.
        release: seconds in which a released note falls by 100 dB.
    """

    wave: np.ndarray
    loop: tuple[int, int] | None
    rate: float
    gain: float
    cutoff: float
    attack: float
    hold: float
    decay: float
    sustain: float
    release: float


class SoundFont:
    """A SoundFont 2 file in memory.

    Args:
        data: the bytes of a trusted .sf2 file.
    """

    def __init__(self, data: bytes) -> None:
        chunks = dict(_chunks(data, 12, len(data)))
        self._points = np.frombuffer(chunks[b"smpl"], "<i2")
        self._samples = np.frombuffer(chunks[b"shdr"], _HEADER)
        presets = np.frombuffer(chunks[b"phdr"], _PRESET)
        instruments = np.frombuffer(chunks[b"inst"], _INSTRUMENTS)
        self._instruments = _zones(instruments, chunks[b"ibag"], chunks[b"igen"], _SAMPLE)
        zones = _zones(presets, chunks[b"pbag"], chunks[b"pgen"], _INSTRUMENT)
        self._presets = {
            (int(preset["bank"]), int(preset["program"])): zones[i]
            for i, preset in enumerate(presets[:-1])
        }

    def zones(self, program: int, pitch: int) -> list[Zone]:
        """What sounds together when `program` plays `pitch`; nothing where it has no such pitch."""
        return [
            self._zone(instrument, preset, pitch)
            for preset in self._presets.get((0, program), ())
            if _covers(preset, pitch)
            for instrument in self._instruments[preset[_INSTRUMENT]]
            if _covers(instrument, pitch)
        ]

    def _zone(self, instrument: dict[int, int], preset: dict[int, int], pitch: int) -> Zone:
        value = {
            kind: instrument.get(kind, _DEFAULTS.get(kind, 0)) + preset.get(kind, 0)
            for kind in _OFFSETS
        }
        sample = self._samples[instrument[_SAMPLE]]
        start, end = int(sample["start"]), int(sample["end"])
        root = int(sample["key"]) if value[_ROOT] < 0 else value[_ROOT]
        cents = (pitch - root) * value[_SCALE] + int(sample["correction"])
        cents += 100 * value[_COARSE_TUNE] + value[_FINE_TUNE]
        brightest = value[_FILTER] + max(value[_FILTER_ENVELOPE], 0)
        return Zone(
            wave=self._points[start:end],
            loop=(int(sample["loop_start"]) - start, int(sample["loop_end"]) - start)
            if instrument.get(_LOOPS, 0) & 1
            else None,
            rate=float(sample["rate"]) * 2 ** (cents / 1200),
            gain=10 ** (value[_ATTENUATION] / -200),
            cutoff=8.176 * 2 ** (brightest / 1200),
            attack=2 ** (value[_ATTACK] / 1200),
            hold=2 ** (value[_HOLD] / 1200),
            decay=2 ** (value[_DECAY] / 1200),
            sustain=min(max(value[_SUSTAIN], 0), 1000) / 10,
            release=2 ** (value[_RELEASE] / 1200),
        )


def _chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, memoryview]]:
    """The chunks in data[at:end], those of lists inside it included."""
    while at + 8 <= end:
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"LIST":
            yield from _chunks(data, at + 12, at + 8 + length)
        else:
            yield name, memoryview(data)[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _zones(
    owners: np.ndarray, bags: memoryview, generators: memoryview, target: int
) -> list[list[dict[int, int]]]:
    """For each owner its zones, generator -> value, each completed by the owner's global zone."""
    edges = np.frombuffer(bags, _BAG)["generator"].tolist()
    pairs = np.frombuffer(generators, _GENERATOR).tolist()
    zones = []
    for first, last in zip(owners["bag"][:-1].tolist(), owners["bag"][1:].tolist(), strict=True):
        found = [dict(pairs[edges[bag] : edges[bag + 1]]) for bag in range(first, last)]
        common = found[0] if found and target not in found[0] else {}
        zones.append([common | zone for zone in found if target in zone])
    return zones


def _covers(zone: dict[int, int], pitch: int) -> bool:
    bounds = zone.get(_KEYS, 0x7F00)  # lowest key in the low byte, highest in the high byte
    return bounds & 0xFF <= pitch <= bounds >> 8 & 0xFF
