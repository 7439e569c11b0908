// @ts-check
/**
 * @file Short notes at the bottom of the screen, and words for screen readers.
 */

import { byId, h } from "./dom.js";

const SHOWN_MS = 8000;

/**
 * @param {string} words
 * @param {{words: string, act: () => void}} [action]
 */
export function toast(words, action) {
  const note = h("div", { class: "toast" }, [
    h("span", {}, [words]),
    action ? h("button", { type: "button", onclick: () => (note.remove(), action.act()) }, [action.words]) : null,
  ]);
  byId("toasts", HTMLElement).replaceChildren(note);
  let timer = setTimeout(() => note.remove(), SHOWN_MS);
  // Whoever is at it needs no hurry.
  for (const event of ["pointerenter", "focusin"]) note.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["pointerleave", "focusout"]) {
    note.addEventListener(event, () => (timer = setTimeout(() => note.remove(), SHOWN_MS / 2)));
  }
}

/** @param {string} words Read out when the reader is free; shown nowhere. */
export function announce(words) {
  if (!words.trim()) return;
  const place = byId("announcer", HTMLElement);
  place.append(h("p", {}, [words]));
  while (place.childElementCount > 20) place.firstElementChild?.remove();
}
