// Mouse, touch and wheel on the roll: strokes of the tools, and moving the view.

import { oppositeEnd, regionBetween } from "../player/input.js";
import { chosen, drawn, lock, move, nearest, noteKey, place, remove, stretch } from "./notes.js";

/** @import { Zone } from "../player/view.js" */
/** @import { VoiceNote } from "./notes.js" */
/** @import { VoicesPlayer } from "./voices.js" */

/** @typedef {{x: number, y: number}} Place in CSS pixels on the canvas. */
/** @typedef {"select" | "draw" | "erase" | "lock"} ToolName */

/**
 * A pointer that is held down.
 *
 * @typedef {object} Stroke
 * @property {"scroll" | "region" | "overview" | "draw" | "move" | "stretch" | "erase" | "lock" | "lasso" | "keys"} kind
 * @property {Place} from where it began.
 * @property {boolean} moved whether it is more than a click.
 * @property {number} scroll of the view when it began.
 * @property {number} anchor the fixed end of the region.
 * @property {VoiceNote | null} note that it began on.
 * @property {Set<string>} keys of the notes that it is about.
 * @property {boolean} locks whether a brush locks or frees.
 * @property {number | null} pitch of the drawn note, or of the key that sounds.
 * @property {boolean} shift
 */

const CLICK_REACH = 4; // pixels; a pointer that moves no farther makes a click
const END_REACH = 7; // pixels; from this distance the end of a note can be dragged
const TOUCH_REACH = 12; // pixels that a finger may miss a note by
const MIN_FINGER_SPREAD = 20;
const WHEEL_RATE = 0.01; // zoom per pixel

/**
 * Listen to pointers and the wheel on the roll.
 *
 * @param {VoicesPlayer} player
 */
export function listenToRoll(player) {
  const { canvas, view } = player.roll;
  /** @type {Map<number, Place>} */
  const pointers = new Map();
  /** @type {Stroke | null} */
  let stroke = null;
  let fingers = { spread: 0, middle: 0 };

  /** @type {(event: MouseEvent) => Place} */
  const placeOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const readFingers = () => {
    const [one, two] = [...pointers.values()];
    return {
      spread: Math.max(MIN_FINGER_SPREAD, Math.abs(one.x - two.x)),
      middle: (one.x + two.x) / 2,
    };
  };

  canvas.onpointerdown = (event) => {
    if (event.button !== 0) return;
    const from = placeOf(event);
    pointers.set(event.pointerId, from);
    canvas.setPointerCapture(event.pointerId);
    if (pointers.size === 2) {
      // Two fingers move the view, whatever the first one has begun.
      player.preview(null);
      [stroke, fingers] = [null, readFingers()];
      return;
    }
    stroke = begin(player, from, event);
    proceed(player, stroke, from);
  };

  canvas.onpointermove = (event) => {
    const at = placeOf(event);
    if (!pointers.has(event.pointerId)) {
      hover(player, at);
      return;
    }
    pointers.set(event.pointerId, at);
    if (pointers.size === 2) {
      const now = readFingers();
      player.zoomBy(now.spread / fingers.spread, now.middle);
      player.scrollTo(view.scroll - (now.middle - fingers.middle));
      fingers = now;
      return;
    }
    if (!stroke) return;
    const { from } = stroke;
    stroke.moved ||= Math.hypot(at.x - from.x, at.y - from.y) > CLICK_REACH;
    proceed(player, stroke, at);
  };

  canvas.onpointerup = (event) => {
    pointers.delete(event.pointerId);
    if (stroke) finish(player, stroke, placeOf(event));
    stroke = null;
  };

  canvas.onpointercancel = (event) => {
    pointers.delete(event.pointerId);
    stroke = null;
    player.preview(null);
  };
  canvas.onpointerleave = () => player.point(null);

  // A finger on a selected note moves the note, not the page.
  const holdPage = (/** @type {TouchEvent} */ event) => {
    const [touch] = event.touches;
    if (event.touches.length !== 1 || player.tool !== "select") return;
    const box = canvas.getBoundingClientRect();
    const at = { x: touch.clientX - box.left, y: touch.clientY - box.top };
    const note = view.zone(at.x, at.y) === "roll" ? noteUnder(player, at, TOUCH_REACH) : null;
    if (note && player.selected.has(noteKey(note))) event.preventDefault();
  };
  canvas.addEventListener("touchstart", holdPage, { passive: false });

  canvas.onwheel = (event) => {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey) player.zoomBy(Math.exp(-event.deltaY * WHEEL_RATE), placeOf(event).x);
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      player.scrollTo(view.scroll + sideways);
    } else return; // A plain wheel scrolls the page.
    event.preventDefault();
  };
}

