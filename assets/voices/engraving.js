// The score, engraved by OpenSheetMusicDisplay, with a needle on the clock of the player.

import { decodeBytes } from "../player/score.js";
import { voiceColour } from "./colours.js";
import { chanceKey } from "./piece.js";
import { anchorNear, placeAt, sortAnchors } from "./needle.js";

/** @import { Palette } from "../player/canvas.js" */
/** @import { Anchor } from "./needle.js" */
/** @import { VoiceNote } from "./notes.js" */
/** @import { Piece } from "./piece.js" */

// The parts of OpenSheetMusicDisplay that are used. Its lengths are in units of ten pixels.

/** @typedef {{RealValue: number}} Fraction in whole notes. */
/** @typedef {{AbsolutePosition: {x: number, y: number}, Size: {width: number, height: number}}} Box */
/**
 * @typedef {object} EngravedNote
 * @property {{halfTone: number, isRest: () => boolean, getAbsoluteTimestamp: () => Fraction}} sourceNote
 * @property {() => SVGGElement | null} getSVGGElement
 */
/**
 * @typedef {object} EngravedMeasure
 * @property {Box} PositionAndShape
 * @property {{AbsoluteTimestamp: Fraction, Duration: Fraction}} parentSourceMeasure
 * @property {{StaffLines: {PositionAndShape: Box, StaffHeight: number}[]}} ParentMusicSystem
 * @property {{PositionAndShape: Box, relInMeasureTimestamp: Fraction,
 *   graphicalVoiceEntries: {notes: EngravedNote[]}[]}[]} staffEntries
 */
/**
 * @typedef {object} Engraver
 * @property {(content: Document) => Promise<unknown>} load
 * @property {() => void} render
 * @property {(options: object) => void} setOptions
 * @property {number} Zoom
 * @property {Record<string, unknown>} EngravingRules
 * @property {{MeasureList: (EngravedMeasure | undefined)[][]}} GraphicSheet
 */
/** @typedef {{OpenSheetMusicDisplay: new (container: HTMLElement, options: object) => Engraver}} Library */

const PIXELS = 10; // per unit of the library, at a zoom of 1
const STAFF_UNITS = 4; // height of a staff of five lines
const STEPS_OF_WHOLE = 16;
const MIDI_OF_ZERO = 12; // the pitch that the library counts as 0
const HEADROOM = 12; // pixels by which the needle reaches above and below its system
const SEEK_REACH = 8; // pixels
const NARROW_SCORE = 560;
const [NARROW_SCALE, WIDE_SCALE] = [0.6, 0.8];
const [SMALLEST, LARGEST] = [0.4, 1.6];
const LEAST_INK = 0.35; // opacity of a note whose chance is 0

/** Units between the parts of the page, which the engraver puts closer for print. */
const SPACING = {
  PageLeftMargin: 2,
  PageRightMargin: 2,
  PageTopMargin: 3,
  PageBottomMargin: 3,
  StaffDistance: 6,
  BetweenStaffDistance: 5.5,
  MinimumDistanceBetweenSystems: 7,
  MinSkyBottomDistBetweenSystems: 5,
  VoiceSpacingMultiplierVexflow: 1,
  VoiceSpacingAddendVexflow: 3.5,
};

/** @type {Promise<Library> | null} The library, once for the page. */
let library = null;

/**
 * Load the library from its compressed text. It is a classic script, so it gets an address.
 *
 * @param {string} packed base64 of the gzipped script.
 * @returns {Promise<Library>}
 */
function loadLibrary(packed) {
  library ??= (async () => {
    const stream = new Blob([decodeBytes(packed)]).stream();
    const script = await new Response(stream.pipeThrough(new DecompressionStream("gzip"))).blob();
    const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const element = document.createElement("script");
    element.src = url;
    await new Promise((resolve, reject) => {
      element.onload = resolve;
      element.onerror = () => reject(new Error("The browser cannot load the engraver."));
      document.head.append(element);
    });
    element.remove();
    URL.revokeObjectURL(url);
    return /** @type {{opensheetmusicdisplay: Library}} */ (/** @type {unknown} */ (window))
      .opensheetmusicdisplay;
  })();
  return library;
}

/** The score of a piece in an element that scrolls. */
export class Engraving {
  /**
   * @param {HTMLElement} pane the element that scrolls.
   * @param {HTMLElement} sheet the element inside it that gets the score.
   * @param {HTMLElement} needle the line that shows the position.
   */
  constructor(pane, sheet, needle) {
    this.pane = pane;
    this.sheet = sheet;
    this.needle = needle;
    /** @type {Engraver | null} */
    this.engraver = null;
    this.source = ""; // the score that is drawn or being drawn
    this.look = ""; // what else it was drawn for
    this.zoom = 1;
    /** @type {Anchor[]} */
    this.anchors = [];
    /** @type {Map<VoiceNote, SVGGElement[]>} */
    this.inks = new Map();
    /** @type {Set<VoiceNote>} */
    this.sounding = new Set();
    this.top = -1; // of the system that was last scrolled to
    this.queue = Promise.resolve();
  }

