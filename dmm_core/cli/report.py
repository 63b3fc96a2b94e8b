"""The command `music-report`, which compares the music of a model with Bach's chorales."""

import argparse
import sys
from typing import TYPE_CHECKING

from dmm_core import music, runs
from dmm_core.cli.arguments import (
    Commands,
    add_command,
    add_count,
    add_json,
    add_seed,
    temperature,
)
from dmm_core.runs.store import find_run
from dmm_core.system.files import json_text

if TYPE_CHECKING:
    from dmm_core.music.voices import VoicedPiece

__all__ = ["add_commands", "music_report"]

_BASELINES = ("bach", "bigrams")

_ROWS = {
    "clashes_percent": "semitone clash on a sixteenth, %",
    "suspensions_percent": "suspension on a sixteenth, %",
    "chords_percent": "triad or seventh chord on the beat, %",
    "four_notes_percent": "exactly four notes on the beat, %",
    "top_steps_percent": "top line by step, %",
    "top_leaps_percent": "top line leaps a fourth or more, %",
    "parallels_percent": "parallel fifths and octaves, %",
    "known_bigrams_percent": "chord bigrams found in held-out, %",
    "returns_percent": "four-note melodies that return, %",
    "fermatas_percent": "fermatas on a root-position triad, %",
    "out_of_range_percent": "notes out of their voice's range, %",
    "crossings_percent": "voices that cross, %",
    "onsets_a_voice_and_beat": "onsets a voice and beat",
    "length_overlap": "note lengths, overlapped area",
    "overlapped_area": "overlapped area, mean",
    "classifier_percent": "classifier right on 16-beat excerpts, %",
}
"""Key of a measure -> its name in the table."""


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "music-report",
        music_report,
        "Measure how close the music that a model composes is to Bach's chorales.",
        "The pieces are compared with the test split of jsb-m21, voice by voice and on a grid of "
        "sixteenths. The valid split is measured in the same way, for comparison. docs/results.md "
        "explains the measures.",
    )
    parser.add_argument(
        "run",
        metavar="RUN",
        help="the id of a run, the path of its folder, bundled:NAME, or a baseline: bach (the "
        "valid split) or bigrams (a table of the frame bigrams of the train split)",
    )
    add_count(parser, "--pieces", 100, "number of pieces to compose", low=5, high=10_000)
    add_count(
        parser, "--beats", 64, "largest number of quarter notes of a piece", low=16, high=10_000
    )
    parser.add_argument(
        "--temperature",
        type=temperature,
        default=1.0,
        metavar="T",
        help="temperature of the emission, from 0 to 100: a value below 1 keeps the draws close to "
        "the most probable one (default: 1)",
    )
    parser.add_argument(
        "--quarters",
        action="store_true",
        help="compare only the notes that sound on the beats, repeated on every beat, as in a roll "
        "of quarter notes",
    )
    add_seed(parser)
    add_json(parser)


def music_report(given: argparse.Namespace) -> None:
    """Print the measures of the pieces of a model, next to those of Bach's chorales."""
    pieces = _pieces(given)
    reference = runs.bach_pieces("test", beats=given.beats, progress=_show)
    bach = runs.bach_pieces("valid", beats=given.beats, progress=_show)
    if given.quarters:
        pieces, reference, bach = ([p.by_beats() for p in s] for s in (pieces, reference, bach))
    found = music.music_report(pieces, reference, seed=given.seed)
    theirs = found if given.run == "bach" else music.music_report(bach, reference, seed=given.seed)
    if given.json:
        settings = {
            name: getattr(given, name) for name in ("run", "temperature", "quarters", "seed")
        }
        print(json_text({**settings, **found.to_json(), "bach": theirs.to_json()}))
        return
    print(f"{given.run}: {found.pieces} pieces, {found.beats:,} beats")
    print(f"{'':42}{given.run[-20:]:>20}  {'Bach':>8}")
    ours, bachs = found.rows(), theirs.rows()
    for key, name in _ROWS.items():
        print(f"{name:42}{_number(ours[key]):>20}  {_number(bachs[key]):>8}")


def _pieces(given: argparse.Namespace) -> "list[VoicedPiece]":
    if given.run == "bach":
        return runs.bach_pieces("valid", beats=given.beats, progress=_show)[: given.pieces]
    if given.run == "bigrams":
        return runs.bigram_pieces(
            count=given.pieces, beats=given.beats, seed=given.seed, progress=_show
        )
    source = find_run(given.run, allow_path=True)
    return runs.compose_pieces(
        runs.load_model(source),
        source.data(),
        count=given.pieces,
        beats=given.beats,
        temperature=given.temperature,
        seed=given.seed,
        progress=_show,
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _show(fraction: float, message: str) -> None:
    print(f"\r{message}", end="", file=sys.stderr, flush=True)
