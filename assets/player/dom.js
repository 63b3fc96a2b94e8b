// Typed access to the elements of the player.

/**
 * The element that matches `selector`.
 *
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} type its class.
 * @returns {T}
 */
export function find(root, selector, type) {
  const found = root.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`The player has no ${type.name} "${selector}".`);
  return found;
}
