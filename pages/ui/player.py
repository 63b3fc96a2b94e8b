"""The player: a component that plays a piano-roll and shows it in step with its sound."""

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
from dmm_core.music.meter import Meter
from dmm_core.music.pianoroll import PITCHES, as_roll
from dmm_core.music.swing import STRAIGHT
from dmm_core.system import files
from pages.ui.javascript import join_modules

__all__ = [
    "EncodedSound",
    "PlayerEvents",
    "PlayerPath",
    "encode_base64",
    "encode_floats",
    "encode_sound",
    "player",
]

_MAX_WAV_BYTES = 32_000_000
"""A message to the page may have 50 MB, and base64 turns three bytes into four."""


class PlayerPath(NamedTuple):
    """A path of latent states in a plane.

    Attributes:
        loc: (T, 2), the state of each frame, or its posterior mean.
        scale: (T, 2), the standard deviation of each state along each axis.
        caption: one sentence that describes the plane.
    """

    loc: np.ndarray
    scale: np.ndarray
    caption: str = ""


class PlayerEvents(NamedTuple):
    """What the user did in the player.

    Attributes:
        note: frame and pitch of a note, in the one run after it was selected; otherwise None.
        region: first and last frame of the loop region, until it is cleared or the sound changes.
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
    meter: Meter | None = None,
    composed: tuple[int, int] | None = None,
    loop: tuple[int, int] | None = None,
    on_region: Callable[[tuple[int, int] | None], None] | None = None,
    height: int = 420,
) -> PlayerEvents:
    """Draw a player of `roll`, with probabilities, latent path and kl in step with the sound.

    A rerun keeps position, zoom and loop. Another roll, sound or time grid resets them.

    Args:
        roll: (T, 88), boolean or 0 and 1, with at least one frame.
        wav: the sound of the same notes, a 16-bit PCM WAV file. If it is shorter than the roll,
            silence is added. If it is too large for a message to the page, its sample rate is
            reduced and a caption says so.
        steps_per_quarter: frames per quarter note.
        tempo: quarter notes per minute.
        rearticulate: whether a note is struck again in every frame. If False, equal neighbours are
            tied.
        key: of the component, unique on the page.
        title: plain text above the roll.
        probabilities: (T, 88), p(x_t = 1 given z_t), from 0 to 1.
        path: latent path that is drawn next to the roll, or below it on a narrow screen.
        kl: (T,) nats of each frame, drawn as a strip below the roll.
        swing: position of the middle of a quarter note, as in `dmm_core.music.swing`.
        meter: where the bars are; None for bars of four quarter notes, if this is not known.
        composed: first and last frame of the part that is marked as composed, or None.
        loop: first and last frame of the initial loop region, or None.
        on_region: called with the first and the last frame of the loop region when it changes, or
            with None when it is cleared.
        height: of the roll with its ruler and strip, in CSS pixels, at least 200.

    Raises:
        DataError: if the roll has no frame, an array has the wrong shape or values out of range,
            or the sound is not a 16-bit PCM WAV file.
    """
    notes, meter = as_roll(roll), meter or Meter()
    frames = len(notes)
    _check(frames, probabilities, path, kl)
    # Swing delays frames within a quarter note, so the sound lasts to the end of the quarter note.
    sound = encode_sound(wav, math.ceil(frames / steps_per_quarter) * 60 / tempo)
    packed = encode_base64(np.packbits(notes))
    grid = f"{frames} {steps_per_quarter} {meter} {tempo} {swing} {rearticulate}"
    grid = f"{grid} {packed} {sound.digest}"
    identity = hashlib.sha256(grid.encode()).hexdigest()[:16]

    def region_changed() -> None:
        if on_region:
            on_region(_events(st.session_state[key], identity, frames).region)

    # Streamlit imports pandas, which takes half a second, if a value is a list or a dictionary.
    result = _COMPONENT(
        key=key,
        data={
            "id": identity,
            "title": title,
            "height": max(200, height),
            "frames": frames,
            "stepsPerQuarter": steps_per_quarter,
            "bar": meter.beats,
            "upbeat": meter.upbeat,
            "tempo": tempo,
            "swing": swing,
            "names": tuple(pitch_names(key_of_roll(notes))),
            "composed": composed,
            "loop": loop,
            "rearticulate": rearticulate,
            "roll": packed,
            "wav": sound.base64,
            "probabilities": None if probabilities is None else _bytes(probabilities),
            "kl": None if kl is None else encode_floats(kl),
            "path": path and (encode_floats(path.loc), encode_floats(path.scale), path.caption),
        },
        on_note_change=lambda: None,
        on_region_change=region_changed,
    )
    if sound.rate:
        st.caption(
            f"This piece is long. The player uses a reduced sample rate of {sound.rate:,} Hz; "
            "downloads have the full rate."
        )
    return _events(result, identity, frames)


class EncodedSound(NamedTuple):
    """A sound for the page.

    Attributes:
        base64: the WAV file, encoded.
        digest: of the file.
        rate: samples per second if the rate was reduced, otherwise None.
    """

    base64: str
    digest: str
    rate: int | None


@lru_cache(maxsize=8)  # cached by content, for reruns
def encode_sound(wav: bytes, seconds: float) -> EncodedSound:
    """Return a sound for the page, at least `seconds` long.

    Raises:
        DataError: if it is not a 16-bit PCM WAV file.
    """
    try:
        with wave.open(io.BytesIO(wav)) as source:
            settings, content = source.getparams(), source.readframes(source.getnframes())
    except (wave.Error, EOFError) as error:
        raise DataError(f"The sound is not a PCM WAV file: {error}.") from error
    if settings.sampwidth != 2:
        raise DataError(f"The sound has {8 * settings.sampwidth} bits per sample; 16 are required.")
    # 1. Add silence, so that the clock reaches every frame.
    missing = int(seconds * settings.framerate) + 1 - settings.nframes
    samples = np.frombuffer(content + bytes(2 * settings.nchannels * max(0, missing)), "<i2")
    # 2. Reduce the sample rate by a whole factor if the file is too large.
    fold = -(-samples.nbytes // _MAX_WAV_BYTES)
    padded = io.BytesIO()
    with wave.open(padded, "wb") as target:
        target.setparams(settings)
        target.setframerate(settings.framerate // fold)
        target.writeframes(_folded(samples.reshape(-1, settings.nchannels), fold).tobytes())
    packed = padded.getvalue()
    return EncodedSound(
        base64.b64encode(packed).decode(),
        hashlib.sha256(packed).hexdigest(),
        settings.framerate // fold if fold > 1 else None,
    )


def _folded(samples: np.ndarray, fold: int) -> np.ndarray:
    """Means of `fold` neighbouring samples, which attenuate frequencies above the new limit."""
    if fold == 1:
        return samples
    whole = samples[: len(samples) // fold * fold].reshape(-1, fold, samples.shape[1])
    return np.rint(whole.mean(1, dtype=np.float32)).astype("<i2")


def encode_base64(array: np.ndarray) -> str:
    """Return the bytes of an array in base64."""
    return base64.b64encode(array.tobytes()).decode()


def _bytes(probabilities: np.ndarray) -> str:
    return encode_base64(np.rint(probabilities * 255).astype(np.uint8))


def encode_floats(values: np.ndarray) -> str:
    """Return an array as 32-bit floats in base64."""
    return encode_base64(values.astype("<f4"))


def _check(
    frames: int,
    probabilities: np.ndarray | None,
    path: PlayerPath | None,
    kl: np.ndarray | None,
) -> None:
    if frames == 0:
        raise DataError("The piano-roll has no frames; it needs at least one.")
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
            raise DataError(f"{name} has the shape {array.shape}; this roll needs {shape}.")
        if not np.isfinite(array).all():
            raise DataError(f"{name} contains a value that is not finite.")
    if probabilities is not None and not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise DataError("probabilities contains values outside 0 to 1.")


def _events(result: Any, identity: str, frames: int) -> PlayerEvents:
    """The events of the page, without a region that belongs to another sound."""
    note, sent = result.get("note"), result.get("region")
    note = tuple(note) if note else None
    region = None
    if sent and sent[0] == identity:
        first, last = sent[1:]
        region = (max(0, int(first)), min(frames - 1, int(last)))
    return PlayerEvents(note, region)
