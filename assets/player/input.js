// Input: buttons and sliders, pointer, wheel and keyboard.

import { find } from "./dom.js";
import { LOWEST, PITCHES } from "./score.js";

/** @import { Player } from "./player.js" */
/** @import { Range } from "./score.js" */
/** @import { View, Zone } from "./view.js" */

/** @typedef {{x: number, y: number}} Point in CSS pixels on the canvas. */
/** @typedef {{frame: number, pitch: number}} Cell a cell of the roll. */

/**
 * A pointer that is held down: where and on which zone it started, the scroll position at that
 * time, whether it has moved, and on the ruler the fixed end of the region.
 *
 * @typedef {Point & {zone: Zone, scroll: number, moved: boolean, anchor: number}} Drag
 */

const CLICK_PIXELS = 4; // A pointer that moves no farther than this makes a click.
const EDGE_PIXELS = 7; // The end of a region can be dragged from this distance.
const MIN_PINCH_PIXELS = 20;
const ZOOM_STEP = 1.5;
const WHEEL_ZOOM_RATE = 0.01; // per pixel

/**
 * The region between two frame boundaries, in any order, or null if they are equal.
 *
 * @param {number} a
 * @param {number} b
 * @returns {Range | null}
 */
export function regionBetween(a, b) {
  return a === b ? null : [Math.min(a, b), Math.max(a, b) - 1];
}

/**
 * The boundary that stays fixed while the end of `region` at `x` is dragged, or null if no end is
 * near.
 *
 * @param {Range | null} region
 * @param {View} view
 * @param {number} x
 */
export function oppositeEnd(region, view, x) {
  if (!region) return null;
  const ends = [region[0], region[1] + 1];
  const near = ends.findIndex((end) => Math.abs(view.x(end) - x) < EDGE_PIXELS);
  return near < 0 ? null : ends[1 - near];
}

/**
 * Listen to the buttons and sliders above the roll, and to clicks on the latent path.
 *
 * @param {Player} player
 */
export function listenToTools(player) {
  const { root, sound, parts } = player;
  /** @type {Record<string, () => void>} */
  const actions = {
    ".play": () => sound.toggle(),
    ".stop": () => player.stop(),
    ".loop": () => player.toggleLoop(),
    ".zoom-in": () => player.zoomBy(ZOOM_STEP),
    ".zoom-out": () => player.zoomBy(1 / ZOOM_STEP),
    ".fit": () => player.fit(),
    ".follow": () => player.follow(!player.following),
  };
  for (const [selector, action] of Object.entries(actions)) {
    find(root, selector, HTMLButtonElement).onclick = action;
  }
  const { speed, volume, latent } = parts;
  speed.onchange = () => {
    sound.audio.playbackRate = Number(speed.value);
  };
  volume.oninput = () => {
    sound.audio.volume = Number(volume.value) ** 2; // closer to perceived loudness
  };
  sound.audio.volume = Number(volume.value) ** 2;
  latent.onclick = ({ offsetX, offsetY }) => {
    const frame = player.latentPlot?.geometry.nearest(offsetX, offsetY) ?? null;
    if (frame !== null) player.seek(frame);
  };
}

/**
 * Listen to pointers and the wheel on the roll.
 *
 * @param {Player} player
 */
