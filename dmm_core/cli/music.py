"""The commands that compose: `sample` and `continue`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from dmm_core import inference, nn, runs
from dmm_core.cli.arguments import (
    Commands,
    add_command,
    add_count,
    add_json,
    add_run,
    add_seed,
    temperature,
)
from dmm_core.cli.input_files import read_own_files
from dmm_core.errors import DataError
from dmm_core.music.audio import render_voices_wav, render_wav
from dmm_core.music.meter import LONGEST_BAR, Meter
from dmm_core.music.midi import midi_from_notes
from dmm_core.music.phrases import PHRASE
from dmm_core.music.score_write import musicxml_from_notes
from dmm_core.music.transposition import describe_semitones, transposed, transposition_for_model
from dmm_core.music.voice_midi import midi_from_voices
from dmm_core.music.voice_notes import notes_from_voices
from dmm_core.music.voice_score import musicxml_from_voices
from dmm_core.music.voices import VoicedPiece
from dmm_core.runs.store import find_run
from dmm_core.system.files import json_text, write_atomic

if TYPE_CHECKING:
    from dmm_core.runs.bundled import BundledModel
    from dmm_core.runs.run import Run

__all__ = ["add_commands", "continue_piece", "sample"]

Piece = TypeVar("Piece")


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    parser = add_command(
        commands,
        "sample",
        sample,
        "Compose new music and write it as MIDI files.",
        "Frames are drawn from the prior of the model (ancestral sampling). A model of music in "
        "voices, such as bundled:voices, writes a track for each voice.",
    )
    add_run(parser, bundled=True)
    _add_composing(parser)
    add_count(
        parser,
        "--meter",
        None,
        "beats of a bar of music in voices (default: 4)",
        high=LONGEST_BAR,
    )
    add_count(
        parser,
        "--upbeat",
        None,
        "beats before the first full bar of music in voices (default: 0)",
        low=0,
        high=LONGEST_BAR - 1,
    )
    add_count(
        parser,
        "--phrase",
        None,
        "beats of a phrase of music in voices: the last beat of each phrase and of the piece has a "
        f"fermata (default: {PHRASE})",
    )

    parser = add_command(
        commands,
        "continue",
        continue_piece,
        "Compose a continuation of a piece of music and write both as MIDI files.",
        "The latent state at the end of the piece is drawn from the posterior of the model.",
    )
    add_run(parser, bundled=True)
    parser.add_argument("file", metavar="FILE", type=Path, help="the piece to continue")
    parser.add_argument(
        "--transpose",
        default="auto",
        type=_transpose,
        metavar="auto|none|N",
        help="how to transpose the piece for the model; the result is transposed back. auto: to "
        "the key and octave of the training data, by the estimated key of the piece; none: not at "
        "all; N: by N semitones, downwards if N is negative (default: auto)",
    )
    _add_composing(parser)


def _add_composing(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that composes."""
    add_count(
        parser, "--frames", 64, "number of frames to compose; for music in voices, of quarter notes"
    )
    add_count(parser, "--count", 1, "number of pieces to compose")
    parser.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="DIR",
        help="the folder to write to; it is created if necessary, and no file in it is replaced",
    )
    parser.add_argument(
        "--wav", action="store_true", help="also write a WAV audio file for each MIDI file"
    )
    parser.add_argument(
        "--musicxml", action="store_true", help="also write a MusicXML score for each MIDI file"
    )
    for letter, meaning in (("z", "latent state"), ("x", "emission of the notes")):
        parser.add_argument(
            f"--{letter}-temperature",
            type=temperature,
            default=1.0,
            metavar="T",
            help=f"temperature of the {meaning}, from 0 to 100: a value below 1 keeps the draws "
            "close to the most probable one, a value above 1 makes them vary more (default: 1)",
        )
    parser.add_argument(
        "--notes",
        type=_notes,
        metavar="N",
        help="number of notes in each frame: 4 for exactly four, 0-4 for at most four",
    )
    parser.add_argument(
        "--no-clash",
        action="store_true",
        help="never let two notes sound together that are a semitone apart",
    )
    parser.add_argument(
        "--tempo",
        type=float,
        default=90.0,
        help="tempo of the written files in quarter notes per minute (default: 90)",
    )
    add_count(
        parser,
        "--program",
        0,
        "instrument of the written files, as a General MIDI program number from 0 to 127; 0 is "
        "the piano",
        low=0,
        high=127,
    )
    add_seed(parser)
    add_json(parser)


def sample(given: argparse.Namespace) -> None:
    """Write `count` new pieces as sample-000.mid, sample-001.mid and so on.

    No file is overwritten: the numbers continue after the largest one in the folder.

    Raises:
        DataError: if the model does not explain music, or an option does not suit it.
    """
    source = find_run(given.run, allow_path=True)
    if source.data().is_voices:
        _sample_voices(given, source)
        return
    grid = runs.require_piano(source.data())
    if not (given.meter is given.upbeat is given.phrase is None):
        raise DataError(
            "--meter, --upbeat and --phrase are for models of music in voices, and the model "
            f"explains {source.data().name}, a set of piano-rolls."
        )
    drawn = inference.sample(
        runs.load_model(source),
        count=given.count,
        frames=given.frames,
        seed=given.seed,
        z_temperature=given.z_temperature,
        x_temperature=given.x_temperature,
        constraint=_constraint(given),
    )
    _write_rolls(given, "sample", [runs.to_roll(x) for x in drawn.x], grid)


