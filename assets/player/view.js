// Where a frame and a pitch stand on the roll's canvas, in CSS pixels, and how they read the theme.

const RULER = 26;
const STRIP = 60;
const OVERVIEW = 20;

/** The geometry of the roll: zoom (pixels a frame), scroll (pixels), zones of the canvas. */
class View {
  constructor() {
    this.score = null;
    this.width = 0;
    this.height = 0;
    this.reset();
  }

  reset() {
    this.zoomChosen = null; // null: as much of the piece as stays readable
    this.scroll = 0;
  }

  layout(score, width, height) {
    Object.assign(this, { score, width, height });
    this.gutter = width < 520 ? 36 : 48;
    this.strip = score.kl ? STRIP : 0;
    this.rollTop = RULER;
    this.rollBottom = height - OVERVIEW - this.strip;
    this.rows = score.high - score.low + 1;
    this.rowHeight = (this.rollBottom - this.rollTop) / this.rows;
    this.scrollTo(this.scroll);
  }

  get span() {
    return Math.max(1, this.width - this.gutter);
  }

  get widest() {
    return 160 / this.score.stepsPerQuarter;
  }

  get narrowest() {
    return Math.min(this.widest, this.span / this.score.frames);
  }

  get zoom() {
    const readable = 9 / this.score.stepsPerQuarter;
    return clamp(this.zoomChosen ?? readable, this.narrowest, this.widest);
  }

  get content() {
    return this.zoom * this.score.frames;
  }

  scrollTo(scroll) {
    this.scroll = clamp(scroll, 0, Math.max(0, this.content - this.span));
  }

  /** Zoom by `factor`, keeping the frame under `x` where it is. */
  zoomBy(factor, x) {
    const frame = this.frameAt(x);
    this.zoomChosen = clamp(this.zoom * factor, this.narrowest, this.widest);
    this.scrollTo(frame * this.zoom - (x - this.gutter));
  }

  fit() {
    this.zoomChosen = this.narrowest;
    this.scrollTo(0);
  }

  x(frame) {
    return this.gutter + frame * this.zoom - this.scroll;
  }

  frameAt(x) {
    return (x - this.gutter + this.scroll) / this.zoom;
  }

  y(pitch) {
    return this.rollTop + (this.score.high - pitch) * this.rowHeight;
  }

  pitchAt(y) {
    return this.score.high - Math.floor((y - this.rollTop) / this.rowHeight);
  }

  /** The overview shows the whole piece in the width it needs at most. */
  overviewX(frame) {
    return this.gutter + frame * this.narrowest;
  }

  overviewFrame(x) {
    return (x - this.gutter) / this.narrowest;
  }

  /** The height at which the strip shows a kl of `value` nats. */
  stripY(value) {
    const floor = this.height - OVERVIEW - 6;
    return floor - (Math.max(0, value) / this.score.klMax) * (floor - this.rollBottom - 8);
  }

  /** The rectangle of a note: x is in piece pixels (before scrolling), y in canvas pixels. */
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

  /** Which part of the canvas a point is in. */
  zone(x, y) {
    if (y >= this.height - OVERVIEW) return "overview";
    if (x < this.gutter) return "keyboard";
    if (y < this.rollTop) return "ruler";
    return y < this.rollBottom ? "roll" : "strip";
  }

  /** What a dragged loop region clings to: the finest of frame, beat and bar that is no fiddle. */
  get snap() {
    const { stepsPerQuarter, framesPerBar } = this.score;
    return [1, stepsPerQuarter, framesPerBar].find((unit) => unit * this.zoom >= 7) ?? framesPerBar;
  }

  /** Bring `frame` into view at once, if it is not there. */
  reveal(frame) {
    const x = this.x(frame) - this.gutter;
    if (x < 0 || x > this.span * 0.95) this.scrollTo(frame * this.zoom - this.span * 0.05);
  }

  /** Glide so that `frame` stands a third into the view; `seconds` since the last step. */
  glide(frame, seconds) {
    const target = frame * this.zoom - this.span * 0.35;
    this.scrollTo(this.scroll + (target - this.scroll) * (1 - Math.exp(-6 * seconds)));
  }
}

/** The theme's colours; blue is what is written, orange what sounds now. */
function readPalette(element) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const [background, text] = [colour("background-color"), colour("text-color")];
  const dark = lightness(background) < lightness(text);
  return {
    background,
    text,
    dark,
    ivory: dark ? text : background,
    ebony: dark ? background : text,
    panel: colour("secondary-background-color"),
    accent: colour("primary-color"),
    written: colour("chart-categorical-colors").split(",")[0],
    sounding: colour("orange-color"),
    font: colour("font") || "sans-serif",
  };
}

/** How light a CSS colour is, from 0 to 255. */
function lightness(colour) {
  const context = sized(document.createElement("canvas"), 1, 1);
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return 0.3 * red + 0.59 * green + 0.11 * blue;
}

/** Give `canvas` its size in device pixels and return its context, drawing in CSS pixels. */
function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return context;
}

/** A coordinate moved to the nearest device pixel, so that edges are sharp. */
function crisp(value) {
  const ratio = window.devicePixelRatio || 1;
  return Math.round(value * ratio) / ratio;
}
