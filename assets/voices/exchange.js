// What the page sends to Python and takes from it, so that neither loses what the other did.
//
// The page sends whole drafts with numbers. Python says with every piece which of them it has seen.
// While one is on its way, the person goes on drawing; what comes back is merged with that.

import { carryOver, sameDraft } from "./notes.js";

/** @import { Draft, VoiceNote } from "./notes.js" */

/**
 * A draft for Python: its name, the numbers voice, pitch, start, end and locked of each note, the
 * locked voices, and whether the rest is to be composed.
 *
 * @typedef {[string, number[], number[], boolean]} Message
 */

/** The drafts that were sent, and the draft that the server has. */
export class Exchange {
  /**
   * @param {string} name of this page's drafts; another page in the same session has another name.
   * @param {Draft} server the draft that came from Python.
   */
  constructor(name, server) {
    this.name = name;
    this.server = server;
    this.count = 0;
    /** The draft that was sent or received last. */
    this.latest = server;
    /** @type {Map<string, Draft>} Drafts on their way. */
    this.sent = new Map();
    /** @type {string | null} The draft whose rest is being composed. */
    this.composing = null;
  }

  /**
   * The message that sends a draft.
   *
   * @param {Draft} draft
   * @param {boolean} compose
   * @returns {Message}
   */
  send(draft, compose) {
    this.count += 1;
    const id = `${this.name}-${this.count}`;
    this.sent.set(id, draft);
    this.latest = draft;
    if (compose) this.composing = id;
    return [id, draft.notes.flatMap(numbersOf), [...draft.lockedVoices], compose];
  }

  /**
   * The draft to show after Python has sent one.
   *
   * @param {string | null} answered the last draft that Python had seen when it made this one.
   * @param {Draft} remote
   * @param {Draft} local what the person sees now.
   */
  receive(answered, remote, local) {
    const known = answered === null ? undefined : this.sent.get(answered);
    if (known && answered === this.composing) this.composing = null;
    const unchanged = sameDraft(remote, this.server);
    const base = known ?? this.server;
    this.server = remote;
    if (known) this.#forget(answered);
    // The same piece again, or the person's own draft: nothing is new.
    if (unchanged || sameDraft(remote, base)) return local;
    this.latest = remote;
    return carryOver(base, local, remote);
  }

  /**
   * Forget the drafts up to the answered one.
   *
   * @param {string | null} answered
   */
  #forget(answered) {
    for (const id of this.sent.keys()) {
      this.sent.delete(id);
      if (id === answered) return;
    }
  }
}

/** @param {VoiceNote} note */
const numbersOf = ({ voice, pitch, start, end, locked }) => [
  voice,
  pitch,
  start,
  end,
  Number(locked),
];
