// What the player was given, made ready to draw: plain arrays and words; no canvas, no sound.

const LOWEST = 21; // The MIDI number of a roll's column 0: A0.
const PITCHES = 88;
const QUARTERS_PER_BAR = 4;

/** A number kept between two others. */
const clamp = (value, least, most) => Math.max(least, Math.min(value, most));

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const floatsOf = (base64) => new Float32Array(bytesOf(base64).buffer);

/** Read the payload of pages/ui/player.py into a score. */
function readScore(data) {
  const packed = bytesOf(data.roll);
  const noteAt = new Int32Array(data.frames * PITCHES).fill(-1);
  const notes = [];
  for (let cell = 0; cell < noteAt.length; cell++) {
    if (!(packed[cell >> 3] & (128 >> (cell & 7)))) continue;
    const frame = Math.floor(cell / PITCHES);
    const before = frame > 0 ? noteAt[cell - PITCHES] : -1;
    if (before >= 0 && !data.rearticulate) {
      notes[before].end = frame + 1;
      noteAt[cell] = before;
    } else {
      noteAt[cell] = notes.length;
      notes.push({ pitch: LOWEST + (cell % PITCHES), start: frame, end: frame + 1 });
    }
  }
  const kl = data.kl && floatsOf(data.kl);
  return {
    frames: data.frames,
    stepsPerQuarter: data.stepsPerQuarter,
    framesPerBar: data.stepsPerQuarter * QUARTERS_PER_BAR,
    secondsPerQuarter: 60 / data.tempo,
    swing: data.swing,
    names: data.names,
    composed: data.composed,
    notes,
    noteAt,
    ...pitchRange(notes),
    probabilities: data.probabilities && bytesOf(data.probabilities),
    kl,
    klMax: kl ? kl.reduce((most, value) => Math.max(most, value), 1e-6) : 0,
    path: data.path && {
      loc: floatsOf(data.path.loc),
      scale: floatsOf(data.path.scale),
      caption: data.path.caption,
    },
  };
}

/** The frame, with a fraction, that sounds at `seconds`; of a swung quarter the middle comes late. */
function frameAt(score, seconds) {
  const quarters = seconds / score.secondsPerQuarter;
  const whole = Math.floor(quarters);
  const part = quarters - whole;
  const { swing } = score;
  const straight = part < swing ? part / (2 * swing) : 1 - (1 - part) / (2 * (1 - swing));
  return (whole + straight) * score.stepsPerQuarter;
}

/** When a frame sounds, in seconds: the inverse of `frameAt`. */
function secondsAt(score, frame) {
  const quarters = frame / score.stepsPerQuarter;
  const whole = Math.floor(quarters);
  const part = quarters - whole;
  const { swing } = score;
  const late = part < 0.5 ? 2 * swing * part : 1 - 2 * (1 - swing) * (1 - part);
  return (whole + late) * score.secondsPerQuarter;
}

/** The rows to show: what sounds and a margin, two octaves at least, within the piano. */
function pitchRange(notes) {
  let low = notes.reduce((least, note) => Math.min(least, note.pitch), 127) - 3;
  let high = notes.reduce((most, note) => Math.max(most, note.pitch), 0) + 3;
  if (notes.length === 0) [low, high] = [48, 72];
  const missing = Math.max(0, 24 - (high - low));
  low = Math.max(LOWEST, low - Math.ceil(missing / 2));
  high = Math.min(LOWEST + PITCHES - 1, high + Math.ceil(missing / 2));
  return { low, high };
}

/** The notes that stand at `frame`, the lowest first. */
function notesAt(score, frame) {
  const found = [];
  if (frame < 0 || frame >= score.frames) return found;
  for (let column = 0; column < PITCHES; column++) {
    const index = score.noteAt[frame * PITCHES + column];
    if (index >= 0) found.push(score.notes[index]);
  }
  return found;
}

const isBlackKey = (pitch) => [1, 3, 6, 8, 10].includes(pitch % 12);

/** A pitch as the key of the music spells it: "E♭4". */
const pitchName = (score, pitch) => score.names[pitch - LOWEST];

/** Bar and beat of a frame, both counted from 1: "3:2". */
function barBeat(score, frame) {
  const whole = clamp(Math.floor(frame), 0, score.frames - 1);
  const beat = Math.floor((whole % score.framesPerBar) / score.stepsPerQuarter);
  return `${Math.floor(whole / score.framesPerBar) + 1}:${beat + 1}`;
}

/** Minutes and seconds with a tenth: "0:05.3". */
function clockText(seconds) {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  const rest = String(Math.floor(tenths / 10) % 60).padStart(2, "0");
  return `${Math.floor(tenths / 600)}:${rest}.${tenths % 10}`;
}
