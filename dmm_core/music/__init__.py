"""Music: notes, piano-rolls, MIDI, ABC and MusicXML, keys, audio and measures; numpy only.

A piano-roll is a boolean array (time, 88) whose column 0 is MIDI pitch 21. Readers parse untrusted
bytes with bounds on their work; writers produce files that notation programs open.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
