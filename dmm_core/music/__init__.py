"""Notes, piano-rolls, MIDI and audio; numpy only."""
