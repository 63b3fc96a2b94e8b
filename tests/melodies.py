"""Expected notes, written as melodies: "C4 F#4:2 z [C4 E4]:1/2" are a quarter, a half and so on."""

import re
from fractions import Fraction

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def melody(*voices):
    """(pitch, start, end) in quarters of voices that start together, by start and pitch."""
    spans = []
    for voice in voices:
        at = Fraction(0)
        for names, length in re.findall(r"(\[[^]]*\]|\S+?)(?::([\d/.]+))?(?=\s|$)", voice):
            end = at + Fraction(length or 1)
            spans += [
                (pitch(name), float(at), float(end))
                for name in names.strip("[]").split()
                if name != "z"
            ]
            at = end
    return sorted(spans, key=lambda span: (span[1], span[0], span[2]))


def pitch(name):
    return (
        STEPS[name[0]]
        + name.count("#")
        - name.count("b")
        + 12 * (int(name.lstrip("ABCDEFG#b")) + 1)
    )


def spans(score):
    return [(n.pitch, n.start, n.end) for n in score.notes]
