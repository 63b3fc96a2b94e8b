// The player of music in voices, in which a person draws, edits and locks notes.

import { readPalette } from "../player/canvas.js";
import { find } from "../player/dom.js";
import { LatentPlot } from "../player/latent.js";
import { barBeat, clamp, clockText, decodeBytes, pitchName, secondsAt } from "../player/score.js";
import { Sound } from "../player/sound.js";
import { voiceColour } from "./colours.js";
import { Engraving } from "./engraving.js";
import { Exchange } from "./exchange.js";
import { listenToRoll } from "./gestures.js";
import { History } from "./history.js";
import { listenToVoiceKeys } from "./keys.js";
import {
  chosen,
  drawn,
  isKept,
  lock,
  move,
  neighbour,
  noteKey,
  place,
  remove,
  sameDraft,
  stretch,
} from "./notes.js";
import { chanceKey, readPiece } from "./piece.js";
import { Tone } from "./tone.js";
import { VoicesRoll } from "./voicesroll.js";

/** @import { Palette } from "../player/canvas.js" */
/** @import { Range } from "../player/score.js" */
/** @import { ToolName } from "./gestures.js" */
/** @import { Draft, VoiceNote } from "./notes.js" */
/** @import { VoicesPayload } from "./piece.js" */

/**
 * What Streamlit passes on every rerun.
 *
 * @typedef {object} VoicesComponent
 * @property {HTMLElement | ShadowRoot} parentElement the root of the component.
 * @property {VoicesPayload} data the payload from Python.
 * @property {(name: string, value: unknown) => void} setStateValue sets a value that stays.
 */

/** @typedef {{frame: number, pitch: number, note: VoiceNote | null}} Pointed */

const SEND_MILLISECONDS = 500; // after the last stroke
const PATIENCE_MILLISECONDS = 120_000; // for a composition, before strokes are sent again
const TEXT_MILLISECONDS = 100; // between two updates of the text during the music
const ZOOM_BY_BUTTON = 1.5;
const ENGRAVE_MILLISECONDS = 120; // after the last change of size
const MAX_ROWS = 500; // of the note table
const LOCK_ICONS =
  '<svg class="shut" viewBox="0 0 16 16" aria-hidden="true"><path d="M3 7h1V5a4 4 0 0 1 8 0v2h1v8H3zm2.500 0h5V5a2.500 2.500 0 0 0-5 0z"/></svg>' +
  '<svg class="open" viewBox="0 0 16 16" aria-hidden="true"><path d="M3 7h7.500V4.500a2.500 2.500 0 0 0-4.900-.7L4.200 3.300A4 4 0 0 1 12 4.500V7h1v8H3z"/></svg>';

/** @param {HTMLElement} root */
function partsOf(root) {
  /** @type {(selector: string) => HTMLElement} */
  const element = (selector) => find(root, selector, HTMLElement);
  /** @type {(selector: string) => HTMLButtonElement} */
  const button = (selector) => find(root, selector, HTMLButtonElement);
  return {
    audio: find(root, "audio", HTMLAudioElement),
    roll: find(root, ".roll", HTMLCanvasElement),
    latent: find(root, ".latent", HTMLCanvasElement),
    speed: find(root, ".speed", HTMLSelectElement),
    snap: find(root, ".snap", HTMLSelectElement),
    volume: find(root, ".volume", HTMLInputElement),
    table: find(root, "table", HTMLTableElement),
    notes: find(root, ".notes", HTMLDetailsElement),
    title: element(".title"),
    time: element(".time"),
    now: element(".now"),
    pointed: element(".pointed"),
    announcement: element(".announcement"),
    error: element(".error"),
    empty: element(".empty"),
    score: element(".score"),
    waiting: element(".waiting"),
    views: element(".views"),
    plane: element(".plane"),
    caption: element("figcaption"),
    legend: element(".legend"),
    kept: element(".kept"),
    loop: button(".loop"),
    follow: button(".follow"),
    undo: button(".undo"),
    redo: button(".redo"),
    compose: button(".compose"),
    words: element(".compose .words"),
  };
}

