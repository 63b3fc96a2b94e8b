"""The commands that compose: `sample` and `continue`."""

import argparse
import re
import sys
from pathlib import Path

import numpy as np

from dmm_core.cli.input_files import read_own_files
from dmm_core.inference.sampling import continuation, sample as draw
from dmm_core.music.audio import render_wav
from dmm_core.music.midi import midi_from_notes
from dmm_core.music.transposition import into_model, semitones_in_words, transposed
from dmm_core.nn.constraints import Constraint
from dmm_core.runs.bundled import load_model
from dmm_core.runs.rendering import require_piano, to_notes, to_roll
from dmm_core.runs.store import find_run
from dmm_core.system.files import json_text, write_atomic

__all__ = ["carry_on", "sample"]


def sample(given: argparse.Namespace) -> None:
    """Write `count` new pieces as sample-000.mid, ...; numbers that are taken stay as they are."""
    source = find_run(given.run, allow_path=True)
    grid = require_piano(source.data())
    drawn = draw(
        load_model(source),
        count=given.count,
        frames=given.frames,
        seed=given.seed,
        z_temperature=given.z_temperature,
        x_temperature=given.x_temperature,
        constraint=_constraint(given),
    )
    _write(given, "sample", [to_roll(x) for x in drawn.x], grid)


def carry_on(given: argparse.Namespace) -> None:
    """Write the file with `count` continuations as continuation-000.mid, ..., likewise."""
    source = find_run(given.run, allow_path=True)
    grid = require_piano(source.data())
    changes: list[str] = []
    sequences = read_own_files([given.file], source.data(), changes)
    if len(sequences) > 1:
        changes.append(f"Continued the first of {len(sequences):,} sequences.")
        print(f"{given.file.name}: {changes[-1]}", file=sys.stderr)
    start = sequences.x[0]
    move = _into(given.transpose, start, source.data().name)
    drawn = continuation(
        load_model(source),
        transposed(start, move),
        count=given.count,
        frames=given.frames,
        seed=given.seed,
        z_temperature=given.z_temperature,
        x_temperature=given.x_temperature,
        constraint=_constraint(given),
    )
    # The start stays as it was given: a note that the model does not reach is not lost.
    rolls = [np.concatenate([start > 0, transposed(to_roll(x), -move)]) for x in drawn.x]
    _write(given, "continuation", rolls, grid, changes=changes)


def _into(asked: str, start: np.ndarray, model: str) -> int:
    """Semitones up to where the model meets the start, with a sentence on stderr about them."""
    if asked == "none":
        return 0
    if asked != "auto":
        return int(asked)
    found = into_model(start, source="", model=model)
    if found.semitones:
        key = "" if found.key is None else f"Estimated key: {found.key}. "
        print(
            f"{key}Transposed for the model: {semitones_in_words(found.semitones)}, and back.",
            file=sys.stderr,
        )
    return found.semitones


def _constraint(given: argparse.Namespace) -> Constraint | None:
    """What --notes and --no-clash ask for."""
    least, most = given.notes or (0, None)
    return (
        Constraint(None, 0.0, least, most, given.no_clash)
        if given.notes or given.no_clash
        else None
    )


def _write(
    given: argparse.Namespace,
    stem: str,
    rolls: list[np.ndarray],
    grid: int,
    **told: list[str],
) -> None:
    given.out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for number, roll in enumerate(rolls, _next_number(given.out, stem)):
        notes = to_notes(roll, steps_per_quarter=grid, tempo=given.tempo)
        path = given.out / f"{stem}-{number:03}.mid"
        write_atomic(path, midi_from_notes(notes, tempo=given.tempo, program=given.program))
        written.append(path)
        if given.wav:
            path = path.with_suffix(".wav")
            write_atomic(path, render_wav(notes, program=given.program))
            written.append(path)
    if given.json:
        print(json_text({"run": given.run, "files": [str(path) for path in written], **told}))
    else:
        print(*written, sep="\n")


def _next_number(folder: Path, stem: str) -> int:
    """The number behind those of the pieces that are in `folder` already."""
    name = re.compile(re.escape(stem) + r"-(\d+)\.(?:mid|wav)")
    taken = [int(match[1]) for path in folder.iterdir() if (match := name.fullmatch(path.name))]
    return max(taken, default=-1) + 1
