// The sound, and with it the one clock that every picture follows.

const ROUNDING = 1e-3; // Frames: the audio clock counts microseconds, and few frames last whole ones.

let soloist = null; // The sound that plays now, of all players on the page: a new one silences it.

class Sound {
  /** `changed` is called whenever sound starts or stops, `failed` with a sentence if it cannot. */
  constructor(audio, changed, failed) {
    Object.assign(this, { audio, failed });
    audio.preservesPitch = true;
    audio.onplay = audio.onpause = audio.onseeked = changed;
    audio.ontimeupdate = () => this.turn(); // For a hidden tab, where no frame is drawn.
    audio.onended = () => this.looping && this.play();
    audio.onerror = () => audio.src && failed("The browser cannot play this sound.");
  }

  load(bytes, score) {
    this.release();
    this.score = score;
    this.frames = score.frames;
    [this.looping, this.start, this.end] = [false, 0, score.frames];
    this.url = URL.createObjectURL(new Blob([bytes], { type: "audio/wav" }));
    this.audio.src = this.url;
  }

  /** Stop for good and give the memory back. */
  release() {
    this.pause();
    if (soloist === this) soloist = null;
    if (!this.url) return;
    this.audio.removeAttribute("src");
    this.audio.load();
    URL.revokeObjectURL(this.url);
    this.url = null;
  }

  get playing() {
    return !this.audio.paused;
  }

  /** Where the music is, in frames with a fraction; whole where it stands on a frame's start. */
  get position() {
    const here = frameAt(this.score, this.audio.currentTime);
    const whole = Math.round(here);
    return Math.min(Math.abs(here - whole) < ROUNDING ? whole : here, this.frames);
  }

  set position(frame) {
    this.audio.currentTime = secondsAt(this.score, clamp(frame, 0, this.frames));
  }

  async play() {
    if (soloist !== this) soloist?.pause();
    soloist = this;
    const outside = this.position < this.start || this.position >= this.end;
    if ((this.looping && outside) || this.position >= this.frames) this.#rewind();
    try {
      await this.audio.play();
    } catch (error) {
      if (error.name !== "AbortError") this.failed("The browser did not start the sound.");
    }
  }

  pause() {
    this.audio.pause();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  stop() {
    this.pause();
    this.#rewind();
  }

  /** Loop over the frames from `first` to `last`, or over everything where there is no region. */
  setLoop(looping, region) {
    this.looping = looping;
    [this.start, this.end] = region ? [region[0], region[1] + 1] : [0, this.frames];
  }

  /** Go back to the start of the loop once its end is reached. */
  turn() {
    if (this.looping && this.playing && this.position >= this.end) this.#rewind();
  }

  #rewind() {
    this.position = this.looping ? this.start : 0;
  }
}