/** A player with its sound, its roll and the drawing of a person. */
export class VoicesPlayer {
  /** @param {VoicesComponent} component */
  constructor(component) {
    this.component = component;
    this.root = find(component.parentElement, ".voices", HTMLElement);
    this.parts = partsOf(this.root);
    this.piece = readPiece(component.data);
    /** @type {History<Draft>} */
    this.history = new History(this.piece.draft);
    this.exchange = new Exchange(crypto.getRandomValues(new Uint32Array(1))[0].toString(36), this.piece.draft);
    this.sound = new Sound(
      this.parts.audio,
      this.piece.score,
      () => this.#soundChanged(),
      (message) => this.#showError(message),
    );
    this.tone = new Tone();
    this.roll = new VoicesRoll(this.parts.roll, this.piece);
    this.engraving = new Engraving(
      this.parts.score,
      find(this.root, ".engraved", HTMLElement),
      find(this.root, ".needle", HTMLElement),
    );
    /** @type {"roll" | "score"} */
    this.view = "roll";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.engraves = undefined;
    /** @type {Palette | null} */
    this.palette = null;
    /** @type {LatentPlot | null} */
    this.latentPlot = null;
    /** @type {Range | null} First and last sixteenth of the loop region. */
    this.region = null;
    /** @type {Set<string>} Keys of the selected notes. */
    this.selected = new Set();
    /** @type {Draft | null} What the stroke that is being drawn would make. */
    this.stroke = null;
    /** @type {{left: number, top: number, right: number, bottom: number} | null} */
    this.lasso = null;
    /** @type {ToolName} */
    this.tool = "select";
    this.voice = 0;
    this.cursor = { start: 0, pitch: middleOf(this.piece.limits.ranges[0]) };
    /** @type {Pointed | null} What is under the pointer. */
    this.pointed = null;
    /** @type {number | null} The pitch that sounded last. */
    this.heard = null;
    this.following = true;
    this.closed = false;
    /** @type {number | null} The requested animation frame. */
    this.request = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.sending = undefined;
    this.patience = 0; // when a composition is given up, by the clock of the page
    this.pixelRatio = 0;
    this.lastFrame = 0; // in milliseconds, as `lastText`
    this.lastText = 0;
    this.reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
    this.reducedMotion.onchange = () => this.show();
    this.#listen();
    listenToRoll(this);
    listenToVoiceKeys(this);
    this.observer = new ResizeObserver(() => this.#layout());
    this.observer.observe(this.parts.roll);
    this.observer.observe(this.parts.latent);
    this.observer.observe(this.parts.score);
    this.sound.load(decodeBytes(this.data.wav), this.piece.score);
    this.#refresh();
    this.#draftChanged();
  }

  get data() {
    return this.component.data;
  }

  /** The notes and locks that are shown. */
  get draft() {
    return this.stroke ?? this.history.present;
  }

  /** Sixteenths of a step of the grid. */
  get snap() {
    return Number(this.parts.snap.value);
  }

  /**
   * Take what Streamlit passes on a rerun. Strokes that Python has not seen are kept.
   *
   * @param {VoicesComponent} component
   */
  update(component) {
    const before = this.data;
    this.component = component;
    if (before === this.data) return;
    const piece = readPiece(this.data);
    const sameGrid =
      piece.limits.frames === this.piece.limits.frames &&
      this.data.voices.join() === before.voices.join();
    this.piece = piece;
    if (sameGrid) {
      const received = this.exchange.receive(this.data.answered, piece.draft, this.history.present);
      if (!sameDraft(received, this.history.present)) {
        this.history.push(received);
        this.announce("New notes have come. Undo brings back those before.");
      }
      if (before.id === this.data.id) this.sound.score = piece.score;
      else this.sound.replace(decodeBytes(this.data.wav), piece.score);
    } else {
      this.exchange.receive(this.data.answered, piece.draft, this.history.present);
      this.history = new History(piece.draft);
      clearTimeout(this.sending);
      [this.stroke, this.voice] = [null, Math.min(this.voice, this.data.voices.length - 1)];
      this.sound.load(decodeBytes(this.data.wav), piece.score);
      this.sound.audio.playbackRate = Number(this.parts.speed.value);
      this.roll.view.reset();
      this.setLoop(false, null);
    }
    this.#keepSelection();
    this.#refresh();
    this.#draftChanged();
  }

  close() {
    this.closed = true;
    clearTimeout(this.sending);
    clearTimeout(this.engraves);
    this.sound.release();
    this.tone.close();
    this.observer.disconnect();
    this.reducedMotion.onchange = null;
    if (this.request !== null) cancelAnimationFrame(this.request);
  }

  // Editing.

  /**
   * Show what a stroke would make, or end it without effect.
   *
   * @param {Draft | null} draft
   * @param {Set<string>} [keys] of the notes that are selected.
   */
  preview(draft, keys) {
    this.stroke = draft;
    if (keys) this.selected = keys;
    if (!draft) this.#keepSelection();
    this.show();
  }

  /**
   * End a stroke and keep what it has made.
   *
   * @param {string} kind
   */
  finishStroke(kind) {
    if (kind === "region") this.#announceRegion();
    const made = this.stroke;
    [this.stroke, this.heard] = [null, null];
    if (!made) return this.show();
    const count = Math.abs(made.notes.length - this.history.present.notes.length);
    const [note] = chosen(made.notes, this.selected);
    /** @type {Record<string, string>} */
    const sentences = {
      draw: note ? `Drew ${this.describe(note)}` : "",
      move: note ? `Moved to ${this.describe(note)}` : "",
      stretch: note ? `${quarters(note)}, ${this.describe(note)}` : "",
      erase: `Erased ${count} ${count === 1 ? "note" : "notes"}`,
      lock: "Changed locks",
    };
    if (note && kind === "draw") this.cursor = { start: note.end, pitch: note.pitch };
    this.commit(made, this.selected, sentences[kind]);
    if (kind === "draw") this.select(new Set());
  }

  /**
   * Take an edited draft.
   *
   * @param {Draft} draft
   * @param {Set<string>} keys of the notes that are selected.
   * @param {string} [sentence] that a screen reader says.
   */
  commit(draft, keys, sentence) {
    this.selected = keys;
    if (sameDraft(draft, this.history.present)) return this.show();
    this.history.push(draft);
    if (sentence) this.announce(sentence);
    this.#edited();
  }

  undo() {
    this.#travel(this.history.undo(), "Undone", "There is nothing to undo");
  }

  redo() {
    this.#travel(this.history.redo(), "Repeated", "There is nothing to repeat");
  }

  /**
   * @param {boolean} done
   * @param {string} sentence
   * @param {string} otherwise
   */
  #travel(done, sentence, otherwise) {
    this.announce(done ? sentence : otherwise);
    if (!done) return;
    this.stroke = null;
    this.#keepSelection();
    this.#edited();
  }