/**
 * The note at a place of the roll.
 *
 * @param {VoicesPlayer} player
 * @param {Place} at
 * @param {number} [reach] in pixels.
 */
function noteUnder(player, { x, y }, reach = 0) {
  const { view } = player.roll;
  const limits = { frames: reach / view.zoom, semitones: reach / view.rowHeight };
  return nearest(player.draft.notes, player.roll.placeOf(x, y), limits, player.voice);
}

/**
 * Whether a place is on the right end of a note, which is long enough to have one.
 *
 * @param {VoicesPlayer} player
 * @param {VoiceNote} note
 * @param {Place} at
 */
function onEnd(player, note, { x }) {
  const { view } = player.roll;
  const reach = Math.min(END_REACH, ((note.end - note.start) * view.zoom) / 3);
  return Math.abs(view.x(note.end) - x) <= reach;
}

/**
 * @param {VoicesPlayer} player
 * @param {Place} from
 * @param {PointerEvent} event
 * @returns {Stroke}
 */
function begin(player, from, event) {
  const { view } = player.roll;
  const reach = event.pointerType === "touch" ? TOUCH_REACH : 0;
  const zone = view.zone(from.x, from.y);
  /** @type {Stroke} */
  const stroke = {
    kind: "scroll",
    from,
    moved: false,
    scroll: view.scroll,
    anchor: oppositeEnd(player.region, view, from.x) ?? view.snappedFrame(from.x),
    note: null,
    keys: new Set(),
    locks: true,
    pitch: null,
    shift: event.shiftKey,
  };
  if (zone === "ruler") stroke.kind = "region";
  else if (zone === "overview") stroke.kind = "overview";
  else if (zone === "keyboard") stroke.kind = "keys";
  if (zone !== "roll") return stroke;

  const note = noteUnder(player, from, player.tool === "draw" ? 0 : reach);
  stroke.note = note;
  if (player.tool === "draw") {
    const own = note?.voice === player.voice ? note : null;
    stroke.kind = own && onEnd(player, own, from) ? "stretch" : "draw";
    if (own && stroke.kind === "stretch") stroke.keys = new Set([noteKey(own)]);
  } else if (player.tool === "erase") stroke.kind = "erase";
  else if (player.tool === "lock") {
    stroke.kind = "lock";
    stroke.locks = !note?.locked;
  } else if (note && (event.pointerType !== "touch" || player.selected.has(noteKey(note)))) {
    stroke.kind = onEnd(player, note, from) ? "stretch" : "move";
    const key = noteKey(note);
    if (event.shiftKey) {
      const keys = new Set(player.selected);
      if (!keys.delete(key)) keys.add(key);
      player.select(keys);
    } else if (!player.selected.has(key)) player.select(new Set([key]));
    stroke.keys = new Set(player.selected);
    player.chooseVoice(note.voice);
    player.playTone(note.pitch);
  } else if (event.shiftKey && event.pointerType !== "touch") stroke.kind = "lasso";
  return stroke;
}

/**
 * Show what a stroke does so far.
 *
 * @param {VoicesPlayer} player
 * @param {Stroke} stroke
 * @param {Place} at
 */
