import assert from "node:assert/strict";
import { test } from "node:test";

import { VOICE_COLOURS } from "../../assets/voices/colours.js";

const BACKGROUNDS = { light: "#fcfaf5", dark: "#0c0f13" };
// Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
/** @type {Record<string, number[][]>} */
const SIGHTS = {
  full: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

/** @param {string} hex */
const linear = (hex) =>
  [1, 3, 5].map((i) => {
    const value = parseInt(hex.slice(i, i + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });

/** @type {(matrix: number[][], vector: number[]) => number[]} */
const times = (matrix, vector) =>
  matrix.map((row) => row.reduce((sum, each, i) => sum + each * vector[i], 0));

/** @type {(a: string, b: string) => number} */
function contrast(a, b) {
  const [dark, bright] = [a, b]
    .map((hex) => times([[0.2126, 0.7152, 0.0722]], linear(hex))[0])
    .sort((one, two) => one - two);
  return (bright + 0.05) / (dark + 0.05);
}

/** CIELAB of linear RGB. @param {number[]} rgb */
function lab(rgb) {
  const clipped = rgb.map((value) => Math.min(1, Math.max(0, value)));
  const [x, y, z] = times(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]],
    clipped,
  ).map((value, i) => {
    const part = value / [0.9505, 1, 1.089][i];
    return part > 0.008856 ? Math.cbrt(part) : 7.787 * part + 16 / 116;
  });
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

for (const theme of /** @type {("light" | "dark")[]} */ (["light", "dark"])) {
  const colours = VOICE_COLOURS[theme];
  test(`the colours of voices stand out from the ${theme} background`, () => {
    for (const colour of colours) assert.ok(contrast(colour, BACKGROUNDS[theme]) >= 3.5, colour);
  });
  for (const [name, matrix] of Object.entries(SIGHTS)) {
    test(`the ${theme} colours of voices can be told apart with ${name} sight`, () => {
      colours.forEach((a, i) => {
        for (const b of colours.slice(i + 1)) {
          const [one, two] = [a, b].map((hex) => lab(times(matrix, linear(hex))));
          assert.ok(Math.hypot(...one.map((value, k) => value - two[k])) > 25, `${a} and ${b}`);
        }
      });
    });
  }
}
