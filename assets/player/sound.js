// The sound. Its position is the clock of all pictures.

import { clamp, frameAt, secondsAt } from "./score.js";

/** @import { Range, Score } from "./score.js" */

// The audio clock counts microseconds, and few frames last a whole number of them.
const ROUNDING_FRAMES = 1e-3;

/** @type {Sound | null} The sound of the page that plays; starting another one pauses it. */
let activeSound = null;

/** An audio element that plays a score, with an optional loop. */
export class Sound {
  /**
   * @param {HTMLAudioElement} audio
   * @param {Score} score
   * @param {() => void} onChange called when the sound starts, stops or is moved.
   * @param {(message: string) => void} onError called with a message if it cannot be played.
   */
  constructor(audio, score, onChange, onError) {
    this.audio = audio;
    this.score = score;
    this.onError = onError;
    this.looping = false;
    this.start = 0; // first frame of the loop
    this.end = score.frames; // frame after the last of the loop
    /** @type {string | null} */
    this.url = null;
    audio.preservesPitch = true;
    audio.onplay = audio.onpause = audio.onseeked = onChange;
    audio.ontimeupdate = () => this.wrap(); // A hidden tab draws no frames, but plays.
    audio.onended = () => {
      if (this.looping) void this.play();
    };
    audio.onerror = () => {
      if (audio.src) onError("The browser cannot play this sound.");
    };
  }

  /**
   * Replace the sound.
   *
   * @param {Uint8Array<ArrayBuffer>} wav
   * @param {Score} score
   */
  load(wav, score) {
    this.release();
    this.score = score;
    this.setLoop(false, null);
    this.url = URL.createObjectURL(new Blob([wav], { type: "audio/wav" }));
    this.audio.src = this.url;
  }

  /**
   * Replace the sound by another one with the same frames, and go on at the same frame.
   *
   * @param {Uint8Array<ArrayBuffer>} wav
   * @param {Score} score
   */
  replace(wav, score) {
    const { audio, playing, position, looping, start, end } = this;
    const { playbackRate } = audio;
    this.load(wav, score);
    [this.looping, this.start, this.end] = [looping, start, end];
    this.position = position;
    audio.playbackRate = playbackRate;
    if (playing) void this.play();
  }

  /** Stop the sound and free its memory. */
  release() {
    this.pause();
    if (activeSound === this) activeSound = null;
    if (!this.url) return;
    this.audio.removeAttribute("src");
    this.audio.load();
    URL.revokeObjectURL(this.url);
    this.url = null;
  }

  get playing() {
    return !this.audio.paused;
  }

  /** The position in frames, with a fraction; exactly whole at the start of a frame. */
  get position() {
    const exact = frameAt(this.score, this.audio.currentTime);
    const whole = Math.round(exact);
    const position = Math.abs(exact - whole) < ROUNDING_FRAMES ? whole : exact;
    return Math.min(position, this.score.frames);
  }

  set position(frame) {
    this.audio.currentTime = secondsAt(this.score, clamp(frame, 0, this.score.frames));
  }

  async play() {
    if (activeSound !== this) activeSound?.pause();
    activeSound = this;
    const outside = this.position < this.start || this.position >= this.end;
    if ((this.looping && outside) || this.position >= this.score.frames) this.#rewind();
    try {
      await this.audio.play();
    } catch (error) {
      // An AbortError means that the sound was paused before it started.
      if (error instanceof Error && error.name === "AbortError") return;
      this.onError("The browser did not start the sound.");
    }
  }

  pause() {
    this.audio.pause();
  }

  toggle() {
    if (this.playing) this.pause();
    else void this.play();
  }

  /** Pause, and go to the start of the loop or the piece. */
  stop() {
    this.pause();
    this.#rewind();
  }

  /**
   * Switch the loop on or off.
   *
   * @param {boolean} looping
   * @param {Range | null} region first and last frame, or null for the whole piece.
   */
  setLoop(looping, region) {
    this.looping = looping;
    this.start = region ? region[0] : 0;
    this.end = region ? region[1] + 1 : this.score.frames;
  }

  /** Go to the start of the loop if its end is reached. */
  wrap() {
    if (this.looping && this.playing && this.position >= this.end) this.#rewind();
  }

  #rewind() {
    this.position = this.looping ? this.start : 0;
  }
}
