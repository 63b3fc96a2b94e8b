from .abc_notation import TuneBook as TuneBook, read_abc as read_abc
from .agreement import shared_pitch_classes as shared_pitch_classes
from .audio import render_voices_wav as render_voices_wav, render_wav as render_wav
from .keeping import allowed_symbols as allowed_symbols
from .key import (
    Key as Key,
    estimate_key as estimate_key,
    key_of_roll as key_of_roll,
    pitch_names as pitch_names,
)
from .meter import Meter as Meter
from .metrics import RollMetrics as RollMetrics, roll_metrics as roll_metrics
from .midi import MidiScore as MidiScore, midi_from_notes as midi_from_notes, read_midi as read_midi
from .phrases import phrase_ends as phrase_ends
from .pianoroll import (
    GRIDS as GRIDS,
    HIGHEST as HIGHEST,
    LOWEST as LOWEST,
    MAX_FRAMES as MAX_FRAMES,
    PITCHES as PITCHES,
    Note as Note,
    as_roll as as_roll,
    notes_from_roll as notes_from_roll,
    rearticulates_by_default as rearticulates_by_default,
    roll_from_notes as roll_from_notes,
)
from .prettymidi import (
    notes_from_pretty_midi as notes_from_pretty_midi,
    pretty_midi_from_notes as pretty_midi_from_notes,
    pretty_midi_from_roll as pretty_midi_from_roll,
    roll_from_pretty_midi as roll_from_pretty_midi,
)
from .report import MusicReport as MusicReport, music_report as music_report
from .scales import SCALES as SCALES, pitch_mask as pitch_mask
from .score import ScoreNotes as ScoreNotes, read_musicxml as read_musicxml
from .score_write import musicxml_from_notes as musicxml_from_notes
from .swing import STRAIGHT as STRAIGHT, SWINGS as SWINGS, apply_swing as apply_swing
from .symbols import (
    decode_symbols as decode_symbols,
    encode_symbols as encode_symbols,
    octaves_into_range as octaves_into_range,
)
from .transposition import (
    Transposition as Transposition,
    describe_semitones as describe_semitones,
    pitch_reference as pitch_reference,
    transposed as transposed,
    transposition_for_model as transposition_for_model,
)
from .voice_files import (
    Line as Line,
    LinesFile as LinesFile,
    piece_from_lines as piece_from_lines,
)
from .voice_metrics import (
    VoiceMetrics as VoiceMetrics,
    measure as measure,
)
from .voice_midi import midi_from_voices as midi_from_voices
from .voice_notes import notes_from_voices as notes_from_voices
from .voice_score import musicxml_from_voices as musicxml_from_voices
from .voices import VoicedPiece as VoicedPiece, voices_from_roll as voices_from_roll
