"""Download buttons for the files of a piece of music."""

from collections.abc import Callable

import streamlit as st

__all__ = ["draw_music_downloads"]


def draw_music_downloads(
    stem: str, *, midi: bytes, wav: bytes | Callable[[], bytes], musicxml: bytes
) -> None:
    """Draw a download button for each file format.

    Args:
        stem: file name without its extension.
        midi: the MIDI file.
        wav: the WAV file, or a function that makes it when its button is pressed.
        musicxml: the MusicXML file.
    """
    files = (
        ("MIDI", "mid", "audio/midi", midi),
        ("WAV", "wav", "audio/wav", wav),
        ("MusicXML", "musicxml", "application/vnd.recordare.musicxml+xml", musicxml),
    )
    with st.container(horizontal=True):
        for label, extension, mime, data in files:
            st.download_button(
                label,
                data,
                file_name=f"{stem}.{extension}",
                mime=mime,
                icon=":material/download:",
                key=f"get_{extension}",
                on_click="ignore",
            )
