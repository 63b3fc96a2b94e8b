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
    this.painter = new Painter(context, view, palette);
  }

  /** @param {VoicesScene} scene */
  draw(scene) {
    const { context, view, palette, painter } = this;
    context.fillStyle = palette.background;
    context.fillRect(0, 0, view.width, view.height);

    // The roll itself, clipped so that it does not cover the keyboard.
    context.save();
    context.beginPath();
    context.rect(view.gutter, 0, view.span, view.height - OVERVIEW);
    context.clip();
    painter.tiles.copyTo(context);
    if (scene.grid) this.#drawGrid(scene.grid);
    this.#drawLimits(scene.voice);
    if (scene.region) painter.drawRegion(scene.region, scene.looping);
    const sounding = this.#drawNotes(scene);
    if (scene.cursor) this.#drawCursor(scene.cursor);
    if (scene.lasso) this.#drawLasso(scene.lasso);
    context.restore();

    // Everything that has a fixed place or spans the whole height.
    context.drawImage(painter.tiles.keyboard, 0, 0, view.gutter, view.height - OVERVIEW);
    this.#drawKeys(sounding);
    painter.drawPlayhead(scene.position);
    painter.drawOverview(scene.position);
    this.#drawOverviewNotes(scene.draft);
  }

  /**
   * Draw the lines of the drawing grid, if there is room between them.
   *
   * @param {number} grid in sixteenths.
   */
  #drawGrid(grid) {
    const { context, view, palette } = this;
    if (grid * view.zoom < MIN_GRID_WIDTH) return;
    context.fillStyle = palette.text;
    context.globalAlpha = 0.08;
    const first = Math.max(0, Math.ceil(view.frameAtX(view.gutter) / grid) * grid);
    const last = Math.min(view.score.frames, view.frameAtX(view.width));
    for (let frame = first; frame <= last; frame += grid) {
      context.fillRect(crisp(view.x(frame)), RULER, 1, view.rollBottom - RULER);
    }
    context.globalAlpha = 1;
  }

  /**
   * Shade the pitches that the chosen voice does not have.
   *
   * @param {number} voice
   */
  #drawLimits(voice) {
    const { context, view, palette } = this;
    const [lowest, highest] = this.piece.limits.ranges[voice];
    const [top, bottom] = [view.y(highest), view.y(lowest - 1)];
    context.fillStyle = palette.text;
    context.globalAlpha = 0.07;
    context.fillRect(view.gutter, RULER, view.span, Math.max(0, top - RULER));
    context.fillRect(view.gutter, bottom, view.span, Math.max(0, view.rollBottom - bottom));
    context.globalAlpha = 1;
  }

  /**
   * Draw the visible notes, those of the chosen voice last; returns those that sound.
   *
   * @param {VoicesScene} scene
   */
  #drawNotes({ draft, position, selected, voice }) {
    const { view } = this;
    const [first, last] = [view.frameAtX(view.gutter), view.frameAtX(view.width)];
    /** @type {VoiceNote[]} */
    const sounding = [];
    for (const front of [false, true]) {
      for (const note of draft.notes) {
        if (note.start > last) break;
        if ((note.voice === voice) !== front || note.end < first) continue;
        const sounds = note.start <= position && position < note.end;
        if (sounds) sounding.push(note);
        this.#drawNote(note, isKept(draft, note), selected.has(noteKey(note)), sounds);
      }
    }
    return sounding;
  }

  /**
   * @param {VoiceNote} note
   * @param {boolean} kept
   * @param {boolean} selected
   * @param {boolean} sounds
   */
  #drawNote(note, kept, selected, sounds) {
    const { context, view, palette } = this;
    const colour = voiceColour(note.voice, palette.dark);
    const box = view.noteBox(note);
    const x = view.gutter + box.x - view.scroll;
    const chance = this.piece.chances.get(chanceKey(note)) ?? 1;
    /** @type {(margin: number) => void} */
    const outline = (margin) => {
      context.beginPath();
      context.roundRect(
        x - margin,
        box.y - margin,
        box.width + 2 * margin,
        box.height + 2 * margin,
        box.radius + margin,
      );
    };
    if (sounds) {
      context.fillStyle = colour;
      context.globalAlpha = 0.4;
      outline(4);
      context.fill();
      context.globalAlpha = 1;
    }
    outline(0);
    context.fillStyle = palette.background;
    context.fill();
    context.fillStyle = context.strokeStyle = colour;
    context.globalAlpha = LEAST_SHADE + (1 - LEAST_SHADE) * chance;
    context.fill();
    context.globalAlpha = 1;
    outline(-0.5);
    context.lineWidth = 1;
    context.stroke();
    if (kept) {
      context.strokeStyle = palette.text;
      context.lineWidth = 1.25;
      outline(0);
      context.stroke();
      if (box.width >= MIN_MARK_WIDTH) this.#drawLock(x + 2, box.y + box.height / 2, chance);
    }
    if (selected) {
      context.strokeStyle = palette.text;
      context.lineWidth = 2;
      outline(2);
      context.stroke();
    }
  }

  /**
   * Draw a lock at the start of a note.
   *
   * @param {number} x
   * @param {number} middle
   * @param {number} chance of the note, which decides what is legible on it.
   */
  #drawLock(x, middle, chance) {
    const { context, view, palette } = this;
    const size = Math.min(10, view.rowHeight);
    const [width, height] = [size * 0.62, size * 0.42];
    context.fillStyle = context.strokeStyle = chance < 0.5 ? palette.text : palette.background;
    context.fillRect(x, middle - size * 0.02, width, height);
    context.lineWidth = Math.max(1, size * 0.13);
    context.beginPath();
    context.arc(x + width / 2, middle - size * 0.05, width * 0.32, Math.PI, 2 * Math.PI);
    context.stroke();
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
  #drawOverviewNotes({ notes }) {
    const { context, view, palette } = this;
    const top = view.height - OVERVIEW;
    for (const note of notes) {
      const x = view.overviewX(note.start);
      const y = top + 3 + ((view.score.high - note.pitch) / view.rows) * (OVERVIEW - 7);
      context.fillStyle = voiceColour(note.voice, palette.dark);
      context.fillRect(x, crisp(y), Math.max(1, view.overviewX(note.end) - x - 0.5), 1.5);
    }
  }
}
