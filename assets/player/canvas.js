// Helpers for canvases: device pixels, and the colours of the theme.

/**
 * The colours and the font of the theme.
 *
 * @typedef {object} Palette
 * @property {boolean} dark whether the theme is dark.
 * @property {string} background of the page.
 * @property {string} panel background of the ruler and the overview.
 * @property {string} text colour of text and lines.
 * @property {string} accent colour of the loop region.
 * @property {string} written colour of notes.
 * @property {string} sounding colour of notes that sound now.
 * @property {string} ivory colour of white keys.
 * @property {string} ebony colour of black keys.
 * @property {string} font font family.
 */

/**
 * The drawing context of a canvas.
 *
 * @param {HTMLCanvasElement} canvas
 */
export function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("The browser cannot draw on a canvas.");
  return context;
}

/**
 * Set the size of a canvas in CSS pixels and return its context, scaled to device pixels.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
export function resize(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = contextOf(canvas);
  context.scale(ratio, ratio);
  return context;
}

/**
 * A coordinate, rounded to whole device pixels, so that edges are sharp.
 *
 * @param {number} value
 */
export function crisp(value) {
  const ratio = window.devicePixelRatio || 1;
  return Math.round(value * ratio) / ratio;
}

/**
 * The theme that Streamlit sets on `element` by CSS variables.
 *
 * @param {Element} element
 * @returns {Palette}
 */
export function readPalette(element) {
  const style = getComputedStyle(element);
  /** @param {string} name */
  const value = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const [background, text] = [value("background-color"), value("text-color")];
  const dark = lightness(background) < lightness(text);
  return {
    background,
    text,
    dark,
    ivory: dark ? text : background,
    ebony: dark ? background : text,
    panel: value("secondary-background-color"),
    accent: value("primary-color"),
    written: value("chart-categorical-colors").split(",")[0],
    sounding: value("orange-color"),
    font: value("font") || "sans-serif",
  };
}

/**
 * The lightness of a CSS colour, from 0 to 255.
 *
 * @param {string} colour
 */
function lightness(colour) {
  const context = resize(document.createElement("canvas"), 1, 1);
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return 0.3 * red + 0.59 * green + 0.11 * blue;
}
