// The player: one object per place on the page; it holds what survives a rerun.

const PARTS = "title time now pointed said trouble empty plane notes loop follow speed".split(" ");

class Player {
  constructor(host) {
    this.root = host.querySelector(".player");
    const find = (selector) => this.root.querySelector(selector);
    this.part = Object.fromEntries(PARTS.map((name) => [name, find(`.${name}`)]));
    this.sound = new Sound(
      find("audio"),
      () => this.#soundChanged(),
      (sentence) => this.#complain(sentence),
    );
    this.roll = new Roll(find(".roll"));
    this.latent = new Latent(find(".latent"));
    this.following = true;
    this.stepping = matchMedia("(prefers-reduced-motion: reduce)");
    this.stepping.onchange = () => this.show();
    this.part.notes.ontoggle = () => this.#fillTable();
    listenToTools(this, find);
    listenToPointer(this, this.roll);
    listenToKeys(this, this.root);
    this.observer = new ResizeObserver(() => this.#lay());
    this.observer.observe(this.roll.canvas);
    this.observer.observe(this.latent.canvas);
  }

  /** Take what Streamlit gives on every rerun; only another sound makes the player start afresh. */
  update({ data, setStateValue, setTriggerValue }) {
    Object.assign(this, { setStateValue, setTriggerValue });
    const before = this.data;
    this.data = data;
    if (before !== data) this.score = readScore(data);
    if (before?.id !== data.id) this.#restart();
    if (!before && data.loop) this.#begin(data.loop);
    this.#label();
    this.#fillTable();
    this.#lay();
  }

  close() {
    this.closed = true;
    this.sound.release();
    this.observer.disconnect();
    this.stepping.onchange = null;
    cancelAnimationFrame(this.request);
  }

  seek(frame) {
    this.sound.position = frame;
    this.roll.view.reveal(this.sound.position);
    this.show();
  }

  stop() {
    this.sound.stop();
    this.roll.view.reveal(this.sound.position);
    this.show();
  }

  scrollTo(scroll) {
    if (this.sound.playing) this.follow(false);
    this.roll.view.scrollTo(scroll);
    this.show();
  }

  zoomBy(factor, x) {
    const { view } = this.roll;
    const playhead = view.x(this.sound.position);
    const visible = playhead >= view.gutter && playhead <= view.width;
    view.zoomBy(factor, x ?? (visible ? playhead : view.gutter + view.span / 2));
    this.show();
  }

  fit() {
    this.roll.view.fit();
    this.show();
  }

  follow(following) {
    this.following = following;
    this.part.follow.setAttribute("aria-pressed", following);
    this.show();
  }

  /** Show the words for a cell {frame, pitch} of the roll, or for none (null). */
  point(cell) {
    this.pointed = cell;
    this.show();
  }

  /** Choose a note, and tell Python. */
  choose(note) {
    this.chosen = note;
    this.#say(`Chosen: ${describe(this.score, note.start, note.pitch)}`);
    this.setTriggerValue("note", [note.start, note.pitch]);
    this.show();
  }

  chooseNext() {
    const sounding = notesAt(this.score, Math.floor(this.sound.position));
    const next = sounding[(sounding.indexOf(this.chosen) + 1) % sounding.length];
    if (next) this.choose(next);
  }

  toggleLoop() {
    this.setLoop(!this.sound.looping, this.region);
    this.#say(this.sound.looping ? "Loop on" : "Loop off");
  }

  /** Loop or not, over a region [first frame, last frame] or over everything (null). */
  setLoop(looping, region) {
    this.region = region;
    this.sound.setLoop(looping, region);
    this.part.loop.setAttribute("aria-pressed", looping);
    this.show();
  }

  /** Move the first (0) or the last (1) frame of the region to where the music is. */
  moveRegion(edge) {
    const frame = clamp(Math.floor(this.sound.position + 1e-3), 0, this.score.frames - 1);
    const [first, last] = this.region ?? [0, this.score.frames - 1];
    const moved = edge === 0 ? [frame, Math.max(frame, last)] : [Math.min(first, frame), frame];
    this.setLoop(true, moved);
    this.reportRegion();
  }

  clearRegion() {
    if (!this.region) return;
    this.setLoop(false, null);
    this.reportRegion();
  }

  /** Tell Python the region once a hand has left it. */
  reportRegion() {
    const words = this.region?.map((frame) => barBeat(this.score, frame));
    this.#say(words ? `Region from ${words[0]} to ${words[1]}` : "No region");
    this.setStateValue("region", this.region && [this.data.id, ...this.region]);
  }

  /** Have the pictures drawn in the next animation frame. */
  show() {
    if (this.closed || !this.roll.context) return;
    this.request ??= requestAnimationFrame((now) => this.#frame(now));
  }

  #frame(now) {
    this.request = null;
    if (window.devicePixelRatio !== this.ratio) this.#lay();
    const { sound, roll, latent, region, chosen } = this;
    sound.turn();
    const position = this.stepping.matches ? Math.floor(sound.position) : sound.position;
    if (sound.playing) {
      if (this.following) this.#keepUp(position, (now - this.drawn) / 1000);
      this.show();
    }
    this.drawn = now;
    roll.draw({ position, region, looping: sound.looping, chosen });
    if (this.score.path) latent.draw(position);
    if (sound.playing && now - this.told < 100) return; // Words are read no faster.
    this.told = now;
    tell(this, position);
  }

  #keepUp(position, seconds) {
    if (this.stepping.matches) this.roll.view.reveal(position);
    else this.roll.view.glide(position, clamp(seconds, 0, 0.1));
  }