  /** @param {Set<string>} keys */
  select(keys) {
    this.selected = keys;
    this.show();
  }

  selectAll() {
    this.select(new Set(this.draft.notes.map(noteKey)));
    this.announce(`${this.selected.size} notes selected`);
  }

  /** Select the next or previous note of the voice. @param {1 | -1} direction */
  walk(direction) {
    const own = chosen(this.draft.notes, this.selected).filter((note) => note.voice === this.voice);
    const from = own.length ? own[0].start : this.cursor.start - (direction > 0 ? 1 : 0);
    const note = neighbour(this.draft.notes, this.voice, from, direction);
    if (!note) {
      this.announce(direction > 0 ? "This was the last note" : "This was the first note");
      return;
    }
    this.select(new Set([noteKey(note)]));
    this.cursor = { start: note.start, pitch: note.pitch };
    this.#reveal(note.start);
    this.playTone(note.pitch);
    this.announce(this.describe(note));
  }

  /**
   * @param {number} steps
   * @param {number} semitones
   */
  moveSelected(steps, semitones) {
    const { limits } = this.piece;
    const edited = move(this.draft.notes, this.selected, { steps, semitones }, limits);
    const [note] = chosen(edited.notes, edited.keys);
    if (edited.notes === this.draft.notes) {
      this.announce("It cannot move farther");
      return;
    }
    this.commit({ ...this.draft, notes: edited.notes }, edited.keys, this.describe(note));
    this.#reveal(note.start);
    if (semitones) this.playTone(note.pitch);
  }

  /** @param {number} steps */
  stretchSelected(steps) {
    const edited = stretch(this.draft.notes, this.selected, steps, this.piece.limits);
    const [note] = chosen(edited.notes, edited.keys);
    this.commit({ ...this.draft, notes: edited.notes }, edited.keys, note && quarters(note));
  }

  deleteSelected() {
    const count = this.selected.size;
    if (count === 0) return;
    const notes = remove(this.draft.notes, this.selected);
    this.commit({ ...this.draft, notes }, new Set(), `Deleted ${count} ${count === 1 ? "note" : "notes"}`);
  }

  /** Lock the selected notes, or free them if all are locked; without selection, the one at the cursor. */
  lockSelected() {
    const { start } = this.cursor;
    const keys = this.selected.size
      ? this.selected
      : new Set(
          this.draft.notes
            .filter((note) => note.voice === this.voice && note.start <= start && start < note.end)
            .map(noteKey),
        );
    const notes = chosen(this.draft.notes, keys);
    if (notes.length === 0) return;
    const locked = !notes.every((note) => note.locked);
    const sentence = `${locked ? "Locked" : "Freed"} ${this.describe({ ...notes[0], locked })}`;
    this.commit({ ...this.draft, notes: lock(this.draft.notes, keys, locked) }, this.selected, sentence);
  }

  /** Draw a note of one step of the grid at the cursor, and go on behind it. */
  drawAtCursor() {
    if (this.selected.size) {
      this.select(new Set());
      this.announce("Nothing is selected now; Enter draws at the cursor");
      return;
    }
    const note = this.cursorNote;
    if (note.end <= note.start) {
      this.announce("The piece ends here");
      return;
    }
    const notes = place(this.draft.notes, [note]);
    this.cursor = { start: note.end, pitch: note.pitch };
    this.playTone(note.pitch);
    this.#reveal(note.end);
    this.commit({ ...this.draft, notes }, new Set(), `Drew ${this.describe(note)}`);
  }

