// The roll of a piece in voices: notes, locks, cursor and what is being drawn.

import { crisp, resize } from "../player/canvas.js";
import { Painter } from "../player/roll.js";
import { isBlackKey } from "../player/score.js";
import { OVERVIEW, RULER, View } from "../player/view.js";
import { voiceColour } from "./colours.js";
import { isKept, noteKey } from "./notes.js";
import { chanceKey } from "./piece.js";

/** @import { Palette } from "../player/canvas.js" */
/** @import { Range } from "../player/score.js" */
/** @import { Draft, VoiceNote } from "./notes.js" */
/** @import { Piece } from "./piece.js" */

/**
 * What the roll shows.
 *
 * @typedef {object} VoicesScene
 * @property {number} position in sixteenths, with a fraction.
 * @property {Range | null} region first and last sixteenth of the loop region.
 * @property {boolean} looping
 * @property {Draft} draft
 * @property {Set<string>} selected keys of the selected notes.
 * @property {number} voice the chosen voice.
 * @property {VoiceNote | null} cursor the note that Enter or a click would draw, or null.
 * @property {number | null} grid sixteenths between the lines of the drawing grid, or null.
 * @property {{left: number, top: number, right: number, bottom: number} | null} lasso in pixels.
 */

const QUARTER_WIDTH = 30; // pixels at the initial zoom
const MIN_MARK_WIDTH = 11; // pixels of a note that has room for a lock
const MIN_GRID_WIDTH = 5; // pixels between two lines
const LEAST_SHADE = 0.3; // opacity of a note whose chance is 0

/** The roll on its canvas. */
export class VoicesRoll {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Piece} piece
   */
  constructor(canvas, piece) {
    this.canvas = canvas;
    this.piece = piece;
    this.view = new View(piece.score, QUARTER_WIDTH);
    /** @type {VoicesPainter | null} Null until the canvas has a size. */
    this.painter = null;
  }

  /**
   * Take a new piece, size or theme; zoom and scroll position are kept.
   *
   * @param {Piece} piece
   * @param {Palette} palette
   */
  layout(piece, palette) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.piece = piece;
    this.view.layout(piece.score, width, height);
    this.painter = new VoicesPainter(resize(this.canvas, width, height), this.view, piece, palette);
  }

  /**
   * The place of a point among sixteenths and pitches; a pitch p takes the heights p up to p + 1.
   *
   * @param {number} x
   * @param {number} y
   */
  placeOf(x, y) {
    const { view } = this;
    const height = view.score.high + 1 - (y - view.rollTop) / view.rowHeight;
    return { frame: view.frameAtX(x), height };
  }
}

/** Draws one layout of the roll. */
class VoicesPainter {
  /**
   * @param {CanvasRenderingContext2D} context
   * @param {View} view
   * @param {Piece} piece
   * @param {Palette} palette
   */
  constructor(context, view, piece, palette) {
    this.context = context;
    this.view = view;
    this.piece = piece;
    this.palette = palette;
    /** @type {Pick<VoicesScene, "draft" | "voice" | "grid">} What the static layers show. */
    this.painted = { draft: piece.draft, voice: -1, grid: null };
    this.painter = new Painter(context, view, palette, (brush, first, last) =>
      this.#paintTile(brush, first, last),
    );
    this.overview = document.createElement("canvas");
  }

  /** @param {VoicesScene} scene */
  draw(scene) {
    const { context, view, palette, painter } = this;
    this.#refresh(scene);
    context.fillStyle = palette.background;
    context.fillRect(0, 0, view.width, view.height);

    // The roll itself, clipped so that it does not cover the keyboard.
    context.save();
    context.beginPath();
    context.rect(view.gutter, 0, view.span, view.height - OVERVIEW);
    context.clip();
    painter.tiles.copyTo(context);
    if (scene.region) painter.drawRegion(scene.region, scene.looping);
    const sounding = this.#drawMarked(scene);
    if (scene.cursor) this.#drawCursor(scene.cursor);
    if (scene.lasso) this.#drawLasso(scene.lasso);
    context.restore();

    // Everything that has a fixed place or spans the whole height.
    const height = view.height - OVERVIEW;
    context.drawImage(painter.tiles.keyboard, 0, 0, view.gutter, height);
    this.#drawKeys(sounding);
    painter.drawPlayhead(scene.position);
    painter.drawOverview(scene.position);
    context.drawImage(this.overview, 0, height, view.width, OVERVIEW);
  }