function proceed(player, stroke, at) {
  const { view } = player.roll;
  const { draft, from } = { draft: player.history.present, from: stroke.from };
  const { notes } = draft;
  const unit = player.snap;
  const steps = Math.round((at.x - from.x) / view.zoom / unit) * unit;
  /** @type {(notes: VoiceNote[], keys?: Set<string>) => void} */
  const preview = (edited, keys) => player.preview({ ...draft, notes: edited }, keys);

  if (stroke.kind === "overview") {
    player.scrollTo(view.overviewFrame(at.x) * view.zoom - view.span / 2);
  } else if (stroke.kind === "keys") {
    const pitch = view.pitchAt(at.y);
    if (pitch !== stroke.pitch) player.playTone(pitch);
    stroke.pitch = pitch;
  } else if (stroke.kind === "draw") {
    // The stroke first looks for its pitch, and keeps it when it has gone a step to the side.
    const aims = Math.abs(at.x - from.x) <= Math.max(CLICK_REACH, view.zoom);
    if (aims || stroke.pitch === null) {
      stroke.pitch = Math.floor(player.roll.placeOf(at.x, at.y).height);
    }
    const note = drawn(
      { voice: player.voice, pitch: stroke.pitch },
      view.frameAtX(from.x),
      stroke.moved ? view.frameAtX(at.x) : view.frameAtX(from.x),
      unit,
      player.piece.limits,
    );
    player.soundOnce(note.pitch);
    player.pointNote(note);
    preview(place(notes, [note]), new Set([noteKey(note)]));
  } else if (stroke.kind === "erase" || stroke.kind === "lock") {
    const note = noteUnder(player, at);
    if (note) stroke.keys.add(noteKey(note));
    if (!stroke.moved && stroke.note) stroke.keys.add(noteKey(stroke.note));
    if (stroke.kind === "erase") preview(remove(notes, stroke.keys));
    else preview(lock(notes, stroke.keys, stroke.locks));
  }
  if (!stroke.moved) return;
  if (stroke.kind === "scroll") player.scrollTo(stroke.scroll - (at.x - from.x));
  else if (stroke.kind === "region") {
    const region = regionBetween(stroke.anchor, view.snappedFrame(at.x));
    if (region) player.setLoop(true, region);
  } else if (stroke.kind === "stretch") {
    const edited = stretch(notes, stroke.keys, steps, player.piece.limits);
    preview(edited.notes, edited.keys);
  } else if (stroke.kind === "move") {
    const semitones = Math.round((from.y - at.y) / view.rowHeight);
    const edited = move(notes, stroke.keys, { steps, semitones }, player.piece.limits);
    preview(edited.notes, edited.keys);
    const [first] = chosen(edited.notes, edited.keys);
    if (first && stroke.note) player.soundOnce(stroke.note.pitch + semitones);
  } else if (stroke.kind === "lasso") player.lassoTo(from, at);
}

/**
 * @param {VoicesPlayer} player
 * @param {Stroke} stroke
 * @param {Place} at
 */
function finish(player, stroke, at) {
  const { view } = player.roll;
  const { kind, moved, note } = stroke;
  if (kind === "lasso") player.endLasso();
  else if (kind === "region" && moved) return;
  else if (kind === "scroll" && note && !moved) {
    // A finger first selects a note, and then moves it: it could as well scroll.
    player.select(new Set([noteKey(note)]));
    player.chooseVoice(note.voice);
    player.playTone(note.pitch);
  } else if ((kind === "scroll" || kind === "region") && !moved) {
    player.select(new Set());
    player.seek(view.frameAtX(at.x));
    if (kind === "scroll") player.moveCursor(view.frameAtX(at.x), view.pitchAt(at.y));
  } else if (kind === "move" && !moved && note && !stroke.shift) player.select(new Set([noteKey(note)]));
  player.finishStroke(kind);
}

/**
 * Show what is under a pointer that is not held down.
 *
 * @param {VoicesPlayer} player
 * @param {Place} at
 */
function hover(player, at) {
  const { canvas, view } = player.roll;
  const zone = view.zone(at.x, at.y);
  const note = zone === "roll" ? noteUnder(player, at) : null;
  /** @type {Partial<Record<Zone, string>>} */
  const shapes = { ruler: "col-resize", overview: "grab", keyboard: "pointer" };
  /** @type {Record<ToolName, string>} */
  const tools = {
    select: note ? "move" : "default",
    draw: "crosshair",
    erase: note ? "pointer" : "default",
    lock: note ? "pointer" : "default",
  };
  const drags = note && (player.tool === "select" || (player.tool === "draw" && note.voice === player.voice));
  const stretches = note && drags && onEnd(player, note, at);
  canvas.style.cursor = shapes[zone] ?? (stretches ? "ew-resize" : tools[player.tool]);
  player.point(zone === "roll" ? { frame: view.frameAtX(at.x), pitch: view.pitchAt(at.y), note } : null);
}