  /** The note that Enter would draw. @returns {VoiceNote} */
  get cursorNote() {
    const { start } = this.cursor;
    const [lowest, highest] = this.piece.limits.ranges[this.voice];
    return {
      voice: this.voice,
      pitch: clamp(this.cursor.pitch, lowest, highest),
      start,
      end: Math.min(start + this.snap, this.piece.limits.frames),
      locked: true,
    };
  }

  /**
   * Move the cursor by steps and semitones; the playhead follows while the music pauses.
   *
   * @param {number} steps
   * @param {number} semitones
   */
  stepCursor(steps, semitones) {
    const { snap } = this;
    const last = this.piece.limits.frames - 1;
    const start = Math.floor(clamp(this.cursor.start + steps, 0, last) / snap) * snap;
    this.moveCursor(start, this.cursorNote.pitch + semitones);
    if (semitones) this.playTone(this.cursorNote.pitch);
    if (!this.sound.playing || !Number.isFinite(steps)) this.seek(start);
    const note = this.cursorNote;
    this.announce(`${pitchName(this.piece.score, note.pitch)} at ${barBeat(this.piece.score, start)}`);
  }

  /**
   * @param {number} frame
   * @param {number} pitch
   */
  moveCursor(frame, pitch) {
    const [lowest, highest] = this.piece.limits.ranges[this.voice];
    const start = clamp(Math.floor(frame), 0, this.piece.limits.frames - 1);
    this.cursor = { start, pitch: clamp(pitch, lowest, highest) };
    this.#reveal(start);
    this.show();
  }

  escape() {
    if (this.stroke) this.preview(null);
    else if (this.selected.size) this.select(new Set());
    else if (this.region) this.setLoop(false, null);
  }

  /** @param {ToolName} tool */
  chooseTool(tool) {
    this.tool = tool;
    this.parts.roll.dataset.tool = tool;
    for (const button of this.root.querySelectorAll("button.tool")) {
      const pressed = button instanceof HTMLElement && button.dataset.tool === tool;
      button.setAttribute("aria-pressed", String(pressed));
    }
    this.announce(`Tool: ${tool}`);
    this.show();
  }

  /**
   * Choose the voice that is drawn.
   *
   * @param {number} voice
   * @param {boolean} [alone] whether this is all: the selection ends, and a screen reader says it.
   */
  chooseVoice(voice, alone = false) {
    if (voice === this.voice) return;
    this.voice = voice;
    if (alone) this.selected = new Set();
    // The cursor goes to what the voice sings there, or sang last.
    const { start } = this.cursor;
    const line = this.draft.notes.filter((note) => note.voice === voice);
    const last = line.findLast((note) => note.start <= start) ?? line[0];
    this.moveCursor(start, last?.pitch ?? middleOf(this.piece.limits.ranges[voice]));
    this.#showLegend();
    if (alone) this.announce(`Voice: ${this.data.voices[voice]}`);
    this.show();
  }

  /** Lock a whole voice, or free it. @param {number} voice */
  holdVoice(voice) {
    const { lockedVoices } = this.draft;
    const locked = !lockedVoices.includes(voice);
    const voices = locked
      ? [...lockedVoices, voice].sort((a, b) => a - b)
      : lockedVoices.filter((each) => each !== voice);
    const sentence = `${locked ? "Locked" : "Freed"} the ${this.data.voices[voice]}`;
    this.commit({ ...this.draft, lockedVoices: voices }, this.selected, sentence);
  }

  /** @param {boolean} locked whether every note is locked, or every note and voice freed. */
  lockAll(locked) {
    const notes = this.draft.notes.map((note) => ({ ...note, locked }));
    const lockedVoices = locked ? this.draft.lockedVoices : [];
    this.commit({ notes, lockedVoices }, this.selected, locked ? "Locked all notes" : "Freed all");
  }

  clear() {
    this.commit({ notes: [], lockedVoices: [] }, new Set(), "Removed all notes");
  }

  /** Send the draft, and ask for the rest. */
  compose() {
    if (this.exchange.composing || !this.data.canCompose) return;
    this.#send(true);
    this.announce("Composing the rest");
  }

  // Sound of single notes.

  /** @param {number} pitch */
  playTone(pitch) {
    if (!this.sound.playing) this.tone.play(pitch, this.sound.audio.volume);
    this.heard = pitch;
  }

  /** Sound a pitch if it is another one than before. @param {number} pitch */
  soundOnce(pitch) {
    if (pitch !== this.heard) this.playTone(pitch);
  }

  // The view.

  /** @param {number} frame */
  seek(frame) {
    this.sound.position = frame;
    this.roll.view.reveal(this.sound.position);
    this.show();
  }

  stop() {
    this.sound.stop();
    this.roll.view.reveal(this.sound.position);
    this.show();
  }

  /** @param {number} scroll in pixels. */
  scrollTo(scroll) {
    if (this.sound.playing) this.follow(false);
    this.roll.view.scrollTo(scroll);
    this.show();
  }

