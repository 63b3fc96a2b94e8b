// A soft tone that lets a person hear the pitch of a note while drawing it.

const SECONDS = 0.35;
const LOUDNESS = 0.25;

/** Short tones, one at a time. */
export class Tone {
  constructor() {
    /** @type {AudioContext | null} Created at the first tone, because it needs a gesture. */
    this.context = null;
    /** @type {GainNode | null} */
    this.gain = null;
  }

  /**
   * @param {number} pitch MIDI number.
   * @param {number} volume from 0 to 1.
   */
  play(pitch, volume) {
    if (volume <= 0) return;
    this.context ??= new AudioContext();
    const { context } = this;
    void context.resume();
    const now = context.currentTime;
    this.gain?.gain.cancelScheduledValues(now);
    this.gain?.gain.setTargetAtTime(0, now, 0.01);
    const oscillator = new OscillatorNode(context, {
      type: "triangle",
      frequency: 440 * 2 ** ((pitch - 69) / 12),
    });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setTargetAtTime(LOUDNESS * volume, now, 0.01);
    gain.gain.setTargetAtTime(0, now + SECONDS * 0.4, SECONDS * 0.2);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(now);
    oscillator.stop(now + 2 * SECONDS);
    this.gain = gain;
  }

  close() {
    void this.context?.close();
    this.context = null;
  }
}
