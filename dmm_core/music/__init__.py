"""Music: notes, piano-rolls, MIDI, ABC, MusicXML, keys, audio and statistics, without torch.

A piano-roll is a boolean array (time, 88) whose column 0 is MIDI pitch 21. The parsers accept
untrusted bytes and limit their time and memory. The writers produce files that notation programs
can open.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
