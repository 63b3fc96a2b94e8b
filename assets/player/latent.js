// The latent path: where z(t) goes in the plane, how sure the posterior is, and where it is now.

const MARGIN = 22;

/** The x-y picture of a path (T, 2) with a band of one standard deviation. */
class Latent {
  constructor(canvas) {
    this.canvas = canvas;
  }

  /** Take a new score, size or theme. */
  lay(score, palette) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    Object.assign(this, { score, palette, width, height });
    this.#fit();
    this.context = sized(this.canvas, width, height);
    this.still = document.createElement("canvas");
    this.#paintStill(sized(this.still, width, height));
  }

  /** Choose one scale for both axes, so that distances in the picture are those of the plane. */
  #fit() {
    const { loc, scale } = this.score.path;
    const least = [Infinity, Infinity];
    const most = [-Infinity, -Infinity];
    for (let i = 0; i < loc.length; i++) {
      least[i % 2] = Math.min(least[i % 2], loc[i] - scale[i]);
      most[i % 2] = Math.max(most[i % 2], loc[i] + scale[i]);
    }
    const [wide, high] = [most[0] - least[0] || 1, most[1] - least[1] || 1];
    this.unit = Math.min((this.width - 2 * MARGIN) / wide, (this.height - 2 * MARGIN) / high);
    this.centre = [(least[0] + most[0]) / 2, (least[1] + most[1]) / 2];
  }

  /** The path at `position` (frames, with a fraction): canvas x and y, half-axes of the band. */
  at(position) {
    const { loc, scale } = this.score.path;
    const frame = clamp(Math.floor(position), 0, this.score.frames - 1);
    const next = Math.min(frame + 1, this.score.frames - 1);
    const part = clamp(position - frame, 0, 1);
    const mix = (values, axis) =>
      values[2 * frame + axis] * (1 - part) + values[2 * next + axis] * part;
    return {
      x: this.width / 2 + (mix(loc, 0) - this.centre[0]) * this.unit,
      y: this.height / 2 - (mix(loc, 1) - this.centre[1]) * this.unit,
      wide: Math.max(1.5, mix(scale, 0) * this.unit),
      high: Math.max(1.5, mix(scale, 1) * this.unit),
    };
  }

  #paintStill(context) {
    const { score, palette, width, height } = this;
    // The band is painted opaque on a canvas of its own and laid down faintly once: overlapping
    // ellipses would otherwise look like certainty.
    const band = document.createElement("canvas");
    const brush = sized(band, width, height);
    brush.fillStyle = palette.written;
    context.strokeStyle = palette.written;
    context.lineWidth = 1;
    context.beginPath();
    for (let frame = 0; frame < score.frames; frame++) {
      const here = this.at(frame);
      const next = this.at(frame + 1);
      const distance = Math.hypot(next.x - here.x, next.y - here.y);
      const steps = clamp(Math.ceil(distance / Math.min(here.wide, here.high) / 0.5), 1, 12);
      for (let step = 0; step < steps; step++) {
        const { x, y, wide, high } = this.at(frame + step / steps);
        brush.beginPath();
        brush.ellipse(x, y, wide, high, 0, 0, 2 * Math.PI);
        brush.fill();
      }
      context.lineTo(here.x, here.y);
    }
    context.globalAlpha = 0.13;
    context.drawImage(band, 0, 0, width, height);
    context.globalAlpha = clamp(90 / score.frames, 0.15, 0.5); // A long path lies over itself.
    context.stroke();
    this.#paintBars(context);
  }

  /** A dot where each bar begins, the first of them and the last with their numbers. */
  #paintBars(context) {
    const { score, palette } = this;
    const bars = Math.ceil(score.frames / score.framesPerBar);
    const step = Math.ceil(bars / 8);
    context.fillStyle = palette.text;
    context.font = `10px ${palette.font}`;
    for (let bar = 0; bar < bars; bar += bars > 64 ? step : 1) {
      const { x, y } = this.at(bar * score.framesPerBar);
      context.globalAlpha = 0.55;
      context.beginPath();
      context.arc(x, y, 2, 0, 2 * Math.PI);
      context.fill();
      context.globalAlpha = 0.8;
      if (bar % step === 0) context.fillText(String(bar + 1), x + 5, y - 4);
    }
  }

  /** Draw the picture at `position`: the last two bars as a trail, the band and point of now. */
  draw(position) {
    const { context, score, palette } = this;
    context.clearRect(0, 0, this.width, this.height);
    context.drawImage(this.still, 0, 0, this.width, this.height);
    const trail = Math.min(64, 2 * score.framesPerBar);
    const last = Math.min(position, score.frames - 1);
    context.lineCap = "round";
    context.strokeStyle = palette.sounding;
    context.lineWidth = 2.5;
    for (let age = trail; age > 0; age--) {
      const from = Math.ceil(last) - age;
      if (from < 0) continue;
      const [here, next] = [this.at(from), this.at(Math.min(from + 1, last))];
      context.globalAlpha = (1 - age / (trail + 1)) ** 1.5;
      context.beginPath();
      context.moveTo(here.x, here.y);
      context.lineTo(next.x, next.y);
      context.stroke();
    }
    const now = this.at(last);
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

  /** The frame whose point is nearest to a place on the canvas, or null if none is near. */
  nearest(x, y) {
    let best = null;
    let least = 24;
    for (let frame = 0; frame < this.score.frames; frame++) {
      const point = this.at(frame);
      const distance = Math.hypot(point.x - x, point.y - y);
      if (distance < least) [best, least] = [frame, distance];
    }
    return best;
  }
}