  /**
   * @param {number} factor
   * @param {number} [x] the place that is kept; by default the playhead, or the middle.
   */
  zoomBy(factor, x) {
    if (this.view === "score") {
      this.engraving.zoomBy(factor);
      this.#engrave();
      return;
    }
    const { view } = this.roll;
    const playhead = view.x(this.sound.position);
    const visible = playhead >= view.gutter && playhead <= view.width;
    view.zoomBy(factor, x ?? (visible ? playhead : view.gutter + view.span / 2));
    this.show();
  }

  fit() {
    if (this.view === "score") {
      this.engraving.zoom = 1;
      this.#engrave();
      return;
    }
    this.roll.view.fit();
    this.show();
  }

  /** @param {boolean} following whether the picture scrolls with the music. */
  follow(following) {
    this.following = following;
    this.parts.follow.setAttribute("aria-pressed", String(following));
    this.show();
  }

  /** Show the roll or the score, which Python sends when it is asked for. @param {"roll" | "score"} view */
  chooseView(view) {
    if (view === this.view) return;
    this.view = view;
    this.root.dataset.view = view;
    for (const button of this.root.querySelectorAll("button.view")) {
      const pressed = button instanceof HTMLElement && button.dataset.view === view;
      button.setAttribute("aria-pressed", String(pressed));
    }
    if (view === "score" && !this.data.engraver) this.component.setStateValue("score", true);
    this.announce(view === "score" ? "Score" : "Roll");
    this.#layout();
  }

  /** @param {Pointed | null} pointed */
  point(pointed) {
    this.pointed = pointed;
    this.show();
  }

  /** @param {VoiceNote} note that is being drawn. */
  pointNote(note) {
    this.point({ frame: note.start, pitch: note.pitch, note });
  }

  /**
   * Select the notes in a rectangle of the roll.
   *
   * @param {{x: number, y: number}} from
   * @param {{x: number, y: number}} to
   */
  lassoTo(from, to) {
    const [left, right] = [Math.min(from.x, to.x), Math.max(from.x, to.x)];
    const [top, bottom] = [Math.min(from.y, to.y), Math.max(from.y, to.y)];
    this.lasso = { left, top, right, bottom };
    const [start, end] = [this.roll.placeOf(left, bottom), this.roll.placeOf(right, top)];
    const inside = this.draft.notes.filter(
      (note) =>
        note.end > start.frame &&
        note.start < end.frame &&
        note.pitch + 1 > start.height &&
        note.pitch < end.height,
    );
    this.select(new Set(inside.map(noteKey)));
  }

  endLasso() {
    this.lasso = null;
    this.announce(`${this.selected.size} notes selected`);
  }

  toggleLoop() {
    this.setLoop(!this.sound.looping, this.region);
    this.announce(this.sound.looping ? "Loop on" : "Loop off");
  }

  /**
   * @param {boolean} looping
   * @param {Range | null} region first and last sixteenth, or null for the whole piece.
   */
  setLoop(looping, region) {
    this.region = region;
    this.sound.setLoop(looping, region);
    this.parts.loop.setAttribute("aria-pressed", String(looping));
    this.show();
  }

  /** Move an end of the region to the playhead. @param {0 | 1} edge 0 for the first sixteenth. */
  moveRegionEdge(edge) {
    const { frames } = this.piece.score;
    const here = clamp(Math.floor(this.sound.position), 0, frames - 1);
    const [first, last] = this.region ?? [0, frames - 1];
    this.setLoop(true, edge === 0 ? [here, Math.max(here, last)] : [Math.min(first, here), here]);
    this.#announceRegion();
  }

