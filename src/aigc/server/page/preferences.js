// @ts-check
/**
 * @file The few choices that outlive a visit: theme, language, sidebar, parameters of the next conversation.
 *
 * Knows: localStorage, which may be forbidden: then choices last as long as the tab. Does not know: what they mean.
 */

/** @type {Map<string, unknown>} */
const memory = new Map();

/**
 * @template T
 * @param {string} name
 * @param {T} otherwise
 * @returns {T}
 */
export function preference(name, otherwise) {
  try {
    const text = localStorage.getItem(`aigc.${name}`);
    return text === null ? /** @type {T} */ (memory.get(name) ?? otherwise) : JSON.parse(text);
  } catch {
    return /** @type {T} */ (memory.get(name) ?? otherwise);
  }
}

/**
 * @param {string} name
 * @param {unknown} value
 */
export function prefer(name, value) {
  memory.set(name, value);
  try {
    localStorage.setItem(`aigc.${name}`, JSON.stringify(value));
  } catch {
    // Kept in memory above.
  }
}
