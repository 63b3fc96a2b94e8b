// What each key does in the player of voices.

/** @import { VoicesPlayer } from "./voices.js" */
/** @import { ToolName } from "./gestures.js" */

const ZOOM_BY_KEY = 1.5;
const OCTAVE = 12;
const EDITING = ["ArrowUp", "ArrowDown", "[", "]", "Enter", "Delete", "Backspace", "l"];

/**
 * Listen to the keys of the whole player. R and C are left to Streamlit.
 *
 * @param {VoicesPlayer} player
 */
export function listenToVoiceKeys(player) {
  player.root.onkeydown = (event) => {
    const { key, target } = event;
    if (event.altKey) return;
    // Controls use some keys themselves.
    if (target instanceof Element) {
      if (target.closest("input, select, summary, .scroll")) return;
      if (target.closest("button") && (key === " " || key === "Enter")) return;
    }
    const name = key.length === 1 ? key.toLowerCase() : key;
    const action =
      event.ctrlKey || event.metaKey
        ? commandActions(player, event.shiftKey)[name]
        : voiceKeyActions(player, event.shiftKey)[name];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation(); // The page has shortcuts too, such as the arrows of presenter mode.
    action();
  };
}

/**
 * What the keys do together with Ctrl or Command.
 *
 * @param {VoicesPlayer} player
 * @param {boolean} shift
 * @returns {Partial<Record<string, () => void>>}
 */
function commandActions(player, shift) {
  return {
    z: () => (shift ? player.redo() : player.undo()),
    y: () => player.redo(),
    a: () => player.selectAll(),
  };
}

/**
 * What the keys do by themselves or with Shift.
 *
 * @param {VoicesPlayer} player
 * @param {boolean} shift
 * @returns {Partial<Record<string, () => void>>}
 */
export function voiceKeyActions(player, shift) {
  const { snap } = player;
  /** @type {(steps: number, semitones: number) => () => void} */
  const arrow = (steps, semitones) => () => {
    if (player.selected.size === 0) player.stepCursor(steps, semitones * (shift ? OCTAVE : 1));
    else if (shift && steps) player.stretchSelected(steps);
    else player.moveSelected(steps, semitones * (shift ? OCTAVE : 1));
  };
  /** @type {Record<string, ToolName>} */
  const tools = { s: "select", d: "draw", e: "erase", k: "lock" };
  /** @type {Partial<Record<string, () => void>>} */
  const actions = {
    " ": () => player.sound.toggle(),
    ArrowLeft: arrow(-snap, 0),
    ArrowRight: arrow(snap, 0),
    ArrowUp: arrow(0, 1),
    ArrowDown: arrow(0, -1),
    "[": () => player.walk(-1),
    "]": () => player.walk(1),
    Enter: () => player.drawAtCursor(),
    Delete: () => player.deleteSelected(),
    Backspace: () => player.deleteSelected(),
    Escape: () => player.escape(),
    Home: () => player.stepCursor(-Infinity, 0),
    End: () => player.stepCursor(Infinity, 0),
    l: () => player.lockSelected(),
    p: () => player.toggleLoop(),
    i: () => player.moveRegionEdge(0),
    o: () => player.moveRegionEdge(1),
    "+": () => player.zoomBy(ZOOM_BY_KEY),
    "=": () => player.zoomBy(ZOOM_BY_KEY),
    "-": () => player.zoomBy(1 / ZOOM_BY_KEY),
  };
  // The score shows neither the cursor nor what is selected.
  if (player.view === "score") {
    const seek = (/** @type {number} */ steps) => () => player.seek(player.sound.position + steps);
    for (const key of EDITING) delete actions[key];
    return { ...actions, ArrowLeft: seek(-snap), ArrowRight: seek(snap) };
  }
  for (const [key, tool] of Object.entries(tools)) actions[key] = () => player.chooseTool(tool);
  player.data.voices.slice(0, 9).forEach((_, voice) => {
    actions[String(voice + 1)] = () => player.chooseVoice(voice, true);
  });
  return actions;
}
