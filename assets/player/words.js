// The music in words: time, sounding notes, the note under the pointer, and the note table.

const TABLE_ROWS = 500;

/** Write what the pictures show at `position` into the page's text and attributes. */
function tell(player, position) {
  const { score, sound, part, root, roll } = player;
  const where = barBeat(score, position);
  const frame = Math.floor(position);
  const length = clockText(secondsAt(score, score.frames));
  part.time.textContent = `${where} · ${clockText(secondsAt(score, position))} / ${length}`;

  const names = notesAt(score, frame).map((note) => pitchName(score, note.pitch)).join(" ") || "Silence";
  const kl = score.kl?.[Math.min(frame, score.frames - 1)];
  part.now.textContent = kl === undefined ? names : `${names} · kl ${kl.toFixed(1)} nats`;
  const { chosen, pointed } = player;
  if (pointed) part.pointed.textContent = describe(score, pointed.frame, pointed.pitch);
  else part.pointed.textContent = chosen ? describe(score, chosen.start, chosen.pitch) : "";

  root.dataset.clock = sound.audio.currentTime.toFixed(3);
  root.dataset.playheadX = roll.view.x(position).toFixed(1);
  root.dataset.zoom = roll.view.zoom.toFixed(3);
  root.dataset.region = player.region ?? "";
  if (sound.playing) return; // A screen reader would read every change over the music.
  roll.canvas.setAttribute("aria-valuenow", frame);
  roll.canvas.setAttribute("aria-valuetext", `bar ${where}, ${names}`);
}

/** A cell of the roll in words. */
function describe(score, frame, pitch) {
  const p = score.probabilities?.[frame * PITCHES + pitch - LOWEST];
  const chance = p === undefined ? "" : `, probability ${(p / 255).toFixed(2)}`;
  return `${pitchName(score, pitch)} at ${barBeat(score, frame)}${chance}`;
}

/** Write the first notes into the table. */
function fillTable(table, score) {
  const all = score.notes.length;
  const most = Math.min(all, TABLE_ROWS);
  const caption = most < all ? `The first ${most} of ${all} notes` : `${all} notes`;
  table.querySelector("caption").textContent = caption;
  const rows = score.notes.slice(0, most).map((note) => {
    const row = document.createElement("tr");
    row.insertCell().textContent = pitchName(score, note.pitch);
    row.insertCell().textContent = barBeat(score, note.start);
    row.insertCell().textContent = secondsAt(score, note.start).toFixed(2);
    row.insertCell().textContent = (note.end - note.start) / score.stepsPerQuarter;
    return row;
  });
  table.querySelector("tbody").replaceChildren(...rows);
}
