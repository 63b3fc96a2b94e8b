"""The piano-roll player: one component that shows and sounds a roll on one clock."""

import base64
import hashlib
import io
import math
import wave
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from streamlit.components.v2 import component

from dmm_core.errors import DataError
from dmm_core.music.key import key_of_roll, pitch_names
from dmm_core.music.pianoroll import PITCHES, as_roll
from dmm_core.music.swing import STRAIGHT
from dmm_core.system import files
from pages.ui.javascript import join_modules

__all__ = ["PlayerEvents", "PlayerPath", "player"]

_MOST_WAV_BYTES = 32_000_000
"""A message to the page holds 50 MB, and base64 makes three bytes four."""


class PlayerPath(NamedTuple):
    """A posterior path in a plane.

    Attributes:
        loc: (T, 2) where the path is, one point a frame.
        scale: (T, 2) one standard deviation along either axis.
        caption: what the plane is, in a sentence.
    """

    loc: np.ndarray
    scale: np.ndarray
    caption: str = ""


class PlayerEvents(NamedTuple):
    """What a person did in the player.

    Attributes:
        note: frame and pitch of the note that was chosen just now; None in every other run.
        region: first and last frame of the loop region; it stays until it is cleared or the sound
            changes.
    """

    note: tuple[int, int] | None
    region: tuple[int, int] | None


_ASSETS = files.assets() / "player"
_COMPONENT = component(
    "dmm_player",
    html=(_ASSETS / "player.html").read_text(encoding="utf-8"),
    css=(_ASSETS / "player.css").read_text(encoding="utf-8"),
    js=join_modules(_ASSETS / "player.js"),
)


def player(
    *,
    roll: np.ndarray,
    wav: bytes,
    steps_per_quarter: int,
    tempo: float,
    rearticulate: bool,
    key: str,
    title: str = "",
    probabilities: np.ndarray | None = None,
    path: PlayerPath | None = None,
    kl: np.ndarray | None = None,
    swing: float = STRAIGHT,
    composed: tuple[int, int] | None = None,
    loop: tuple[int, int] | None = None,
    on_region: Callable[[tuple[int, int] | None], None] | None = None,
    height: int = 420,
) -> PlayerEvents:
    """Show `roll` with its sound, its probabilities, its latent path and its kl on one clock.

    Position, zoom and loop survive a rerun; another roll, sound or time grid resets them.

    Args:
        roll: (T, 88) boolean, or 0 and 1; T at least 1.
        wav: the sound of the same notes, a PCM WAV of 16 bits; silence is added up to the end of
            the roll, and what a page cannot take at its rate sounds at a lower one, and is said.
        steps_per_quarter: frames of a quarter note.
        tempo: quarter notes a minute.
        rearticulate: whether every frame strikes its notes anew; else equal neighbours are tied.
        key: the element's key, unique on the page.
        title: shown above the roll, as plain text.
        probabilities: (T, 88) p(x_t = 1 given z_t), from 0 to 1.
        path: the posterior path to draw with the roll.
        kl: (T,) nats of every frame, drawn as a strip along the roll.
        swing: where the sound has the middle of every quarter, as `dmm_core.music.swing` has it.
        composed: first and last frame of a part to mark as the model's, or None.
        loop: first and last frame of the region that is looped when the player appears, or None.
        on_region: called when the loop region has changed, with its first and last frame, or None.
        height: CSS pixels of the roll with its ruler and strip, 200 at least; the path stands
            beside it, and below it on a narrow screen.

    Raises:
        DataError: if there is no frame, an array does not fit the roll or its range, or the sound
            is no such WAV.
    """
    on = as_roll(roll)
    frames = len(on)
    _check(frames, probabilities, path, kl)
    # A swung part of a quarter ends late, so the sound lasts to the end of the quarter.
    sound = _sound(wav, math.ceil(frames / steps_per_quarter) * 60 / tempo)
    packed = _base64(np.packbits(on))
    grid = f"{frames} {steps_per_quarter} {tempo} {swing} {rearticulate} {packed} {sound.digest}"
    identity = hashlib.sha256(grid.encode()).hexdigest()[:16]

    def region_changed() -> None:
        if on_region:
            on_region(_events(st.session_state[key], identity, frames).region)

    result = _COMPONENT(
        key=key,
        data={
            "id": identity,
            "title": title,
            "height": max(200, height),
            "frames": frames,
            "stepsPerQuarter": steps_per_quarter,
            "tempo": tempo,
            "swing": swing,
            "names": pitch_names(key_of_roll(on)),
            "composed": composed,
            "loop": loop,
            "rearticulate": rearticulate,
            "roll": packed,
            "wav": sound.base64,
            "probabilities": None if probabilities is None else _bytes(probabilities),
            "kl": None if kl is None else _floats(kl),
            "path": path
            and {
                "loc": _floats(path.loc),
                "scale": _floats(path.scale),
                "caption": path.caption,
            },
        },
        on_note_change=lambda: None,
        on_region_change=region_changed,
    )
    if sound.rate:
        st.caption(
            f"This is long: to fit into a page it sounds duller here, at {sound.rate:,} samples a "
            "second. Downloads are whole."
        )
    return _events(result, identity, frames)


