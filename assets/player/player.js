// The player: one object per component on the page. It keeps what survives a rerun of the script.

import { readPalette } from "./canvas.js";
import { find } from "./dom.js";
import { listenToKeys, listenToPointer, listenToTools } from "./input.js";
import { LatentPlot } from "./latent.js";
import { fillTable, updateReadout } from "./readout.js";
import { Roll } from "./roll.js";
import { barBeat, clamp, decodeBytes, describeCell, notesAt, readScore } from "./score.js";
import { Sound } from "./sound.js";

/** @import { Cell } from "./input.js" */
/** @import { Note, Payload, Range } from "./score.js" */

/**
 * What Streamlit passes on every rerun.
 *
 * @typedef {object} Component
 * @property {HTMLElement | ShadowRoot} parentElement the root of the component.
 * @property {Payload} data the payload from Python.
 * @property {(name: string, value: unknown) => void} setStateValue sets a value that stays.
 * @property {(name: string, value: unknown) => void} setTriggerValue sets a value for one rerun.
 */

const READOUT_MILLISECONDS = 100; // between two updates of the text during the music
const AFTER_START = 1e-3; // in frames; the audio clock rounds down
const PATH_LEGEND =
  "The ring marks the current state; its radius is one standard deviation. Dots mark the " +
  "beginnings of bars.";
const PROBABILITIES_LEGEND = "Pale cells of the piano-roll are probabilities of notes.";

/** @param {HTMLElement} root */
function findParts(root) {
  /** @type {(selector: string) => HTMLElement} */
  const element = (selector) => find(root, selector, HTMLElement);
  return {
    audio: find(root, "audio", HTMLAudioElement),
    roll: find(root, ".roll", HTMLCanvasElement),
    latent: find(root, ".latent", HTMLCanvasElement),
    speed: find(root, ".speed", HTMLSelectElement),
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
    plane: element(".plane"),
    caption: element("figcaption"),
    loop: element("button.loop"),
    follow: element(".follow"),
  };
}

/** A player with its sound, pictures and controls. */
export class Player {
  /** @param {Component} component */
  constructor(component) {
    this.component = component;
    this.root = find(component.parentElement, ".player", HTMLElement);
    this.parts = findParts(this.root);
    this.score = readScore(component.data);
    this.sound = new Sound(
      this.parts.audio,
      this.score,
      () => this.#soundChanged(),
      (message) => this.#showError(message),
    );
    this.roll = new Roll(this.parts.roll, this.score);
    /** @type {LatentPlot | null} */
    this.latentPlot = null;
    /** @type {Range | null} First and last frame of the loop region. */
    this.region = null;
    /** @type {Note | null} */
    this.selected = null;
    /** @type {Cell | null} The cell under the pointer. */
    this.pointed = null;
    this.following = true; // whether the roll scrolls with the music
    this.closed = false;
    /** @type {number | null} The requested animation frame. */
    this.request = null;
    this.pixelRatio = 0;
    this.lastFrame = 0; // in milliseconds, as `lastReadout`
    this.lastReadout = 0;
    this.reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
    this.reducedMotion.onchange = () => this.show();
    this.parts.notes.ontoggle = () => this.#fillTable();
    listenToTools(this);
    listenToPointer(this);
    listenToKeys(this);
    this.observer = new ResizeObserver(() => this.#layout());
    this.observer.observe(this.parts.roll);
    this.observer.observe(this.parts.latent);
    this.#restart();
    if (component.data.loop) this.#startWithLoop(component.data.loop);
    this.#refresh();
  }

  get data() {
    return this.component.data;
  }

  /**
   * Take what Streamlit passes on a rerun. Only another sound or time grid resets the player.
   *
   * @param {Component} component
   */
  update(component) {
    const before = this.data;
    this.component = component;
    if (before !== this.data) this.score = readScore(this.data);
    if (before.id !== this.data.id) this.#restart();
    this.#refresh();
  }

  close() {
    this.closed = true;
    this.sound.release();
    this.observer.disconnect();
    this.reducedMotion.onchange = null;
    if (this.request !== null) cancelAnimationFrame(this.request);
  }

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
   * @param {number} [x] the place that is kept; by default the playhead, or the middle if the
   *   playhead is not visible.
   */
  zoomBy(factor, x) {
    const { view } = this.roll;
    const playhead = view.x(this.sound.position);
    const visible = playhead >= view.gutter && playhead <= view.width;
    view.zoomBy(factor, x ?? (visible ? playhead : view.gutter + view.span / 2));
    this.show();
  }

  fit() {
    this.roll.view.fit();
    this.show();
  }

  /** @param {boolean} following whether the roll scrolls with the music. */
  follow(following) {
    this.following = following;
    this.parts.follow.setAttribute("aria-pressed", String(following));
    this.show();
  }

  /** @param {Cell | null} cell the cell under the pointer. */
  point(cell) {
    this.pointed = cell;
    this.show();
  }

  /**
   * Select a note and report it to Python.
   *
   * @param {Note} note
   */
  select(note) {
    this.selected = note;
    this.#announce(`Selected: ${describeCell(this.score, note.start, note.pitch)}`);
    this.component.setTriggerValue("note", [note.start, note.pitch]);
    this.show();
  }

  /** Select the next note that sounds now. */
  selectNext() {
    const sounding = notesAt(this.score, Math.floor(this.sound.position));
    const index = sounding.findIndex((note) => note === this.selected);
    const next = sounding[(index + 1) % sounding.length];
    if (next) this.select(next);
  }

  toggleLoop() {
    this.setLoop(!this.sound.looping, this.region);
    this.#announce(this.sound.looping ? "Loop on" : "Loop off");
  }

  /**
   * Switch the loop on or off.
   *
   * @param {boolean} looping
   * @param {Range | null} region first and last frame, or null for the whole piece.
   */
  setLoop(looping, region) {
    this.region = region;
    this.sound.setLoop(looping, region);
    this.parts.loop.setAttribute("aria-pressed", String(looping));
    this.show();
  }

  /**
   * Move an end of the region to the current frame.
   *
   * @param {0 | 1} edge 0 for the first frame, 1 for the last.
   */
  moveRegionEdge(edge) {
    const frame = Math.floor(this.sound.position + AFTER_START);
    const here = clamp(frame, 0, this.score.frames - 1);
    const [first, last] = this.region ?? [0, this.score.frames - 1];
    this.setLoop(true, edge === 0 ? [here, Math.max(here, last)] : [Math.min(first, here), here]);
    this.reportRegion();
  }

  clearRegion() {
    if (!this.region) return;
    this.setLoop(false, null);
    this.reportRegion();
  }

  /** Announce the region and report it to Python. */
  reportRegion() {
    const ends = this.region?.map((frame) => barBeat(this.score, frame));
    this.#announce(ends ? `Region from ${ends[0]} to ${ends[1]}` : "No region");
    this.component.setStateValue("region", this.region && [this.data.id, ...this.region]);
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
    const { sound, roll, region, selected } = this;
    sound.wrap();
    const position = this.reducedMotion.matches ? Math.floor(sound.position) : sound.position;
    if (sound.playing) {
      if (this.following) this.#scrollWith(position, (now - this.lastFrame) / 1000);
      this.show();
    }
    this.lastFrame = now;
    roll.painter?.draw({ position, region, looping: sound.looping, selected });
    this.latentPlot?.draw(position);
    if (sound.playing && now - this.lastReadout < READOUT_MILLISECONDS) return;
    this.lastReadout = now;
    updateReadout(this, position);
  }

  /**
   * @param {number} position
   * @param {number} seconds since the last frame.
   */
  #scrollWith(position, seconds) {
    if (this.reducedMotion.matches) this.roll.view.reveal(position);
    else this.roll.view.glide(position, clamp(seconds, 0, 0.1));
  }

