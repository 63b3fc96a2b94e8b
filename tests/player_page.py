"""The page that tests/test_player.py drives: one player, or two, by the `case` of the address."""

import numpy as np
import streamlit as st

from dmm_core.music.audio import render_wav
from dmm_core.music.pianoroll import LOWEST, PITCHES, notes_from_roll
from pages.ui.player import PlayerPath, player

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


def voices(frames, seed=0):
    """Four voices that wander by step."""
    rng = np.random.default_rng(seed)
    scale = np.array([p for p in range(36, 84) if p % 12 in (0, 2, 4, 5, 7, 9, 11)])
    roll = np.zeros((frames, PITCHES), dtype=bool)
    for start in (4, 11, 16, 21):
        walk = np.cumsum(rng.choice([-1, 0, 0, 0, 1], size=frames))
        folded = np.abs((walk + 4) % 18 - 9)  # It turns round at either end of the voice's range.
        roll[np.arange(frames), scale[start - 4 + folded] - LOWEST] = True
    return roll


@st.cache_data
def sound(roll, **grid):
    return render_wav(notes_from_roll(roll, **grid))


def show(roll, key, *, steps_per_quarter=1, tempo=120.0, title="A chorale", **options):
    """The player with all it can show."""
    rng = np.random.default_rng(1)
    frames = len(roll)
    grid = {"steps_per_quarter": steps_per_quarter, "tempo": tempo}
    grid["rearticulate"] = steps_per_quarter == 1
    near = sum(np.roll(roll, shift, axis=1) for shift in (-2, -1, 1, 2))
    walk = np.cumsum(rng.normal(size=(frames, 2)), axis=0)
    turn = np.stack([np.sin(np.arange(frames) / 9), np.cos(np.arange(frames) / 7)], axis=1)
    return player(
        roll=roll,
        wav=sound(roll, **grid),
        **grid,
        key=key,
        title=title,
        probabilities=np.clip(0.9 * roll + 0.12 * near * rng.random(roll.shape), 0, 1),
        path=PlayerPath(
            walk + 4 * turn,
            np.full((frames, 2), [0.5, 0.8]) * (1 + 0.5 * turn),
            "Posterior path in the first two principal components.",
        ),
        kl=2 + rng.gamma(2, 2, frames) * (1 + (np.arange(frames) % 16 == 0)),
        **options,
    )


st.set_page_config(layout="wide")
case = st.query_params.get("case", "chorale")
reruns = st.session_state.reruns = st.session_state.get("reruns", 0) + 1
seed = int(st.toggle("Another piece"))
if st.toggle("Hide"):
    st.stop()
if case == "chorale":
    events = show(voices(64, seed), "one")
    st.text(f"note={events.note} region={events.region} reruns={reruns}")
elif case == "long":
    show(voices(4000), "long", steps_per_quarter=4, tempo=360.0)
elif case == "little":
    show(np.zeros((16, PITCHES), dtype=bool), "silent", title=HOSTILE * 20)
    show(voices(1), "single", title="One frame")
elif case == "pair":
    show(voices(32, 1), "left", title="Left", height=260)
    show(voices(32, 2), "right", title="Right", height=260)