  #restart() {
    this.sound.load(bytesOf(this.data.wav), this.score);
    this.sound.audio.playbackRate = this.part.speed.value;
    this.roll.view.reset();
    [this.chosen, this.pointed] = [null, null];
    if (this.region) this.clearRegion();
    else this.setLoop(false, null);
    this.#soundChanged(); // Loading drops the events still queued for the sound before.
  }

  /** Loop a region from the start; Python is told, so that it hears of its end too. */
  #begin(region) {
    this.setLoop(true, region);
    this.reportRegion();
    this.sound.position = region[0] + 1e-3; // Audio clocks round down.
  }

  #label() {
    const { title } = this.data;
    const { path, notes, frames } = this.score;
    this.part.title.textContent = title;
    this.root.setAttribute("aria-label", title || "Player");
    this.roll.canvas.setAttribute("aria-label", `Piano-roll of ${title || "a piece"}, position`);
    this.roll.canvas.setAttribute("aria-valuemin", 0);
    this.roll.canvas.setAttribute("aria-valuemax", frames);
    this.part.empty.hidden = notes.length > 0;
    this.part.plane.hidden = !path;
    if (!path) return;
    const key = "The ring marks the current state; its radius is one posterior standard deviation. Dots mark the beginnings of bars; pale notes had a high probability too.";
    this.part.plane.querySelector("figcaption").textContent = `${path.caption} ${key}`.trim();
    this.latent.canvas.setAttribute("aria-label", path.caption || "Latent path");
  }

  #fillTable() {
    if (this.part.notes.open) fillTable(this.part.notes, this.score);
  }

  /** Fit everything to the size and the theme of this moment. */
  #lay() {
    if (!this.data) return;
    this.root.style.setProperty("--height", `${this.data.height}px`);
    if (!this.roll.canvas.clientWidth) return; // Not on show: it is laid once it has a size.
    const palette = readPalette(this.root);
    this.ratio = window.devicePixelRatio;
    this.root.style.colorScheme = palette.dark ? "dark" : "light";
    this.roll.lay(this.score, palette);
    if (this.score.path) this.latent.lay(this.score, palette);
    this.show();
  }

  #soundChanged() {
    this.root.dataset.state = this.sound.playing ? "playing" : "paused";
    if (this.sound.playing) {
      this.#complain("");
      this.roll.view.reveal(this.sound.position);
    }
    this.show();
  }

  #complain(sentence) {
    this.part.trouble.textContent = sentence;
    this.part.trouble.hidden = !sentence;
  }

  #say(sentence) {
    this.part.said.textContent = sentence;
  }
}

const players = new WeakMap();

export default function mount(component) {
  const { parentElement } = component;
  if (!players.has(parentElement)) players.set(parentElement, new Player(parentElement));
  const player = players.get(parentElement);
  player.update(component);
  return () => {
    player.close();
    players.delete(parentElement);
  };
}