  /** Load the sound and reset everything that belongs to the previous one. */
  #restart() {
    this.sound.load(decodeBytes(this.data.wav), this.score);
    this.sound.audio.playbackRate = Number(this.parts.speed.value);
    this.roll.view.reset();
    [this.selected, this.pointed] = [null, null];
    if (this.region) this.clearRegion();
    else this.setLoop(false, null);
    this.#soundChanged(); // Loading discards the events that the previous sound had queued.
  }

  /**
   * Start with a loop region. It is reported to Python, so that its end is reported as well.
   *
   * @param {Range} region
   */
  #startWithLoop(region) {
    this.setLoop(true, region);
    this.reportRegion();
    this.sound.position = region[0] + AFTER_START;
  }

  /** Write the texts and lay out the pictures. */
  #refresh() {
    const { title } = this.data;
    const { path, notes, frames, probabilities } = this.score;
    this.parts.title.textContent = title;
    this.root.setAttribute("aria-label", title || "Player");
    this.roll.canvas.setAttribute("aria-label", `Piano-roll of ${title || "a piece"}, position`);
    this.roll.canvas.setAttribute("aria-valuemin", "0");
    this.roll.canvas.setAttribute("aria-valuemax", String(frames));
    this.parts.empty.hidden = notes.length > 0;
    this.parts.plane.hidden = !path;
    if (path) {
      const legend = probabilities ? `${PATH_LEGEND} ${PROBABILITIES_LEGEND}` : PATH_LEGEND;
      this.parts.caption.textContent = `${path.caption} ${legend}`.trim();
      this.parts.latent.setAttribute("aria-label", path.caption || "Latent path");
    }
    this.#fillTable();
    this.#layout();
  }

  #fillTable() {
    if (this.parts.notes.open) fillTable(this.parts.table, this.score);
  }

  /** Adapt the pictures to the current size and theme. */
  #layout() {
    this.root.style.setProperty("--height", `${this.data.height}px`);
    if (!this.roll.canvas.clientWidth) return; // It is not visible and has no size yet.
    const palette = readPalette(this.root);
    this.pixelRatio = window.devicePixelRatio;
    this.root.style.colorScheme = palette.dark ? "dark" : "light";
    this.roll.layout(this.score, palette);
    const { path } = this.score;
    this.latentPlot = path && new LatentPlot(this.parts.latent, this.score, path, palette);
    this.show();
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

  /** @param {string} sentence read by a screen reader. */
  #announce(sentence) {
    this.parts.announcement.textContent = sentence;
  }
}

/** @type {WeakMap<object, Player>} */
const players = new WeakMap();

/**
 * Called by Streamlit on every rerun; returns a function that removes the player.
 *
 * @param {Component} component
 */
export default function mount(component) {
  const { parentElement } = component;
  const known = players.get(parentElement);
  const player = known ?? new Player(component);
  if (known) known.update(component);
  else players.set(parentElement, player);
  return () => {
    player.close();
    players.delete(parentElement);
  };
}