  /**
   * Take what the static layers show, and paint them anew if it is something else.
   *
   * @param {VoicesScene} scene
   */
  #refresh({ draft, voice, grid }) {
    const { painted } = this;
    const sameNotes = draft === painted.draft && voice === painted.voice;
    if (sameNotes && grid === painted.grid) return;
    this.painted = { draft, voice, grid };
    this.painter.tiles.clear();
    if (!sameNotes) this.#paintOverview(draft);
  }

  /**
   * Paint what is behind the notes, and the notes, those of the chosen voice last.
   *
   * @param {CanvasRenderingContext2D} brush
   * @param {number} first
   * @param {number} last
   */
  #paintTile(brush, first, last) {
    const { draft, voice, grid } = this.painted;
    if (grid) this.#paintGrid(brush, first, last, grid);
    this.#paintLimits(brush, first, last, voice);
    for (const front of [false, true]) {
      for (const note of draft.notes) {
        if (note.start > last) break;
        if ((note.voice === voice) !== front || note.end < first) continue;
        this.#paintNote(brush, note, isKept(draft, note));
      }
    }
  }

  /**
   * Draw the lines of the drawing grid, if there is room between them.
   *
   * @param {CanvasRenderingContext2D} brush
   * @param {number} first
   * @param {number} last
   * @param {number} grid in sixteenths.
   */
  #paintGrid(brush, first, last, grid) {
    const { view, palette } = this;
    if (grid * view.zoom < MIN_GRID_WIDTH) return;
    brush.fillStyle = palette.text;
    brush.globalAlpha = 0.08;
    for (let frame = Math.ceil(first / grid) * grid; frame <= last; frame += grid) {
      brush.fillRect(crisp(frame * view.zoom), RULER, 1, view.rollBottom - RULER);
    }
    brush.globalAlpha = 1;
  }

  /**
   * Shade the pitches that the chosen voice does not have.
   *
   * @param {CanvasRenderingContext2D} brush
   * @param {number} first
   * @param {number} last
   * @param {number} voice
   */
  #paintLimits(brush, first, last, voice) {
    const { view, palette } = this;
    const [lowest, highest] = this.piece.limits.ranges[voice];
    const [top, bottom] = [view.y(highest), view.y(lowest - 1)];
    const [left, width] = [first * view.zoom, (last - first) * view.zoom];
    brush.fillStyle = palette.text;
    brush.globalAlpha = 0.07;
    brush.fillRect(left, RULER, width, Math.max(0, top - RULER));
    brush.fillRect(left, bottom, width, Math.max(0, view.rollBottom - bottom));
    brush.globalAlpha = 1;
  }

  /**
   * Paint a note in the colour of its voice, paler if it was less probable, and with a border and
   * a lock if it is kept.
   *
   * @param {CanvasRenderingContext2D} brush
   * @param {VoiceNote} note
   * @param {boolean} kept
   */
  #paintNote(brush, note, kept) {
    const { view, palette } = this;
    const box = view.noteBox(note);
    const chance = this.piece.chances.get(chanceKey(note)) ?? 1;
    outline(brush, box, 0);
    brush.fillStyle = palette.background;
    brush.fill();
    brush.fillStyle = brush.strokeStyle = voiceColour(note.voice, palette.dark);
    brush.globalAlpha = LEAST_SHADE + (1 - LEAST_SHADE) * chance;
    brush.fill();
    brush.globalAlpha = 1;
    outline(brush, box, -0.5);
    brush.lineWidth = 1;
    brush.stroke();
    if (!kept) return;
    brush.strokeStyle = palette.text;
    brush.lineWidth = 1.25;
    outline(brush, box, 0);
    brush.stroke();
    if (box.width < MIN_MARK_WIDTH) return;
    this.#paintLock(brush, box.x + 2, box.y + box.height / 2, chance);
  }

  /**
   * Mark the notes that sound or are selected; returns those that sound.
   *
   * @param {VoicesScene} scene
   */
  #drawMarked({ draft, position, selected }) {
    const { context, view, palette } = this;
    const [first, last] = [view.frameAtX(view.gutter), view.frameAtX(view.width)];
    /** @type {VoiceNote[]} */
    const sounding = [];
    for (const note of draft.notes) {
      if (note.start > last && note.start > position) break;
      const sounds = note.start <= position && position < note.end;
      if (sounds) sounding.push(note);
      const marked = sounds || selected.has(noteKey(note));
      if (!marked || note.start > last || note.end < first) continue;
      const box = view.noteBox(note);
      box.x += view.gutter - view.scroll;
      if (sounds) {
        context.strokeStyle = voiceColour(note.voice, palette.dark);
        context.globalAlpha = 0.45;
        context.lineWidth = 4;
        outline(context, box, 2.5);
        context.stroke();
        context.globalAlpha = 1;
      }
      if (selected.has(noteKey(note))) {
        context.strokeStyle = palette.text;
        context.lineWidth = 2;
        outline(context, box, 2);
        context.stroke();
      }
    }
    return sounding;
  }

  /**
   * Paint a lock at the start of a note.
   *
   * @param {CanvasRenderingContext2D} brush
   * @param {number} x
   * @param {number} middle
   * @param {number} chance of the note, which decides what is legible on it.
   */
  #paintLock(brush, x, middle, chance) {
    const { view, palette } = this;
    const size = Math.min(10, view.rowHeight);
    const [width, height] = [size * 0.62, size * 0.42];
    brush.fillStyle = brush.strokeStyle = chance < 0.5 ? palette.text : palette.background;
    brush.fillRect(x, middle - size * 0.02, width, height);
    brush.lineWidth = Math.max(1, size * 0.13);
    brush.beginPath();
    brush.arc(x + width / 2, middle - size * 0.05, width * 0.32, Math.PI, 2 * Math.PI);
    brush.stroke();
  }

  /** @param {VoiceNote} cursor */
  #drawCursor(cursor) {
    const { context, view, palette } = this;
    const box = view.noteBox(cursor);
    const x = view.gutter + box.x - view.scroll;
    context.strokeStyle = voiceColour(cursor.voice, palette.dark);
    context.lineWidth = 2;
    context.setLineDash([4, 3]);
    context.beginPath();
    context.roundRect(x, box.y - 1, Math.max(box.width, 6), box.height + 2, 3);
    context.stroke();
    context.setLineDash([]);
  }

  /** @param {{left: number, top: number, right: number, bottom: number}} lasso */
  #drawLasso({ left, top, right, bottom }) {
    const { context, palette } = this;
    context.fillStyle = context.strokeStyle = palette.accent;
    context.globalAlpha = 0.12;
    context.fillRect(left, top, right - left, bottom - top);
    context.globalAlpha = 1;
    context.lineWidth = 1;
    context.strokeRect(left, top, right - left, bottom - top);
  }

  /**
   * Mark the keys of the sounding notes in the colours of their voices.
   *
   * @param {VoiceNote[]} sounding
   */
  #drawKeys(sounding) {
    const { context, view, palette } = this;
    for (const { pitch, voice } of sounding) {
      const width = view.gutter * (isBlackKey(pitch) ? 0.5 : 1) - 1;
      context.fillStyle = voiceColour(voice, palette.dark);
      context.fillRect(0, view.y(pitch) + 0.5, width, view.rowHeight - 1);
    }
  }

  /** @param {Draft} draft */
  #paintOverview({ notes }) {
    const { view, palette } = this;
    const brush = resize(this.overview, view.width, OVERVIEW);
    for (const note of notes) {
      const x = view.overviewX(note.start);
      const y = 3 + ((view.score.high - note.pitch) / view.rows) * (OVERVIEW - 7);
      brush.fillStyle = voiceColour(note.voice, palette.dark);
      brush.fillRect(x, crisp(y), Math.max(1, view.overviewX(note.end) - x - 0.5), 1.5);
    }
  }
}

/**
 * Begin the outline of a note, `margin` pixels outside of it.
 *
 * @param {CanvasRenderingContext2D} brush
 * @param {{x: number, y: number, width: number, height: number, radius: number}} box
 * @param {number} margin
 */
function outline(brush, box, margin) {
  const { x, y, width, height, radius } = box;
  brush.beginPath();
  brush.roundRect(
    x - margin,
    y - margin,
    Math.max(0.5, width + 2 * margin),
    Math.max(0.5, height + 2 * margin),
    Math.max(0, radius + margin),
  );
}