export function listenToPointer(player) {
  const { canvas, view } = player.roll;
  /** @type {Map<number, Point>} */
  const pointers = new Map();
  /** @type {Drag | null} */
  let drag = null;
  let spread = 0; // distance between two fingers

  /** @type {(event: MouseEvent) => Point} */
  const pointOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const pinchSpread = () => {
    const [one, two] = [...pointers.values()];
    return Math.max(MIN_PINCH_PIXELS, Math.abs(one.x - two.x));
  };
  /** @type {(point: Point) => Cell | null} */
  const cellAt = ({ x, y }) => {
    const cell = { frame: Math.floor(view.frameAtX(x)), pitch: view.pitchAt(y) };
    const inside = cell.frame < view.score.frames && view.zone(x, y) === "roll";
    return inside ? cell : null;
  };
  /** @type {(cell: Cell | null) => import("./score.js").Note | null} */
  const noteIn = (cell) => {
    if (!cell) return null;
    const index = view.score.noteAt[cell.frame * PITCHES + cell.pitch - LOWEST];
    return view.score.notes[index] ?? null;
  };
  /** @type {(x: number) => void} */
  const scrollToOverview = (x) =>
    player.scrollTo(view.overviewFrame(x) * view.zoom - view.span / 2);

  canvas.onpointerdown = (event) => {
    if (event.button !== 0) return;
    const point = pointOf(event);
    pointers.set(event.pointerId, point);
    canvas.setPointerCapture(event.pointerId);
    if (pointers.size === 2) {
      [drag, spread] = [null, pinchSpread()];
      return;
    }
    const zone = view.zone(point.x, point.y);
    const anchor = oppositeEnd(player.region, view, point.x) ?? view.snappedFrame(point.x);
    drag = { ...point, zone, scroll: view.scroll, moved: false, anchor };
    if (zone === "overview") scrollToOverview(point.x);
  };

  canvas.onpointermove = (event) => {
    const point = pointOf(event);
    // 1. No button is held: show what is under the pointer.
    if (!pointers.has(event.pointerId)) {
      const cell = cellAt(point);
      /** @type {Partial<Record<Zone, string>>} */
      const shapes = { ruler: "col-resize", overview: "grab", keyboard: "default" };
      const shape = shapes[view.zone(point.x, point.y)];
      canvas.style.cursor = shape ?? (noteIn(cell) ? "pointer" : "crosshair");
      player.point(cell);
      return;
    }
    // 2. Two fingers: zoom.
    pointers.set(event.pointerId, point);
    if (pointers.size === 2) {
      const now = pinchSpread();
      player.zoomBy(now / spread, point.x);
      spread = now;
    }
    // 3. One pointer: select a region or scroll, depending on the zone in which it started.
    if (!drag) return;
    drag.moved ||= Math.abs(point.x - drag.x) > CLICK_PIXELS;
    if (!drag.moved) return;
    if (drag.zone === "ruler") {
      const region = regionBetween(drag.anchor, view.snappedFrame(point.x));
      if (region) player.setLoop(true, region);
    } else if (drag.zone === "overview") scrollToOverview(point.x);
    else if (drag.zone !== "keyboard") player.scrollTo(drag.scroll - (point.x - drag.x));
  };

  canvas.onpointerup = (event) => {
    pointers.delete(event.pointerId);
    if (!drag) return;
    const { zone, moved, x, y } = drag;
    drag = null;
    if (moved && zone === "ruler") player.reportRegion();
    if (moved || zone === "keyboard" || zone === "overview") return;
    const note = noteIn(cellAt({ x, y }));
    if (note) player.select(note);
    else player.seek(view.frameAtX(x));
  };

  canvas.onpointercancel = (event) => {
    pointers.delete(event.pointerId);
    drag = null;
  };
  canvas.onpointerleave = () => player.point(null);

  canvas.onwheel = (event) => {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey) {
      player.zoomBy(Math.exp(-event.deltaY * WHEEL_ZOOM_RATE), pointOf(event).x);
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      player.scrollTo(view.scroll + sideways);
    } else return; // A plain wheel scrolls the page.
    event.preventDefault();
  };
}

/**
 * Listen to the keys of the whole player. R and C are left to Streamlit.
 *
 * @param {Player} player
 */
export function listenToKeys(player) {
  player.root.onkeydown = (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // Controls use some keys themselves.
    if (target instanceof Element) {
      if (target.closest("input, select, summary, .scroll")) return;
      if (target.closest("button") && (key === " " || key === "Enter")) return;
    }
    const action = keyActions(player)[key.length === 1 ? key.toLowerCase() : key];
    if (!action) return;
    event.preventDefault();
    action();
  };
}

/**
 * What each key does.
 *
 * @param {Player} player
 * @returns {Partial<Record<string, () => void>>}
 */
export function keyActions(player) {
  const { score, sound } = player;
  const here = sound.position;
  return {
    " ": () => sound.toggle(),
    ArrowLeft: () => player.seek(Math.ceil(here) - 1),
    ArrowRight: () => player.seek(Math.floor(here) + 1),
    ArrowDown: () => player.seek(here - score.framesPerBar),
    ArrowUp: () => player.seek(here + score.framesPerBar),
    Home: () => player.seek(0),
    End: () => player.seek(score.frames),
    l: () => player.toggleLoop(),
    "[": () => player.moveRegionEdge(0),
    "]": () => player.moveRegionEdge(1),
    Escape: () => player.clearRegion(),
    Enter: () => player.selectNext(),
    "+": () => player.zoomBy(ZOOM_STEP),
    "=": () => player.zoomBy(ZOOM_STEP),
    "-": () => player.zoomBy(1 / ZOOM_STEP),
  };
}
