// The static layers of the roll. They are painted once, so that an animation frame only copies them.

import { contextOf, crisp, resize } from "./canvas.js";
import { LOWEST, PITCHES, isBlackKey } from "./score.js";
import { OVERVIEW, RULER } from "./view.js";

/** @import { Palette } from "./canvas.js" */
/** @import { Range } from "./score.js" */
/** @import { View } from "./view.js" */

/**
 * Paints the notes of a range of frames; x is measured from the start of the piece.
 *
 * @typedef {(context: CanvasRenderingContext2D, first: number, last: number) => void} NotePainter
 */

const TILE = 512; // width in pixels
const MAX_TILES = 16;

/** The static layers of a view: tiles of the piece, the keyboard and the overview. */
export class Tiles {
  /**
   * @param {View} view
   * @param {Palette} palette
   * @param {NotePainter} [paintNotes] paints the notes; by default those of the score, in one colour.
   */
  constructor(view, palette, paintNotes) {
    this.view = view;
    this.palette = palette;
    this.paintNotes = paintNotes ?? ((context, first, last) => this.#paintNotes(context, first, last));
    /** @type {Map<number, HTMLCanvasElement>} */
    this.tiles = new Map();
    this.zoom = view.zoom;
    this.keyboard = this.#paintKeyboard();
    this.overview = this.#paintOverview();
  }

  /**
   * Copy the visible tiles to `context`.
   *
   * @param {CanvasRenderingContext2D} context
   */
  copyTo(context) {
    const { view } = this;
    if (view.zoom !== this.zoom) {
      this.tiles.clear();
      this.zoom = view.zoom;
    }
    const height = view.height - OVERVIEW;
    const first = Math.floor(view.scroll / TILE);
    const last = Math.floor((view.scroll + view.span) / TILE);
    for (let index = first; index <= last; index++) {
      const x = crisp(view.gutter + index * TILE - view.scroll);
      context.drawImage(this.#tile(index), x, 0, TILE, height);
    }
  }

  /**
   * The tile at `index`, painted if necessary; the oldest tile is dropped if there are too many.
   *
   * @param {number} index
   */
  #tile(index) {
    let canvas = this.tiles.get(index);
    if (!canvas) {
      const [oldest] = this.tiles.keys();
      if (this.tiles.size >= MAX_TILES) this.tiles.delete(oldest);
      canvas = document.createElement("canvas");
      this.#paintTile(canvas, index * TILE);
      this.tiles.set(index, canvas);
    }
    return canvas;
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {number} left pixel of the piece at the left edge of the tile.
   */
  #paintTile(canvas, left) {
    const { view, palette } = this;
    const { score, zoom } = view;
    const height = view.height - OVERVIEW;
    const context = resize(canvas, TILE, height);
    const end = view.contentWidth - left;
    const first = Math.max(0, Math.floor(left / zoom));
    const last = Math.min(score.frames, Math.ceil((left + TILE) / zoom));
    context.translate(-left, 0); // from here on, x is measured from the start of the piece

    // From back to front: rows, composed part, probabilities, bar lines, notes, kl.
    context.fillStyle = palette.panel;
    context.fillRect(left, 0, TILE, RULER);
    this.#paintRows(context, left, Math.max(0, Math.min(TILE, end)));
    if (score.composed) this.#paintComposed(context, score.composed, height);
    if (score.probabilities && last > first) {
      this.#paintProbabilities(context, score.probabilities, first, last);
    }
    this.#paintBars(context, left, height);
    this.paintNotes(context, first, last);
    if (score.kl) this.#paintStrip(context, score.kl, first, last);
  }

  /** Paint everything anew when it is next shown. */
  clear() {
    this.tiles.clear();
  }

  /** @type {NotePainter} */
  #paintNotes(context, first, last) {
    const { view, palette } = this;
    context.fillStyle = palette.written;
    context.beginPath();
    for (const note of view.score.notes) {
      if (note.start > last) break;
      if (note.end < first) continue;
      const box = view.noteBox(note);
      context.roundRect(box.x, box.y, box.width, box.height, box.radius);
    }
    context.fill();
  }

