// Hands: what the tools, the pointer, the wheel and the keyboard ask of a player.

const DRAG = 4; // Pixels a pointer may tremble and still be a click.
const ZOOM = 1.5;

/** Listen to the buttons and sliders above the roll, and to clicks on the latent path. */
function listenToTools(player, find) {
  const { sound, latent } = player;
  find(".play").onclick = () => sound.toggle();
  find(".stop").onclick = () => player.stop();
  find(".loop").onclick = () => player.toggleLoop();
  find(".zoom-in").onclick = () => player.zoomBy(ZOOM);
  find(".zoom-out").onclick = () => player.zoomBy(1 / ZOOM);
  find(".fit").onclick = () => player.fit();
  find(".follow").onclick = () => player.follow(!player.following);
  find(".speed").onchange = ({ target }) => (sound.audio.playbackRate = target.value);
  const volume = find(".volume");
  volume.oninput = () => (sound.audio.volume = volume.value ** 2); // Nearer to how loud it seems.
  volume.oninput();
  latent.canvas.onclick = ({ offsetX, offsetY }) => {
    const frame = latent.nearest(offsetX, offsetY);
    if (frame !== null) player.seek(frame);
  };
}

/** Listen on the roll's canvas. */
function listenToPointer(player, roll) {
  const { canvas, view } = roll;
  const pointers = new Map();
  let drag = null;
  let spread = 0;

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const pinch = () => {
    const [one, two] = [...pointers.values()];
    return Math.max(20, Math.abs(one.x - two.x));
  };
  const snapped = (x) => {
    const unit = view.snap;
    return clamp(Math.round(view.frameAt(x) / unit) * unit, 0, view.score.frames);
  };
  const regionTo = (x) => {
    const [first, after] = [drag.anchor, snapped(x)].sort((a, b) => a - b);
    if (after > first) player.setLoop(true, [first, after - 1]);
  };
  /** The other end of the region if `x` is at one of its ends. */
  const farEnd = (x) => {
    if (!player.region) return undefined;
    const ends = [player.region[0], player.region[1] + 1];
    const near = ends.findIndex((end) => Math.abs(view.x(end) - x) < 7);
    return ends[1 - near];
  };
  const cellAt = ({ x, y }) => {
    const cell = { frame: Math.floor(view.frameAt(x)), pitch: view.pitchAt(y) };
    const inside = cell.frame < view.score.frames && view.zone(x, y) === "roll";
    return inside ? cell : null;
  };
  const noteIn = (cell) =>
    cell && view.score.notes[view.score.noteAt[cell.frame * PITCHES + cell.pitch - LOWEST]];
  const scrub = (x) =>
    player.scrollTo(view.overviewFrame(x) * view.zoom - view.span / 2);

  canvas.onpointerdown = (event) => {
    if (event.button !== 0) return;
    const point = place(event);
    pointers.set(event.pointerId, point);
    canvas.setPointerCapture(event.pointerId);
    if (pointers.size === 2) {
      [drag, spread] = [null, pinch()];
      return;
    }
    const zone = view.zone(point.x, point.y);
    drag = { ...point, zone, scroll: view.scroll, moved: false };
    if (zone === "ruler") drag.anchor = farEnd(point.x) ?? snapped(point.x);
    if (zone === "overview") scrub(point.x);
  };

  canvas.onpointermove = (event) => {
    const point = place(event);
    if (!pointers.has(event.pointerId)) {
      const cell = cellAt(point);
      const shapes = { ruler: "col-resize", overview: "grab", keyboard: "default" };
      const shape = shapes[view.zone(point.x, point.y)];
      canvas.style.cursor = shape ?? (noteIn(cell) ? "pointer" : "crosshair");
      player.point(cell);
      return;
    }
    pointers.set(event.pointerId, point);
    if (pointers.size === 2) {
      const now = pinch();
      player.zoomBy(now / spread, point.x);
      spread = now;
    }
    if (!drag) return;
    drag.moved ||= Math.abs(point.x - drag.x) > DRAG;
    if (!drag.moved) return;
    if (drag.zone === "ruler") regionTo(point.x);
    else if (drag.zone === "overview") scrub(point.x);
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
    if (note) player.choose(note);
    else player.seek(view.frameAt(x));
  };

  canvas.onpointercancel = (event) => {
    pointers.delete(event.pointerId);
    drag = null;
  };
  canvas.onpointerleave = () => player.point(null);

  canvas.onwheel = (event) => {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey) player.zoomBy(Math.exp(-event.deltaY * 0.01), place(event).x);
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      player.scrollTo(view.scroll + sideways);
    } else return; // A plain wheel scrolls the page.
    event.preventDefault();
  };
}

/** Listen on everything in the player; Streamlit keeps R and C. */
function listenToKeys(player, root) {
  root.onkeydown = (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.closest("input, select, summary, .scroll")) return;
    if (target.closest("button") && (key === " " || key === "Enter")) return;
    const { score, sound } = player;
    const here = sound.position;
    const actions = {
      " ": () => sound.toggle(),
      ArrowLeft: () => player.seek(Math.ceil(here) - 1),
      ArrowRight: () => player.seek(Math.floor(here) + 1),
      ArrowDown: () => player.seek(here - score.framesPerBar),
      ArrowUp: () => player.seek(here + score.framesPerBar),
      Home: () => player.seek(0),
      End: () => player.seek(score.frames),
      l: () => player.toggleLoop(),
      "[": () => player.moveRegion(0),
      "]": () => player.moveRegion(1),
      Escape: () => player.clearRegion(),
      Enter: () => player.chooseNext(),
      "+": () => player.zoomBy(ZOOM),
      "=": () => player.zoomBy(ZOOM),
      "-": () => player.zoomBy(1 / ZOOM),
    };
    const action = actions[key.length === 1 ? key.toLowerCase() : key];
    if (!action) return;
    event.preventDefault();
    action();
  };
}