  /**
   * Draw a score, unless it is drawn already.
   *
   * @param {string} packed the library.
   * @param {string} musicxml
   * @param {Piece} piece
   * @param {Palette} palette
   */
  show(packed, musicxml, piece, palette) {
    const scale = (this.pane.clientWidth < NARROW_SCORE ? NARROW_SCALE : WIDE_SCALE) * this.zoom;
    const look = `${this.pane.clientWidth} ${palette.text} ${palette.background} ${scale}`;
    const [newSource, newLook] = [musicxml !== this.source, look !== this.look];
    if (!newSource && !newLook) return this.queue;
    [this.source, this.look] = [musicxml, look];
    this.queue = this.queue.then(async () => {
      const { OpenSheetMusicDisplay } = await loadLibrary(packed);
      this.engraver ??= new OpenSheetMusicDisplay(this.sheet, {
        autoResize: false,
        backend: "svg",
        disableCursor: true,
        drawingParameters: "compact",
        autoBeam: true,
        drawTitle: false,
        drawMeasureNumbers: true,
        drawPartNames: this.pane.clientWidth >= NARROW_SCORE,
        newSystemFromXML: false,
        stretchLastSystemLine: true,
      });
      Object.assign(this.engraver.EngravingRules, SPACING);
      if (newSource) {
        await this.engraver.load(new DOMParser().parseFromString(musicxml, "application/xml"));
      }
      this.engraver.setOptions({
        defaultColorMusic: palette.text,
        defaultColorLabel: palette.text,
        pageBackgroundColor: "transparent",
        defaultFontFamily: palette.font,
        drawPartNames: this.pane.clientWidth >= NARROW_SCORE,
      });
      this.engraver.Zoom = scale;
      this.engraver.render();
      this.#read(piece, scale);
    });
    return this.queue;
  }

  /**
   * Read where the notes are, and shade them by their chances.
   *
   * @param {Piece} piece
   * @param {number} scale
   */
  #read(piece, scale) {
    const unit = PIXELS * scale;
    /** @type {Anchor[]} */
    const anchors = [];
    this.inks.clear();
    this.sounding.clear();
    const measures = (this.engraver?.GraphicSheet.MeasureList ?? []).flat();
    for (const measure of measures) {
      if (!measure) continue;
      const lines = measure.ParentMusicSystem.StaffLines.map((line) => line.PositionAndShape);
      const top = lines[0].AbsolutePosition.y * unit - HEADROOM;
      const last = lines[lines.length - 1].AbsolutePosition.y + STAFF_UNITS;
      const bottom = last * unit + HEADROOM;
      const start = measure.parentSourceMeasure.AbsoluteTimestamp.RealValue;
      /** @type {(whole: number, x: number) => void} */
      const anchor = (whole, x) => anchors.push({ step: whole * STEPS_OF_WHOLE, x: x * unit, top, bottom });
      for (const entry of measure.staffEntries) {
        anchor(start + entry.relInMeasureTimestamp.RealValue, entry.PositionAndShape.AbsolutePosition.x);
        for (const each of entry.graphicalVoiceEntries.flatMap(({ notes }) => notes)) {
          this.#ink(each, piece);
        }
      }
      const { AbsolutePosition, Size } = measure.PositionAndShape;
      const length = measure.parentSourceMeasure.Duration.RealValue;
      anchor(start + length, AbsolutePosition.x + Size.width);
    }
    this.anchors = sortAnchors(anchors);
    this.top = -1;
  }

  /**
   * Remember the ink of a note, or of a part of a tied one, and shade it.
   *
   * @param {EngravedNote} engraved
   * @param {Piece} piece
   */
  #ink(engraved, piece) {
    const { sourceNote } = engraved;
    const ink = sourceNote.isRest() ? null : engraved.getSVGGElement();
    if (!ink) return;
    const step = Math.round(sourceNote.getAbsoluteTimestamp().RealValue * STEPS_OF_WHOLE);
    const pitch = sourceNote.halfTone + MIDI_OF_ZERO;
    // Two voices in unison have the same pitch and time; each takes one of the inks.
    const [note] = piece.draft.notes
      .filter((each) => each.pitch === pitch && each.start <= step && step < each.end)
      .sort((a, b) => (this.inks.get(a)?.length ?? 0) - (this.inks.get(b)?.length ?? 0));
    if (!note) return;
    this.inks.set(note, [...(this.inks.get(note) ?? []), ink]);
    const chance = piece.chances.get(chanceKey(note)) ?? 1;
    ink.style.opacity = String(LEAST_INK + (1 - LEAST_INK) * chance);
  }

  /**
   * Move the needle, and colour the notes that sound.
   *
   * @param {number} position in sixteenths, with a fraction.
   * @param {{follow: boolean, smooth: boolean, dark: boolean}} how
   */
  draw(position, { follow, smooth, dark }) {
    const place = placeAt(this.anchors, position);
    this.needle.hidden = !place;
    if (!place) return;
    const { x, top, bottom } = place;
    this.needle.style.transform = `translate(${x}px, ${top}px)`;
    this.needle.style.height = `${bottom - top}px`;
    this.needle.dataset.x = x.toFixed(1);
    if (follow && top !== this.top) {
      this.top = top;
      const room = Math.max(0, this.pane.clientHeight - (bottom - top));
      const target = Math.max(0, top - Math.min(room / 2, 40));
      this.pane.scrollTo({ top: target, behavior: smooth ? "smooth" : "auto" });
    }
    for (const [note, inks] of this.inks) {
      const sounds = note.start <= position && position < note.end;
      if (sounds === this.sounding.has(note)) continue;
      if (sounds) this.sounding.add(note);
      else this.sounding.delete(note);
      for (const ink of inks) {
        ink.classList.toggle("sounding", sounds);
        ink.style.setProperty("--voice", voiceColour(note.voice, dark));
      }
    }
  }

  /**
   * The sixteenth at a place of the screen, or null without a score.
   *
   * @param {MouseEvent} event
   */
  stepAt(event) {
    const box = this.sheet.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    return anchorNear(this.anchors, x, y, SEEK_REACH)?.step ?? null;
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.zoom = Math.max(SMALLEST, Math.min(LARGEST, this.zoom * factor));
  }
}
