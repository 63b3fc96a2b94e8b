// The music in words: position, sounding notes, the note under the pointer, and the note table.

import { barBeat, clockText, describeCell, notesAt, pitchName, secondsAt } from "./score.js";

/** @import { Player } from "./player.js" */
/** @import { Score } from "./score.js" */

const MAX_TABLE_ROWS = 500;

/**
 * Write the position and the notes there into the page's text and attributes.
 *
 * @param {Player} player
 * @param {number} position in frames, with a fraction.
 */
export function updateReadout(player, position) {
  const { score, sound, parts, root, roll } = player;
  const where = barBeat(score, position);
  const frame = Math.floor(position);
  const length = clockText(secondsAt(score, score.frames));
  parts.time.textContent = `${where} · ${clockText(secondsAt(score, position))} / ${length}`;

  const sounding = notesAt(score, frame).map((note) => pitchName(score, note.pitch));
  const names = sounding.join(" ") || "Silence";
  const kl = score.kl?.[Math.min(frame, score.frames - 1)];
  parts.now.textContent = kl === undefined ? names : `${names} · kl ${kl.toFixed(1)} nats`;
  const { selected, pointed } = player;
  const cell = pointed ?? (selected && { frame: selected.start, pitch: selected.pitch });
  parts.pointed.textContent = cell ? describeCell(score, cell.frame, cell.pitch) : "";

  // These attributes let a test or another script follow the player.
  root.dataset.clock = sound.audio.currentTime.toFixed(3);
  root.dataset.playheadX = roll.view.x(position).toFixed(1);
  root.dataset.zoom = roll.view.zoom.toFixed(3);
  root.dataset.region = player.region ? String(player.region) : "";
  if (sound.playing) return; // A screen reader would read every change aloud during the music.
  roll.canvas.setAttribute("aria-valuenow", String(frame));
  roll.canvas.setAttribute("aria-valuetext", `bar ${where}, ${names}`);
}

/**
 * Write the notes into the table, up to a limit.
 *
 * @param {HTMLTableElement} table
 * @param {Score} score
 */
export function fillTable(table, score) {
  const all = score.notes.length;
  const shown = Math.min(all, MAX_TABLE_ROWS);
  const caption = shown < all ? `The first ${shown} of ${all} notes` : `${all} notes`;
  table.createCaption().textContent = caption;
  const rows = score.notes.slice(0, shown).map((note) => {
    const row = document.createElement("tr");
    row.insertCell().textContent = pitchName(score, note.pitch);
    row.insertCell().textContent = barBeat(score, note.start);
    row.insertCell().textContent = secondsAt(score, note.start).toFixed(2);
    row.insertCell().textContent = String((note.end - note.start) / score.stepsPerQuarter);
    return row;
  });
  table.tBodies[0].replaceChildren(...rows);
}