def _sample_voices(given: argparse.Namespace, source: Run | BundledModel) -> None:
    """Write pieces in voices."""
    if given.notes or given.no_clash:
        raise DataError(
            "--notes and --no-clash are for models of piano-rolls, and the model explains "
            f"{source.data().name}, with four voices in sixteenths."
        )
    meter = Meter(given.meter or 4, given.upbeat or 0)
    pieces = runs.sample_voices(
        runs.load_model(source),
        count=given.count,
        beats=given.frames,
        seed=given.seed,
        meter=meter,
        phrase=given.phrase or PHRASE,
        z_temperature=given.z_temperature,
        x_temperature=given.x_temperature,
    )

    def contents(piece: VoicedPiece, title: str) -> Iterator[tuple[str, bytes]]:
        tempo, program = given.tempo, given.program
        yield ".mid", midi_from_voices(piece, meter=meter, tempo=tempo, program=program)
        if given.wav:
            notes = notes_from_voices(piece, tempo=tempo, meter=meter)
            yield ".wav", render_voices_wav(notes, program=program)
        if given.musicxml:
            yield ".musicxml", musicxml_from_voices(piece, meter=meter, tempo=tempo, title=title)

    _write(given, "sample", pieces, contents)


def continue_piece(given: argparse.Namespace) -> None:
    """Write the piece with each of `count` continuations as continuation-000.mid and so on.

    No file is overwritten, as in `sample`.

    Raises:
        DataError: if the model does not explain piano-rolls.
        UploadError: if the file is refused.
    """
    source = find_run(given.run, allow_path=True)
    grid = runs.require_piano(source.data())
    changes: list[str] = []
    sequences = read_own_files([given.file], source.data(), changes)
    if len(sequences) > 1:
        changes.append(f"Continued the first of {len(sequences):,} sequences.")
        print(f"{given.file.name}: {changes[-1]}", file=sys.stderr)
    start = sequences.x[0]
    move = _into(given.transpose, start, source.data().name)
    drawn = inference.continuation(
        runs.load_model(source),
        transposed(start, move),
        count=given.count,
        frames=given.frames,
        seed=given.seed,
        z_temperature=given.z_temperature,
        x_temperature=given.x_temperature,
        constraint=_constraint(given),
    )
    # Write the start unchanged, because transposing it could lose notes outside the piano's range.
    rolls = [np.concatenate([start > 0, transposed(runs.to_roll(x), -move)]) for x in drawn.x]
    _write_rolls(given, "continuation", rolls, grid, changes=changes)


def _into(asked: str, start: np.ndarray, model: str) -> int:
    """Semitones by which the start is transposed for the model; printed to stderr if estimated."""
    if asked == "none":
        return 0
    if asked != "auto":
        return int(asked)
    found = transposition_for_model(start, source="", model=model)
    if found.semitones:
        key = "" if found.key is None else f"Estimated key: {found.key}. "
        print(
            f"{key}Transposed {describe_semitones(found.semitones)} for the model. The result is "
            "transposed back.",
            file=sys.stderr,
        )
    return found.semitones


def _constraint(given: argparse.Namespace) -> nn.Constraint | None:
    """The constraint that --notes and --no-clash set, or None."""
    least, most = given.notes or (0, None)
    return (
        nn.Constraint(None, 0.0, least, most, given.no_clash)
        if given.notes or given.no_clash
        else None
    )


def _write_rolls(
    given: argparse.Namespace, stem: str, rolls: list[np.ndarray], grid: int, **told: list[str]
) -> None:
    """Write piano-rolls."""

    def contents(roll: np.ndarray, title: str) -> Iterator[tuple[str, bytes]]:
        notes = runs.to_notes(roll, steps_per_quarter=grid, tempo=given.tempo)
        yield ".mid", midi_from_notes(notes, tempo=given.tempo, program=given.program)
        if given.wav:
            yield ".wav", render_wav(notes, program=given.program)
        if given.musicxml:
            yield ".musicxml", musicxml_from_notes(notes, tempo=given.tempo, title=title)

    _write(given, stem, rolls, contents, **told)


def _write(
    given: argparse.Namespace,
    stem: str,
    pieces: Sequence[Piece],
    contents: Callable[[Piece, str], Iterator[tuple[str, bytes]]],
    **told: list[str],
) -> None:
    """Write the files of pieces; `contents` yields suffix and content of each file of a piece."""
    given.out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for number, piece in enumerate(pieces, _next_number(given.out, stem)):
        name = f"{stem}-{number:03}"
        for suffix, content in contents(piece, name):
            path = given.out / f"{name}{suffix}"
            write_atomic(path, content)
            written.append(path)
    if given.json:
        print(json_text({"run": given.run, "files": [str(path) for path in written], **told}))
    else:
        print(*written, sep="\n")


def _next_number(folder: Path, stem: str) -> int:
    """The first number after those of the pieces in `folder`."""
    name = re.compile(re.escape(stem) + r"-(\d+)\.(?:mid|wav|musicxml)")
    taken = [int(match[1]) for path in folder.iterdir() if (match := name.fullmatch(path.name))]
    return max(taken, default=-1) + 1


def _transpose(text: str) -> str:
    if text in ("auto", "none"):
        return text
    if not text.removeprefix("-").isdecimal() or not -60 <= int(text) <= 60:
        raise argparse.ArgumentTypeError(
            f"is auto, none or a whole number of semitones from -60 to 60, not {text}"
        )
    return text


def _notes(text: str) -> tuple[int, int]:
    """The smallest and the largest number of notes of a frame."""
    least, _, most = text.partition("-")
    if not least.isdecimal() or not (most or least).isdecimal() or len(text) > 5:
        raise argparse.ArgumentTypeError(
            f"is a number such as 4, or a range such as 0-4, not {text}"
        )
    return int(least), int(most or least)