class _Sound(NamedTuple):
    base64: str
    digest: str
    rate: int | None  # samples a second, where they had to be fewer


@lru_cache(maxsize=8)  # By content, so that a rerun neither pads, packs nor hashes it again.
def _sound(wav: bytes, seconds: float) -> _Sound:
    """The sound for the page, long enough for every frame to have its moment on the clock."""
    try:
        with wave.open(io.BytesIO(wav)) as source:
            settings, content = source.getparams(), source.readframes(source.getnframes())
    except (wave.Error, EOFError) as error:
        raise DataError(f"The sound is not a PCM WAV file: {error}.") from error
    if settings.sampwidth != 2:
        raise DataError(f"The sound has {8 * settings.sampwidth} bits a sample, but it needs 16.")
    missing = int(seconds * settings.framerate) + 1 - settings.nframes
    samples = np.frombuffer(content + bytes(2 * settings.nchannels * max(0, missing)), "<i2")
    fold = -(-samples.nbytes // _MOST_WAV_BYTES)
    padded = io.BytesIO()
    with wave.open(padded, "wb") as target:
        target.setparams(settings)
        target.setframerate(settings.framerate // fold)
        target.writeframes(_folded(samples.reshape(-1, settings.nchannels), fold).tobytes())
    packed = padded.getvalue()
    return _Sound(
        base64.b64encode(packed).decode(),
        hashlib.sha256(packed).hexdigest(),
        settings.framerate // fold if fold > 1 else None,
    )


def _folded(samples: np.ndarray, fold: int) -> np.ndarray:
    """The means of `fold` neighbours each: a lower rate, without the tones that it cannot hold."""
    if fold == 1:
        return samples
    whole = samples[: len(samples) // fold * fold].reshape(-1, fold, samples.shape[1])
    return np.rint(whole.mean(1, dtype=np.float32)).astype("<i2")


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


def _bytes(probabilities: np.ndarray) -> str:
    return _base64(np.rint(probabilities * 255).astype(np.uint8))


def _floats(values: np.ndarray) -> str:
    return _base64(values.astype("<f4"))


def _check(
    frames: int,
    probabilities: np.ndarray | None,
    path: PlayerPath | None,
    kl: np.ndarray | None,
) -> None:
    if frames == 0:
        raise DataError("There is nothing to show: the piano-roll has no frames.")
    expected = {
        "probabilities": (probabilities, (frames, PITCHES)),
        "path.loc": (path and path.loc, (frames, 2)),
        "path.scale": (path and path.scale, (frames, 2)),
        "kl": (kl, (frames,)),
    }
    for name, (array, shape) in expected.items():
        if array is None:
            continue
        if array.shape != shape:
            raise DataError(f"{name} is {array.shape}, but this roll needs {shape}.")
        if not np.isfinite(array).all():
            raise DataError(f"{name} holds a value that is not finite.")
    if probabilities is not None and not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise DataError("probabilities holds values outside 0 to 1.")


def _events(result: Any, identity: str, frames: int) -> PlayerEvents:
    """What the page sent, if it is about this sound."""
    note, told = result.get("note"), result.get("region")
    note = tuple(note) if note else None
    region = None
    if told and told[0] == identity:
        first, last = told[1:]
        region = (max(0, int(first)), min(frames - 1, int(last)))
    return PlayerEvents(note, region)
