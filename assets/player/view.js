// The geometry of the piano-roll: where frames and pitches are on its canvas, in CSS pixels.

import { clamp } from "./score.js";

/** @import { Note, Score } from "./score.js" */

/** @typedef {"overview" | "keyboard" | "ruler" | "roll" | "strip"} Zone */

/** Height of the ruler above the roll. */
export const RULER = 26;
/** Height of the overview below the roll. */
export const OVERVIEW = 20;

const STRIP = 60;
const NARROW_WIDTH = 520;
const MIN_SNAP_PIXELS = 7;

/** Zoom, scroll position and zones of the roll's canvas. */
export class View {
  /**
   * @param {Score} score
   * @param {number} [quarterWidth] pixels per quarter note at the initial zoom.
   */
  constructor(score, quarterWidth = 9) {
    this.score = score;
    this.quarterWidth = quarterWidth;
    this.width = 0;
    this.height = 0;
    this.gutter = 0; // width of the keyboard
    this.rollTop = RULER;
    this.rollBottom = RULER;
    this.rows = 1;
    this.rowHeight = 1;
    this.scroll = 0; // in pixels
    /** @type {number | null} Pixels per frame, or null for the default. */
    this.chosenZoom = null;
  }

  /** Return to the initial zoom and scroll position. */
  reset() {
    this.chosenZoom = null;
    this.scroll = 0;
  }

  /**
   * Take a new score or size.
   *
   * @param {Score} score
   * @param {number} width
   * @param {number} height
   */
  layout(score, width, height) {
    this.score = score;
    this.width = width;
    this.height = height;
    this.gutter = width < NARROW_WIDTH ? 36 : 48;
    this.rollBottom = height - OVERVIEW - (score.kl ? STRIP : 0);
    this.rows = score.high - score.low + 1;
    this.rowHeight = (this.rollBottom - this.rollTop) / this.rows;
    this.scrollTo(this.scroll);
  }

  /** Width of the roll without the keyboard. */
  get span() {
    return Math.max(1, this.width - this.gutter);
  }

  /** Largest zoom. */
  get maxZoom() {
    return 160 / this.score.stepsPerQuarter;
  }

  /** Smallest zoom, at which the whole piece is visible. */
  get minZoom() {
    return Math.min(this.maxZoom, this.span / this.score.frames);
  }

  /** Pixels per frame. */
  get zoom() {
    const readable = this.quarterWidth / this.score.stepsPerQuarter;
    return clamp(this.chosenZoom ?? readable, this.minZoom, this.maxZoom);
  }

  /** Width of the whole piece. */
  get contentWidth() {
    return this.zoom * this.score.frames;
  }

  /** @param {number} scroll */
  scrollTo(scroll) {
    this.scroll = clamp(scroll, 0, Math.max(0, this.contentWidth - this.span));
  }

  /**
   * Zoom by `factor`; the frame at `x` keeps its place.
   *
   * @param {number} factor
   * @param {number} x
   */
  zoomBy(factor, x) {
    const frame = this.frameAtX(x);
    this.chosenZoom = clamp(this.zoom * factor, this.minZoom, this.maxZoom);
    this.scrollTo(frame * this.zoom - (x - this.gutter));
  }

  /** Show the whole piece. */
  fit() {
    this.chosenZoom = this.minZoom;
    this.scrollTo(0);
  }

  /** @param {number} frame */
  x(frame) {
    return this.gutter + frame * this.zoom - this.scroll;
  }

  /** @param {number} x */
  frameAtX(x) {
    return (x - this.gutter + this.scroll) / this.zoom;
  }

  /**
   * The upper edge of the row of a pitch.
   *
   * @param {number} pitch
   */
  y(pitch) {
    return this.rollTop + (this.score.high - pitch) * this.rowHeight;
  }

  /** @param {number} y */
  pitchAt(y) {
    return this.score.high - Math.floor((y - this.rollTop) / this.rowHeight);
  }

  /** @param {number} frame */
  overviewX(frame) {
    return this.gutter + frame * this.minZoom;
  }

  /** @param {number} x */
  overviewFrame(x) {
    return (x - this.gutter) / this.minZoom;
  }

  /**
   * The height at which the strip shows a kl of `value` nats.
   *
   * @param {number} value
   */
  stripY(value) {
    const floor = this.height - OVERVIEW - 6;
    return floor - (Math.max(0, value) / this.score.klMax) * (floor - this.rollBottom - 8);
  }

  /**
   * The rectangle of a note. x is measured from the start of the piece, y on the canvas.
   *
   * @param {Note} note
   */
  noteBox(note) {
    const gap = Math.min(1.5, this.zoom * 0.15);
    const width = Math.max((note.end - note.start) * this.zoom - gap, 1.5);
    const inset = this.rowHeight > 6 ? 0.75 : 0.25;
    const height = this.rowHeight - 2 * inset;
    return {
      x: note.start * this.zoom,
      y: this.y(note.pitch) + inset,
      width,
      height,
      radius: Math.min(3, height / 3, width / 2),
    };
  }

  /**
   * The part of the canvas that contains a point.
   *
   * @param {number} x
   * @param {number} y
   * @returns {Zone}
   */
  zone(x, y) {
    if (y >= this.height - OVERVIEW) return "overview";
    if (x < this.gutter) return "keyboard";
    if (y < this.rollTop) return "ruler";
    return y < this.rollBottom ? "roll" : "strip";
  }

  /** Unit in frames of a dragged region: a frame, beat or bar of at least seven pixels. */
  get snapUnit() {
    const { stepsPerQuarter, framesPerBar } = this.score;
    const units = [1, stepsPerQuarter, framesPerBar];
    return units.find((unit) => unit * this.zoom >= MIN_SNAP_PIXELS) ?? framesPerBar;
  }

  /**
   * The frame boundary nearest to `x` at which a region can begin or end.
   *
   * @param {number} x
   */
  snappedFrame(x) {
    const unit = this.snapUnit;
    return clamp(Math.round(this.frameAtX(x) / unit) * unit, 0, this.score.frames);
  }

  /**
   * Scroll so that `frame` is visible, if it is not.
   *
   * @param {number} frame
   */
  reveal(frame) {
    const x = this.x(frame) - this.gutter;
    if (x < 0 || x > this.span * 0.95) this.scrollTo(frame * this.zoom - this.span * 0.05);
  }

  /**
   * Scroll smoothly, so that `frame` approaches a point at a third of the width.
   *
   * The distance decays exponentially, independently of the frame rate.
   *
   * @param {number} frame
   * @param {number} seconds since the last call.
   */
  glide(frame, seconds) {
    const target = frame * this.zoom - this.span * 0.35;
    this.scrollTo(this.scroll + (target - this.scroll) * (1 - Math.exp(-6 * seconds)));
  }
}
