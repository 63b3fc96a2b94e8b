// The piano-roll: static layers, and in front of them what changes with the position.

import { crisp, resize } from "./canvas.js";
import { clamp, isBlackKey, notesAt } from "./score.js";
import { Tiles } from "./tiles.js";
import { OVERVIEW, RULER, View } from "./view.js";

/** @import { Palette } from "./canvas.js" */
/** @import { Note, Range, Score } from "./score.js" */
/** @import { NotePainter } from "./tiles.js" */

/**
 * What the roll shows.
 *
 * @typedef {object} Scene
 * @property {number} position in frames, with a fraction.
 * @property {Range | null} region first and last frame of the loop region.
 * @property {boolean} looping whether the loop is on.
 * @property {Note | null} selected the selected note.
 */

/** The piano-roll on its canvas. */
export class Roll {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Score} score
   */
  constructor(canvas, score) {
    this.canvas = canvas;
    this.view = new View(score);
    /** @type {Painter | null} Null until the canvas has a size. */
    this.painter = null;
  }

  /**
   * Take a new score, size or theme; zoom and scroll position are kept.
   *
   * @param {Score} score
   * @param {Palette} palette
   */
  layout(score, palette) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.view.layout(score, width, height);
    this.painter = new Painter(resize(this.canvas, width, height), this.view, palette);
  }
}

/** Draws one layout of the roll. */
export class Painter {
  /**
   * @param {CanvasRenderingContext2D} context
   * @param {View} view
   * @param {Palette} palette
   * @param {NotePainter} [paintNotes] paints the notes of the static layers.
   */
  constructor(context, view, palette, paintNotes) {
    this.context = context;
    this.view = view;
    this.palette = palette;
    this.tiles = new Tiles(view, palette, paintNotes);
  }

  /** @param {Scene} scene */
  draw(scene) {
    const { context, view, palette } = this;
    const { score } = view;
    const sounding = notesAt(score, Math.floor(scene.position));
    context.fillStyle = palette.background;
    context.fillRect(0, 0, view.width, view.height);

    // The roll itself, clipped so that it does not cover the keyboard.
    context.save();
    context.beginPath();
    context.rect(view.gutter, 0, view.span, view.height - OVERVIEW);
    context.clip();
    this.tiles.copyTo(context);
    if (scene.region) this.drawRegion(scene.region, scene.looping);
    for (const note of sounding) this.#drawNote(note, palette.sounding, 1.25);
    if (scene.selected) this.#drawNote(scene.selected, null, 2.5);
    context.restore();

    // Everything that has a fixed place or spans the whole height.
    const height = view.height - OVERVIEW;
    context.drawImage(this.tiles.keyboard, 0, 0, view.gutter, height);
    this.#drawKeys(sounding);
    this.drawPlayhead(scene.position);
    this.drawOverview(scene.position);
  }

  /**
   * @param {Note} note
   * @param {string | null} fill colour, or null for the outline only.
   * @param {number} border width of the outline.
   */
  #drawNote(note, fill, border) {
    const { context, view, palette } = this;
    const box = view.noteBox(note);
    const x = view.gutter + box.x - view.scroll;
    context.beginPath();
    context.roundRect(x, box.y, box.width, box.height, box.radius);
    if (fill) {
      context.fillStyle = fill;
      context.fill();
    }
    context.lineWidth = border;
    context.strokeStyle = palette.text;
    context.stroke();
  }

  /**
   * Draw the loop region, strongly if the loop is on.
   *
   * @param {Range} region
   * @param {boolean} looping
   */
  drawRegion([first, last], looping) {
    const { context, view, palette } = this;
    const left = crisp(view.x(first));
    const right = crisp(view.x(last + 1));
    const bottom = view.height - OVERVIEW;
    context.fillStyle = context.strokeStyle = palette.accent;
    context.globalAlpha = looping ? 0.11 : 0.05;
    context.fillRect(left, RULER, right - left, bottom - RULER);
    context.globalAlpha = looping ? 0.28 : 0.12;
    context.fillRect(left, 0, right - left, RULER);
    context.globalAlpha = 1;
    context.lineWidth = 2;
    context.setLineDash(looping ? [] : [3, 3]);
    context.beginPath();
    for (const [x, inward] of [[left + 1, 5], [right - 1, -5]]) {
      context.moveTo(x + inward, 1);
      context.lineTo(x, 1);
      context.lineTo(x, RULER);
    }
    context.stroke();
    context.setLineDash([]);
  }

  /**
   * Draw the playhead, with a dot on the curve of the kl.
   *
   * @param {number} position
   */
  drawPlayhead(position) {
    const { context, view, palette } = this;
    const x = crisp(view.x(position));
    if (x < view.gutter - 1) return;
    context.fillStyle = palette.text;
    context.fillRect(x - 0.75, RULER - 6, 1.5, view.height);
    context.beginPath();
    context.moveTo(x - 6, RULER - 13);
    context.lineTo(x + 6, RULER - 13);
    context.lineTo(x, RULER - 4);
    context.fill();
    if (!view.score.kl) return;
    const frame = clamp(Math.floor(position), 0, view.score.frames - 1);
    context.beginPath();
    context.arc(x, view.stripY(view.score.kl[frame]), 4, 0, 2 * Math.PI);
    context.fillStyle = palette.sounding;
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = palette.text;
    context.stroke();
  }

  /**
   * Mark the keys of the sounding notes.
   *
   * @param {Note[]} sounding
   */
  #drawKeys(sounding) {
    const { context, view, palette } = this;
    for (const { pitch } of sounding) {
      const width = view.gutter * (isBlackKey(pitch) ? 0.5 : 1) - 1;
      context.fillStyle = palette.sounding;
      context.fillRect(0, view.y(pitch) + 0.5, width, view.rowHeight - 1);
      context.beginPath();
      context.arc(width - 6, view.y(pitch - 0.5), Math.min(3, view.rowHeight / 4), 0, 2 * Math.PI);
      context.fillStyle = palette.ebony;
      context.fill();
    }
  }

  /**
   * Draw the overview with the visible part and the position.
   *
   * @param {number} position
   */
  drawOverview(position) {
    const { context, view, palette } = this;
    const top = view.height - OVERVIEW;
    context.drawImage(this.tiles.overview, 0, top, view.width, OVERVIEW);
    const left = view.overviewX(view.scroll / view.zoom);
    const visible = Math.min(1, view.span / view.contentWidth) * view.span;
    context.strokeStyle = context.fillStyle = palette.text;
    context.lineWidth = 1.5;
    context.globalAlpha = 0.6;
    if (visible < view.span) {
      context.beginPath();
      context.roundRect(left + 1, top + 1, Math.max(6, visible - 2), OVERVIEW - 2, 4);
      context.stroke();
    }
    context.globalAlpha = 1;
    context.fillRect(crisp(view.overviewX(position)) - 0.75, top, 1.5, OVERVIEW);
  }
}