  /**
   * Shade the rows of one colour of keys, and draw a line below each C.
   *
   * @param {CanvasRenderingContext2D} context
   * @param {number} left
   * @param {number} width
   */
  #paintRows(context, left, width) {
    const { view, palette } = this;
    context.fillStyle = palette.text;
    for (let pitch = view.score.low; pitch <= view.score.high; pitch++) {
      const top = crisp(view.y(pitch));
      const bottom = crisp(view.y(pitch - 1));
      context.globalAlpha = 0.045;
      if (isBlackKey(pitch) !== palette.dark) context.fillRect(left, top, width, bottom - top);
      context.globalAlpha = 0.16;
      if (pitch % 12 === 0) context.fillRect(left, bottom - 0.5, width, 0.5);
    }
    context.globalAlpha = 1;
  }

  /**
   * Mark the composed frames by a band in the ruler and a line at each end.
   *
   * @param {CanvasRenderingContext2D} context
   * @param {Range} composed
   * @param {number} height
   */
  #paintComposed(context, [first, last], height) {
    const { view, palette } = this;
    const [start, end] = [crisp(first * view.zoom), crisp((last + 1) * view.zoom)];
    context.fillStyle = palette.written;
    context.globalAlpha = 0.07;
    context.fillRect(start, RULER, end - start, height - RULER);
    context.globalAlpha = 0.9;
    context.fillRect(start, RULER - 3, end - start, 3);
    context.globalAlpha = 0.5;
    context.fillRect(start, RULER, 1, height - RULER);
    context.fillRect(end - 1, RULER, 1, height - RULER);
    context.globalAlpha = 1;
  }

  /**
   * Draw the probabilities of a range of frames as transparency.
   *
   * They are written to a small image with one pixel per cell, which is coloured and enlarged.
   *
   * @param {CanvasRenderingContext2D} context
   * @param {Uint8Array} probabilities
   * @param {number} first
   * @param {number} last
   */
  #paintProbabilities(context, probabilities, first, last) {
    const { view, palette } = this;
    const { score, zoom } = view;
    const small = document.createElement("canvas");
    [small.width, small.height] = [last - first, view.rows];
    const pencil = contextOf(small);
    const image = pencil.createImageData(small.width, small.height);
    for (let frame = first; frame < last; frame++) {
      for (let row = 0; row < view.rows; row++) {
        const cell = frame * PITCHES + score.high - row - LOWEST;
        if (score.noteAt[cell] >= 0) continue; // A note covers the cell.
        image.data[(row * small.width + frame - first) * 4 + 3] = probabilities[cell] * 0.5;
      }
    }
    pencil.putImageData(image, 0, 0);
    pencil.globalCompositeOperation = "source-in";
    pencil.fillStyle = palette.written;
    pencil.fillRect(0, 0, small.width, small.height);
    context.imageSmoothingEnabled = zoom < 1;
    const width = (last - first) * zoom;
    context.drawImage(small, first * zoom, view.rollTop, width, view.rollBottom - view.rollTop);
  }

  /**
   * Draw bar lines and beat lines as far as there is room, and the numbers of bars.
   *
   * @param {CanvasRenderingContext2D} context
   * @param {number} left
   * @param {number} height
   */
  #paintBars(context, left, height) {
    const { view, palette } = this;
    const { score, zoom } = view;
    const { framesPerBar, stepsPerQuarter, frames, upbeat } = score;
    /** @type {(frame: number, top: number, alpha: number) => void} */
    const line = (frame, top, alpha) => {
      context.globalAlpha = alpha;
      context.fillRect(crisp(frame * zoom), top, 1, height - top);
    };
    context.fillStyle = palette.text;
    context.font = `11px ${palette.font}`;
    context.textBaseline = "middle";
    const barWidth = framesPerBar * zoom;
    // Every bar has a number if there is room, or every second, fourth, ...
    const step = 2 ** Math.max(0, Math.ceil(Math.log2(34 / barWidth)));
    const offset = upbeat * zoom;
    const firstBar = Math.floor((left - offset - 40) / barWidth / step) * step;
    for (let bar = Math.max(upbeat ? -1 : 0, firstBar); ; bar++) {
      const start = upbeat + bar * framesPerBar;
      if (start >= frames || start * zoom >= left + TILE) break;
      const labelled = bar >= 0 && bar % step === 0;
      if (bar >= 0 && (barWidth >= 5 || labelled)) line(start, labelled ? 8 : RULER - 4, 0.22);
      context.globalAlpha = 0.75;
      if (labelled) context.fillText(String(bar + 1), start * zoom + 5, RULER / 2 + 1);
      if (barWidth < 48) continue;
      for (let beat = stepsPerQuarter; beat < framesPerBar; beat += stepsPerQuarter) {
        if (start + beat > 0 && start + beat < frames) line(start + beat, RULER - 4, 0.07);
      }
    }
    line(frames, RULER, 0.35);
    context.globalAlpha = 1;
  }

  /**
   * Draw the kl of a range of frames as a step line with a filled area.
   *
   * @param {CanvasRenderingContext2D} context
   * @param {Float32Array} kl
   * @param {number} first
   * @param {number} last
   */
  #paintStrip(context, kl, first, last) {
    const { view, palette } = this;
    const { score, zoom } = view;
    const floor = view.stripY(0);
    // If a pixel has several frames, it shows their largest kl.
    const step = Math.max(1, Math.floor(1 / zoom));
    const outline = new Path2D();
    const start = Math.max(0, Math.floor(first / step) * step - step);
    outline.moveTo(start * zoom, floor);
    for (let frame = start; frame < Math.min(score.frames, last + step); frame += step) {
      let value = 0;
      for (const each of kl.subarray(frame, frame + step)) value = Math.max(value, each);
      const y = view.stripY(value);
      outline.lineTo(frame * zoom, y);
      outline.lineTo(Math.min(frame + step, score.frames) * zoom, y);
    }
    context.fillStyle = context.strokeStyle = palette.written;
    context.lineWidth = 1.25;
    context.stroke(outline);
    outline.lineTo(Math.min(last + step, score.frames) * zoom, floor);
    context.globalAlpha = 0.2;
    context.fill(outline);
    context.globalAlpha = 0.3;
    context.fillStyle = palette.text;
    context.fillRect(start * zoom, crisp(view.rollBottom), (last - start) * zoom, 0.5);
    context.globalAlpha = 1;
  }

  /** The keyboard with the names of the Cs and the scale of the strip. */
  #paintKeyboard() {
    const { view, palette } = this;
    const { score, gutter } = view;
    const canvas = document.createElement("canvas");
    const context = resize(canvas, gutter, view.height - OVERVIEW);
    context.fillStyle = palette.background;
    context.fillRect(0, 0, gutter, view.height);
    context.fillStyle = palette.panel;
    context.fillRect(0, 0, gutter, RULER);
    context.fillStyle = palette.ivory;
    context.globalAlpha = palette.dark ? 0.75 : 1;
    context.fillRect(0, RULER, gutter, view.rollBottom - RULER);
    context.fillStyle = palette.ebony;
    context.font = `10px ${palette.font}`;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let pitch = score.low; pitch <= score.high; pitch++) {
      const top = crisp(view.y(pitch));
      const bottom = crisp(view.y(pitch - 1));
      context.globalAlpha = isBlackKey(pitch) ? 0.85 : 0.3;
      if (isBlackKey(pitch)) context.fillRect(0, top, gutter * 0.5, bottom - top);
      else context.fillRect(0, bottom - 0.5, gutter, 0.5);
      context.globalAlpha = 0.85;
      if (pitch % 12 === 0) context.fillText(`C${pitch / 12 - 1}`, gutter - 5, (top + bottom) / 2);
    }
    context.fillStyle = palette.text;
    if (score.kl) {
      context.globalAlpha = 0.85;
      const most = score.klMax >= 100 ? score.klMax.toFixed(0) : score.klMax.toFixed(1);
      context.fillText(most, gutter - 5, view.stripY(score.klMax) + 3);
      context.fillText("kl", gutter - 5, view.stripY(score.klMax / 2));
      context.fillText("0", gutter - 5, view.stripY(0) - 3);
    }
    context.globalAlpha = 0.3;
    context.fillRect(gutter - 0.5, RULER, 0.5, view.height);
    return canvas;
  }

  /** All notes in the overview. */
  #paintOverview() {
    const { view, palette } = this;
    const { score } = view;
    const canvas = document.createElement("canvas");
    const context = resize(canvas, view.width, OVERVIEW);
    context.fillStyle = palette.panel;
    context.fillRect(0, 0, view.width, OVERVIEW);
    context.fillStyle = palette.written;
    context.globalAlpha = 0.8;
    for (const note of score.notes) {
      const x = view.overviewX(note.start);
      const y = 3 + ((score.high - note.pitch) / view.rows) * (OVERVIEW - 6);
      context.fillRect(x, y, Math.max(0.75, view.overviewX(note.end) - x), 1);
    }
    return canvas;
  }
}
