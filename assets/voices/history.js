// Undo and redo.

const MAX_STEPS = 200;

/**
 * States in the order in which they were made.
 *
 * @template State
 */
export class History {
  /** @param {State} present */
  constructor(present) {
    this.present = present;
    /** @type {State[]} */
    this.past = [];
    /** @type {State[]} */
    this.future = [];
  }

  /** @param {State} state made from the present one. */
  push(state) {
    this.past.push(this.present);
    if (this.past.length > MAX_STEPS) this.past.shift();
    this.present = state;
    this.future = [];
  }

  /** Go back by one state; returns whether there was one. */
  undo() {
    const before = this.past.pop();
    if (before === undefined) return false;
    this.future.push(this.present);
    this.present = before;
    return true;
  }

  /** Take back an undo; returns whether there was one. */
  redo() {
    const after = this.future.pop();
    if (after === undefined) return false;
    this.past.push(this.present);
    this.present = after;
    return true;
  }
}
