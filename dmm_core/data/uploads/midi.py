"""Sentences of an upload report about a MIDI file: what was left out or changed."""

from collections.abc import Iterator

from dmm_core.data.uploads.report import UploadOptions, display_name
from dmm_core.data.uploads.values import pluralise
from dmm_core.music.midi import MidiScore

__all__ = ["midi_changes"]

_LEFT_OUT = {
    "tempo": ("tempo", " that cannot be read"),
    "key": ("key signature", " that cannot be read"),
    "meter": ("time signature", " that cannot be read"),
    "meta": ("meta event", " that cannot be read"),
    "sysex": ("system-exclusive message", " with bytes above 127"),
    "system": ("real-time or system common message", ""),
    "chunk": ("chunk", " of an unknown type"),
    "byte": ("byte", " after the end of a track or the file"),
}
_SILENCING = {"notes off": "All Notes Off", "sound off": "All Sound Off"}
_MAX_LISTED = 5  # tracks
_MAX_NAME = 40  # characters of a track's name


def midi_changes(score: MidiScore, options: UploadOptions) -> Iterator[str]:
    """Yield sentences about the file; `music` adds those about its notes, as for all formats."""
    counts = score.counts
    claimed, found = counts["claimed"], counts["found"]
    if claimed != found:
        yield f"The file claims {pluralise(claimed, 'track')}, but it has {found:,}."
    for what, (noun, such) in _LEFT_OUT.items():
        if counts[what]:
            yield f"Left out {pluralise(counts[what], noun)}{such}."
    if counts["tracks"] > 1:
        yield f"Merged {counts['tracks']:,} tracks into one piano-roll."
    for name, channel in score.drum_tracks[:_MAX_LISTED]:
        shown = display_name(name)[:_MAX_NAME]
        yield f"Read the track {shown!r} on channel {channel} as pitched notes, not as drums."
    for what, message in _SILENCING.items():
        if counts[what]:
            yield f"{message} ended {pluralise(counts[what], 'note')}."
    if counts["paired"]:
        yield f"Ended {pluralise(counts['paired'], 'note')} by note-offs in another track."
    yield from _keys(score, options)
    if features := list(_not_kept(score)):
        yield f"A piano-roll does not keep: {', '.join(features)}."


def _keys(score: MidiScore, options: UploadOptions) -> Iterator[str]:
    """Yield sentences about the key signatures."""
    if score.key and not options.transpose:
        yield f"Ignored the key signature ({score.key}); pitches are as in the file."
    if score.counts["keys"] > 1:
        what = "used" if options.transpose else "named here"
        yield f"Found {score.counts['keys']:,} different key signatures; the first is {what}."


def _not_kept(score: MidiScore) -> Iterator[str]:
    """Yield names of the features of the file that a piano-roll cannot represent."""
    counts = score.counts
    if counts["velocities"] > 1:
        yield f"velocities ({counts['velocities']:,} different)"
    if counts["pedal"]:
        yield f"the sustain pedal ({pluralise(counts['pedal'], 'event')})"
    if counts["bend"]:
        yield f"pitch bends ({counts['bend']:,})"
    if score.programs not in ((), (0,)):
        yield f"instruments ({len(score.programs):,})"
