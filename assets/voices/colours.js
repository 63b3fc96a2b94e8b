// The colours of voices. They have a contrast of at least 3.5 to the theme's background, and people
// with each kind of colour blindness can tell any two of them apart (tests/player/colours.test.js).

/** @type {{light: string[], dark: string[]}} */
export const VOICE_COLOURS = {
  light: ["#941938", "#a47811", "#0c9586", "#172ab0"],
  dark: ["#eb4c69", "#e89d2e", "#98e9d9", "#7779e5"],
};

/**
 * The colour of a voice.
 *
 * @param {number} voice
 * @param {boolean} dark whether the theme is dark.
 */
export function voiceColour(voice, dark) {
  const colours = dark ? VOICE_COLOURS.dark : VOICE_COLOURS.light;
  return colours[voice % colours.length];
}
