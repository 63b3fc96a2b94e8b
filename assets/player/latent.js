// The latent path: the posterior means of z in a plane, with the current state.

import { resize } from "./canvas.js";
import { clamp } from "./score.js";

/** @import { Palette } from "./canvas.js" */
/** @import { Path, Score } from "./score.js" */

const MARGIN = 22;
const CLICK_RADIUS = 24; // pixels
const MAX_TRAIL_FRAMES = 64;

/** The geometry of a path on a canvas, in CSS pixels. */
export class PathGeometry {
  /**
   * Choose the same scale for both axes, so that distances on the canvas are those of the plane.
   *
   * @param {Path} path
   * @param {number} width
   * @param {number} height
   */
  constructor(path, width, height) {
    this.path = path;
    this.frames = path.loc.length / 2;
    this.width = width;
    this.height = height;
    const least = [Infinity, Infinity];
    const most = [-Infinity, -Infinity];
    for (let i = 0; i < path.loc.length; i++) {
      least[i % 2] = Math.min(least[i % 2], path.loc[i] - path.scale[i]);
      most[i % 2] = Math.max(most[i % 2], path.loc[i] + path.scale[i]);
    }
    const [wide, high] = [most[0] - least[0] || 1, most[1] - least[1] || 1];
    this.unit = Math.min((width - 2 * MARGIN) / wide, (height - 2 * MARGIN) / high);
    this.centre = [(least[0] + most[0]) / 2, (least[1] + most[1]) / 2];
  }

  /**
   * The path at `position`, interpolated between frames: its point, and the half-axes of an ellipse
   * of one standard deviation.
   *
   * @param {number} position in frames, with a fraction.
   */
  at(position) {
    const { loc, scale } = this.path;
    const frame = clamp(Math.floor(position), 0, this.frames - 1);
    const next = Math.min(frame + 1, this.frames - 1);
    const part = clamp(position - frame, 0, 1);
    /** @type {(values: Float32Array, axis: number) => number} */
    const mix = (values, axis) =>
      values[2 * frame + axis] * (1 - part) + values[2 * next + axis] * part;
    return {
      x: this.width / 2 + (mix(loc, 0) - this.centre[0]) * this.unit,
      y: this.height / 2 - (mix(loc, 1) - this.centre[1]) * this.unit,
      wide: Math.max(1.5, mix(scale, 0) * this.unit),
      high: Math.max(1.5, mix(scale, 1) * this.unit),
    };
  }

  /**
   * The frame whose point is nearest to a place on the canvas, or null if none is near.
   *
   * @param {number} x
   * @param {number} y
   */
  nearest(x, y) {
    let best = null;
    let least = CLICK_RADIUS;
    for (let frame = 0; frame < this.frames; frame++) {
      const point = this.at(frame);
      const distance = Math.hypot(point.x - x, point.y - y);
      if (distance < least) [best, least] = [frame, distance];
    }
    return best;
  }
}

/** The path on its canvas: a static background, and in front of it the current state. */
export class LatentPlot {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Score} score
   * @param {Path} path
   * @param {Palette} palette
   */
  constructor(canvas, score, path, palette) {
    const { clientWidth: width, clientHeight: height } = canvas;
    this.score = score;
    this.palette = palette;
    this.geometry = new PathGeometry(path, width, height);
    this.context = resize(canvas, width, height);
    this.background = document.createElement("canvas");
    this.#paintBackground(resize(this.background, width, height));
  }

  /** @param {CanvasRenderingContext2D} context */
  #paintBackground(context) {
    const { score, palette, geometry } = this;
    const { width, height } = geometry;
    // The band is painted opaque on its own canvas, which is then drawn once with transparency.
    // Overlapping transparent ellipses would add up to a dark band, as if it were certain.
    const band = document.createElement("canvas");
    const brush = resize(band, width, height);
    brush.fillStyle = palette.written;
    context.strokeStyle = palette.written;
    context.lineWidth = 1;
    context.beginPath();
    for (let frame = 0; frame < score.frames; frame++) {
      const here = geometry.at(frame);
      const next = geometry.at(frame + 1);
      // Ellipses at most half a radius apart make a continuous band.
      const distance = Math.hypot(next.x - here.x, next.y - here.y);
      const steps = clamp(Math.ceil(distance / Math.min(here.wide, here.high) / 0.5), 1, 12);
      for (let step = 0; step < steps; step++) {
        const { x, y, wide, high } = geometry.at(frame + step / steps);
        brush.beginPath();
        brush.ellipse(x, y, wide, high, 0, 0, 2 * Math.PI);
        brush.fill();
      }
      context.lineTo(here.x, here.y);
    }
    context.globalAlpha = 0.13;
    context.drawImage(band, 0, 0, width, height);
    context.globalAlpha = clamp(90 / score.frames, 0.15, 0.5); // A long path overlaps itself.
    context.stroke();
    this.#paintBars(context);
  }

  /**
   * Draw a dot at the beginning of each bar, and the numbers of about eight bars.
   *
   * @param {CanvasRenderingContext2D} context
   */
  #paintBars(context) {
    const { score, palette, geometry } = this;
    const bars = Math.ceil((score.frames - score.upbeat) / score.framesPerBar);
    const step = Math.ceil(bars / 8);
    context.fillStyle = palette.text;
    context.font = `10px ${palette.font}`;
    for (let bar = 0; bar < bars; bar += bars > 64 ? step : 1) {
      const { x, y } = geometry.at(score.upbeat + bar * score.framesPerBar);
      context.globalAlpha = 0.55;
      context.beginPath();
      context.arc(x, y, 2, 0, 2 * Math.PI);
      context.fill();
      context.globalAlpha = 0.8;
      if (bar % step === 0) context.fillText(String(bar + 1), x + 5, y - 4);
    }
  }

  /**
   * Draw the path with the last two bars as a fading trail, and the current state with its ellipse.
   *
   * @param {number} position in frames, with a fraction.
   */
  draw(position) {
    const { context, score, palette, geometry } = this;
    context.clearRect(0, 0, geometry.width, geometry.height);
    context.drawImage(this.background, 0, 0, geometry.width, geometry.height);
    const trail = Math.min(MAX_TRAIL_FRAMES, 2 * score.framesPerBar);
    const last = Math.min(position, score.frames - 1);
    context.lineCap = "round";
    context.strokeStyle = palette.sounding;
    context.lineWidth = 2.5;
    for (let age = trail; age > 0; age--) {
      const from = Math.ceil(last) - age;
      if (from < 0) continue;
      const [here, next] = [geometry.at(from), geometry.at(Math.min(from + 1, last))];
      context.globalAlpha = (1 - age / (trail + 1)) ** 1.5;
      context.beginPath();
      context.moveTo(here.x, here.y);
      context.lineTo(next.x, next.y);
      context.stroke();
    }
    const now = geometry.at(last);
    context.fillStyle = palette.sounding;
    context.beginPath();
    context.ellipse(now.x, now.y, now.wide, now.high, 0, 0, 2 * Math.PI);
    context.globalAlpha = 0.25;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 1.25;
    context.stroke();
    context.beginPath();
    context.arc(now.x, now.y, 5, 0, 2 * Math.PI);
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = palette.text;
    context.stroke();
  }
}
