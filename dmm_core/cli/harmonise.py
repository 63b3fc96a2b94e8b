"""The command `harmonise`, which composes the other three voices to a melody."""

import argparse
import sys
from pathlib import Path

from dmm_core import music, runs
from dmm_core.cli.arguments import (
    Commands,
    add_command,
    add_count,
    add_json,
    add_seed,
    temperature,
)
from dmm_core.data.uploads.lines import read_lines
from dmm_core.errors import DataError, UploadError
from dmm_core.music.symbols import VOICES
from dmm_core.music.voice_files import Line, piece_from_lines
from dmm_core.runs.store import find_run
from dmm_core.system.files import json_text, write_atomic

__all__ = ["add_commands", "harmonise"]

_TEMPO = 90.0
_SUFFIXES = (".mid", ".musicxml")


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "harmonise",
        harmonise,
        "Compose three voices to a melody in the style of Bach's chorales.",
        "The melody is a line of a MIDI, MusicXML or ABC file. It becomes the soprano, or another "
        "voice, and does not change.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the file with the melody")
    add_count(
        parser,
        "--line",
        None,
        "number of the melody among the lines of the file, as they are listed on stderr (default: "
        "the highest line, or the lowest for the bass)",
    )
    parser.add_argument(
        "--voice",
        choices=VOICES,
        default=VOICES[0],
        help="the voice that sings the melody (default: soprano)",
    )
    add_count(parser, "--beats", 256, "largest number of quarter notes; the rest is left out")
    parser.add_argument(
        "--model",
        default="bundled:voices",
        metavar="RUN",
        help="the id of a run of jsb-m21-voices, the path of its folder, or bundled:NAME (default: "
        "bundled:voices)",
    )
    add_count(parser, "--count", 1, "number of alternatives, the best first")
    parser.add_argument(
        "--temperature",
        type=temperature,
        metavar="T",
        help="temperature of the choice of pitches, from 0 to 100: a value below 1 keeps it close "
        "to the most probable one (default: as chosen on the valid split)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="the file to write, .mid with a track for each voice or .musicxml with a staff for "
        "each; several alternatives get numbers. A file that exists is replaced (default: the "
        "name of FILE with -harmonised.mid, in this folder)",
    )
    add_seed(parser)
    add_json(parser)


def harmonise(given: argparse.Namespace) -> None:
    """Write each alternative as a file.

    Raises:
        DataError: if there is no such line, the melody does not fit the voice, or the name of the
            output has another extension.
        UploadError: if the file is refused.
    """
    output = given.out or Path(f"{given.file.stem}-harmonised.mid")
    if output.suffix not in _SUFFIXES:
        raise DataError(f"A file ends in {' or '.join(_SUFFIXES)}, not {output.name!r:.60}.")
    try:
        file = read_lines(given.file.name, given.file.read_bytes())
    except UploadError as error:
        raise UploadError(f"{given.file.name}: {error}") from None
    for change in file.changes:
        print(f"{given.file.name}: {change}", file=sys.stderr)
    line = _line(given, file.lines)
    whole = piece_from_lines([line], file.fermatas)
    melody = whole.excerpt(0, min(given.beats, whole.beats))
    if melody.beats < whole.beats:
        print(f"Left out what follows the first {given.beats:,} quarter notes.", file=sys.stderr)
    meter = file.meter or music.Meter()
    settings = {} if given.temperature is None else {"temperature": given.temperature}
    found = runs.harmonise(
        runs.load_model(find_run(given.model, allow_path=True)),
        melody,
        voice=given.voice,
        meter=meter,
        count=given.count,
        seed=given.seed,
        progress=_show,
        **settings,
    )
    print(file=sys.stderr)
    written = []
    for number, piece in enumerate(found.pieces, start=1):
        name = f"{output.stem}-{number}{output.suffix}" if given.count > 1 else output.name
        path = output.with_name(name)
        tempo = file.tempo or _TEMPO
        if path.suffix == ".mid":
            content = music.midi_from_voices(piece, meter=meter, tempo=tempo, title=path.stem)
        else:
            content = music.musicxml_from_voices(piece, meter=meter, tempo=tempo, title=path.stem)
        write_atomic(path, content)
        written.append(str(path))
    if given.json:
        agreement = [round(float(share), 4) for share in found.agreement]
        print(json_text({"line": line.name, "files": written, "agreement": agreement}))
    else:
        print(*written, sep="\n")


def _line(given: argparse.Namespace, lines: tuple[Line, ...]) -> Line:
    """The line that was asked for; all are listed if there are several."""
    if given.line is not None and given.line > len(lines):
        number = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
        raise DataError(f"{given.file.name} has {number}, and --line is {given.line}.")
    low = given.voice == VOICES[-1]
    best = sorted(lines, key=lambda line: line.mean_pitch)[0 if low else -1]
    chosen = best if given.line is None else lines[given.line - 1]
    if len(lines) > 1:
        for number, line in enumerate(lines, start=1):
            mark = "*" if line is chosen else " "
            print(f"{mark} {number:2} {line.name}", file=sys.stderr)
    return chosen


def _show(fraction: float) -> None:
    print(f"\rHarmonised {fraction:.0%}", end="", file=sys.stderr, flush=True)