  #announceRegion() {
    const ends = this.region?.map((frame) => barBeat(this.piece.score, frame));
    if (ends) this.announce(`Region from ${ends[0]} to ${ends[1]}`);
  }

  /** @param {string} sentence read by a screen reader. */
  announce(sentence) {
    this.parts.announcement.textContent = sentence;
  }

  /**
   * A note in words.
   *
   * @param {VoiceNote} note
   */
  describe(note) {
    const { score, chances } = this.piece;
    const chance = chances.get(chanceKey(note));
    const words = [
      `${this.data.voices[note.voice]} ${pitchName(score, note.pitch)}`,
      `at ${barBeat(score, note.start)}`,
    ].join(" ");
    const probability = chance === undefined ? "" : `, probability ${chance.toFixed(2)}`;
    return words + probability + (isKept(this.draft, note) ? ", locked" : "");
  }

  /** Draw everything in the next animation frame. */
  show() {
    if (this.closed || !this.roll.painter) return;
    this.request ??= requestAnimationFrame((now) => this.#draw(now));
  }

  /** @param {number} now in milliseconds. */
  #draw(now) {
    this.request = null;
    if (window.devicePixelRatio !== this.pixelRatio) this.#layout();
    const { sound, roll, region, selected, draft, voice, lasso } = this;
    sound.wrap();
    const position = this.reducedMotion.matches ? Math.floor(sound.position) : sound.position;
    if (sound.playing) {
      if (this.following && !this.stroke) this.#scrollWith(position, (now - this.lastFrame) / 1000);
      this.show();
    }
    this.lastFrame = now;
    if (this.view === "score") {
      this.engraving.draw(position, {
        follow: sound.playing && this.following,
        smooth: !this.reducedMotion.matches,
        dark: this.palette?.dark ?? false,
      });
    } else {
      roll.painter?.draw({
        position,
        region,
        looping: sound.looping,
        draft,
        selected,
        voice,
        cursor: this.#shownCursor(),
        grid: this.tool === "draw" ? this.snap : null,
        lasso,
      });
    }
    this.latentPlot?.draw(position / this.piece.score.stepsPerQuarter);
    if (sound.playing && now - this.lastText < TEXT_MILLISECONDS) return;
    this.lastText = now;
    this.#showText(position);
  }

  /** The note that a click or Enter would draw. */
  #shownCursor() {
    if (this.stroke) return null;
    if (this.tool === "draw" && this.pointed) {
      const { frame, pitch } = this.pointed;
      return drawn({ voice: this.voice, pitch }, frame, frame, this.snap, this.piece.limits);
    }
    const focused = this.selected.size === 0 && this.parts.roll.matches(":focus-visible");
    return focused ? this.cursorNote : null;
  }

  /**
   * @param {number} position
   * @param {number} seconds since the last frame.
   */
  #scrollWith(position, seconds) {
    if (this.reducedMotion.matches) this.roll.view.reveal(position);
    else this.roll.view.glide(position, clamp(seconds, 0, 0.1));
  }

  /** @param {number} frame */
  #reveal(frame) {
    this.roll.view.reveal(frame);
  }

  /**
   * Write the position and the notes there into the page's text and attributes.
   *
   * @param {number} position in sixteenths, with a fraction.
   */
  #showText(position) {
    const { parts, root, sound, draft } = this;
    const { score } = this.piece;
    const where = barBeat(score, position);
    const length = clockText(secondsAt(score, score.frames));
    parts.time.textContent = `${where} · ${clockText(secondsAt(score, position))} / ${length}`;
    const sounding = draft.notes
      .filter((note) => note.start <= position && position < note.end)
      .sort((a, b) => a.voice - b.voice)
      .map((note) => pitchName(score, note.pitch));
    parts.now.textContent = sounding.join(" ") || "Silence";
    const [selected] = chosen(draft.notes, this.selected);
    const note = this.pointed?.note ?? (this.pointed ? null : selected);
    if (note) parts.pointed.textContent = this.describe(note);
    else if (this.pointed) {
      const { pitch, frame } = this.pointed;
      parts.pointed.textContent = `${pitchName(score, pitch)} at ${barBeat(score, frame)}`;
    } else parts.pointed.textContent = "";
    // These attributes let a test or another script follow the player.
    Object.assign(root.dataset, {
      clock: sound.audio.currentTime.toFixed(3),
      playheadX: this.roll.view.x(position).toFixed(1),
      zoom: this.roll.view.zoom.toFixed(3),
      scroll: this.roll.view.scroll.toFixed(1),
      region: this.region ? String(this.region) : "",
      selected: [...this.selected].join(" "),
      cursor: `${this.cursor.start} ${this.cursorNote.pitch}`,
    });
  }

  /** What every edit has in common: it is shown, and sent after a while. */
  #edited() {
    this.#draftChanged();
    clearTimeout(this.sending);
    this.sending = setTimeout(() => this.#sendWhenQuiet(), SEND_MILLISECONDS);
  }

  #sendWhenQuiet() {
    // A stroke in progress, or a composition, would be interrupted; its answer takes strokes along.
    const waits = this.stroke || (this.exchange.composing && performance.now() < this.patience);
    if (waits) this.sending = setTimeout(() => this.#sendWhenQuiet(), SEND_MILLISECONDS);
    else if (!sameDraft(this.history.present, this.exchange.latest)) this.#send(false);
  }

  /** @param {boolean} compose */
  #send(compose) {
    clearTimeout(this.sending);
    if (compose) this.patience = performance.now() + PATIENCE_MILLISECONDS;
    this.component.setStateValue("edit", this.exchange.send(this.history.present, compose));
    this.#draftChanged();
  }

  #keepSelection() {
    const known = new Set(this.draft.notes.map(noteKey));
    this.selected = new Set([...this.selected].filter((key) => known.has(key)));
  }

  /** Show what depends on the notes and locks. */
  #draftChanged() {
    const { parts, history } = this;
    const { draft } = this;
    const kept = draft.notes.filter((note) => isKept(draft, note)).length;
    const locked = `${kept} of ${draft.notes.length} notes locked`;
    const shaded = this.piece.chances.size > 0;
    parts.kept.textContent = shaded ? `${locked} · paler notes were less probable` : locked;
    parts.undo.disabled = history.past.length === 0;
    parts.redo.disabled = history.future.length === 0;
    const composing = this.exchange.composing !== null;
    this.root.dataset.composing = String(composing);
    this.root.dataset.notes = draft.notes
      .map((note) => `${noteKey(note)}:${note.pitch}:${note.end}${note.locked ? "L" : ""}`)
      .join(" ");
    parts.words.textContent = composing ? "Composing" : "Compose the rest";
    parts.compose.disabled = composing || !this.data.canCompose;
    parts.empty.hidden = draft.notes.length > 0;
    parts.empty.textContent = "Choose Draw and write a melody";
    const { title } = this.data;
    parts.roll.setAttribute("aria-label", `Notes of ${title || "a piece"}, ${locked}`);
    this.#showLegend();
    this.#fillTable();
    this.show();
  }

  #showLegend() {
    this.parts.legend.querySelectorAll(".voice").forEach((row, voice) => {
      const locked = this.draft.lockedVoices.includes(voice);
      find(row, ".name", HTMLButtonElement).setAttribute("aria-pressed", String(voice === this.voice));
      find(row, ".hold", HTMLButtonElement).setAttribute("aria-pressed", String(locked));
    });
  }

  /** Write the texts and lay out the pictures. */
  #refresh() {
    const { parts } = this;
    const { title, voices } = this.data;
    const { path } = this.piece;
    parts.title.textContent = title;
    this.root.setAttribute("aria-label", title || "Player");
    parts.plane.hidden = !path;
    parts.views.hidden = !this.data.hasScore;
    if (!this.data.hasScore) this.chooseView("roll");
    parts.score.setAttribute("aria-label", `Score of ${title || "a piece"}`);
    if (path) {
      parts.caption.textContent = path.caption;
      parts.latent.setAttribute("aria-label", path.caption || "Latent path");
    }
    if (parts.legend.dataset.voices !== voices.join()) {
      parts.legend.dataset.voices = voices.join();
      parts.legend.replaceChildren(...voices.map((name, voice) => this.#legendRow(name, voice)));
    }
    this.#layout();
  }

  /**
   * @param {string} name
   * @param {number} voice
   */
  #legendRow(name, voice) {
    const row = document.createElement("span");
    row.className = "voice";
    const choose = document.createElement("button");
    const swatch = document.createElement("span");
    const word = document.createElement("span");
    const hold = document.createElement("button");
    [choose.type, hold.type] = ["button", "button"];
    [choose.className, hold.className] = ["name", "hold"];
    [swatch.className, word.className] = ["swatch", "word"];
    choose.title = `Draw the ${name} (${voice + 1})`;
    swatch.textContent = letterOf(name, voice);
    swatch.setAttribute("aria-hidden", "true");
    word.textContent = name[0].toUpperCase() + name.slice(1);
    choose.append(swatch, word);
    hold.setAttribute("aria-label", `Lock the ${name}`);
    hold.title = `Keep the whole ${name}`;
    hold.innerHTML = LOCK_ICONS;
    choose.onclick = () => this.chooseVoice(voice, true);
    hold.onclick = () => this.holdVoice(voice);
    row.append(choose, hold);
    return row;
  }

  /** Adapt the pictures to the current size and theme. */
  #layout() {
    this.root.style.setProperty("--height", `${this.data.height}px`);
    if (!this.root.clientWidth) return; // It is not visible and has no size yet.
    const palette = readPalette(this.root);
    this.pixelRatio = window.devicePixelRatio;
    this.root.style.colorScheme = palette.dark ? "dark" : "light";
    this.parts.legend.querySelectorAll(".voice").forEach((row, voice) => {
      if (row instanceof HTMLElement) {
        row.style.setProperty("--voice", voiceColour(voice, palette.dark));
      }
    });
    this.palette = palette;
    if (this.roll.canvas.clientWidth) this.roll.layout(this.piece, palette);
    this.#engraveSoon();
    const { path, beatScore } = this.piece;
    this.latentPlot = path && new LatentPlot(this.parts.latent, beatScore, path, palette);
    this.show();
  }

  /** A window that changes its size changes it many times. */
  #engraveSoon() {
    clearTimeout(this.engraves);
    if (this.view === "score") this.engraves = setTimeout(() => this.#engrave(), ENGRAVE_MILLISECONDS);
  }

  /** Draw the score, if it is shown and has come. */
  #engrave() {
    const { engraver, musicxml } = this.data;
    const { palette, parts } = this;
    if (this.view !== "score" || !palette || !engraver || !musicxml) return;
    this.engraving.show(engraver, musicxml, this.piece, palette).then(
      () => {
        parts.waiting.hidden = true;
        this.root.dataset.engraved = String(this.engraving.anchors.length);
        this.show();
      },
      () => {
        parts.waiting.hidden = true;
        this.#showError("The score cannot be drawn.");
      },
    );
  }

  #fillTable() {
    const { table, notes: details } = this.parts;
    if (!details.open) return;
    const { draft, piece, data } = this;
    const shown = draft.notes.slice(0, MAX_ROWS);
    const all = draft.notes.length;
    table.createCaption().textContent =
      shown.length < all ? `The first ${shown.length} of ${all} notes` : `${all} notes`;
    const rows = shown.map((note) => {
      const row = document.createElement("tr");
      row.insertCell().textContent = data.voices[note.voice];
      row.insertCell().textContent = pitchName(piece.score, note.pitch);
      row.insertCell().textContent = barBeat(piece.score, note.start);
      row.insertCell().textContent = String((note.end - note.start) / piece.score.stepsPerQuarter);
      row.insertCell().textContent = isKept(draft, note) ? "yes" : "no";
      return row;
    });
    table.tBodies[0].replaceChildren(...rows);
  }

  /** Listen to the buttons and sliders. */
  #listen() {
    const { root, sound, parts } = this;
    /** @type {Record<string, () => void>} */
    const actions = {
      ".play": () => sound.toggle(),
      ".stop": () => this.stop(),
      ".loop": () => this.toggleLoop(),
      ".zoom-in": () => this.zoomBy(ZOOM_BY_BUTTON),
      ".zoom-out": () => this.zoomBy(1 / ZOOM_BY_BUTTON),
      ".fit": () => this.fit(),
      ".follow": () => this.follow(!this.following),
      ".undo": () => this.undo(),
      ".redo": () => this.redo(),
      ".keep": () => this.lockAll(true),
      ".free": () => this.lockAll(false),
      ".clear": () => this.clear(),
      ".compose": () => this.compose(),
    };
    for (const [selector, action] of Object.entries(actions)) {
      find(root, selector, HTMLButtonElement).onclick = action;
    }
    for (const tool of /** @type {ToolName[]} */ (["select", "draw", "erase", "lock"])) {
      find(root, `[data-tool="${tool}"].tool`, HTMLButtonElement).onclick = () => this.chooseTool(tool);
    }
    for (const view of /** @type {("roll" | "score")[]} */ (["roll", "score"])) {
      find(root, `[data-view="${view}"].view`, HTMLButtonElement).onclick = () => this.chooseView(view);
    }
    parts.score.onclick = (event) => {
      const step = this.engraving.stepAt(event);
      if (step !== null) this.seek(step);
    };
    parts.speed.onchange = () => {
      sound.audio.playbackRate = Number(parts.speed.value);
    };
    parts.volume.oninput = () => {
      sound.audio.volume = Number(parts.volume.value) ** 2; // closer to perceived loudness
    };
    sound.audio.volume = Number(parts.volume.value) ** 2;
    parts.roll.onfocus = parts.roll.onblur = () => this.show();
    parts.notes.ontoggle = () => this.#fillTable();
    parts.latent.onclick = ({ offsetX, offsetY }) => {
      const beat = this.latentPlot?.geometry.nearest(offsetX, offsetY) ?? null;
      if (beat !== null) this.seek(beat * this.piece.score.stepsPerQuarter);
    };
  }

  #soundChanged() {
    this.root.dataset.state = this.sound.playing ? "playing" : "paused";
    if (this.sound.playing) {
      this.#showError("");
      this.roll.view.reveal(this.sound.position);
    }
    this.show();
  }

  /** @param {string} message empty if there is no error. */
  #showError(message) {
    this.parts.error.textContent = message;
    this.parts.error.hidden = !message;
  }
}

/** @param {[number, number]} range */
const middleOf = ([lowest, highest]) => Math.round((lowest + highest) / 2);

/** @param {VoiceNote} note */
const quarters = (note) => `${(note.end - note.start) / 4} quarters`;

/**
 * The letter of a voice in the legend.
 *
 * @param {string} name
 * @param {number} voice
 */
const letterOf = (name, voice) => (/^voice/i.test(name) ? String(voice + 1) : name[0].toUpperCase());

/** @type {WeakMap<object, VoicesPlayer>} */
const voicesPlayers = new WeakMap();

/**
 * Called by Streamlit on every rerun; returns a function that removes the player.
 *
 * @param {VoicesComponent} component
 */
export default function mount(component) {
  const { parentElement } = component;
  const known = voicesPlayers.get(parentElement);
  const player = known ?? new VoicesPlayer(component);
  if (known) known.update(component);
  else voicesPlayers.set(parentElement, player);
  return () => {
    player.close();
    voicesPlayers.delete(parentElement);
  };
}
