// @ts-check
/**
 * @file The words on the screen, in the reader's language.
 *
 * Elements name their words: `data-i18n` (text), `data-i18n-label` (accessible name; tooltip of buttons),
 * `data-i18n-placeholder`. Knows: which language, and where words go. Does not know: what the page is about.
 */

import en from "./locales/en.js";
import zh from "./locales/zh.js";
import { prefer, preference } from "./preferences.js";

/** @typedef {"en" | "zh"} Language */
/** @typedef {keyof typeof en} Word */

const LOCALES = { en, zh };
/** Tags for `lang` and `Intl`; `zh-CN` also picks the right glyphs of Han characters. */
const TAGS = { en: "en", zh: "zh-CN" };

/** @type {Set<() => void>} */
const listeners = new Set();

/** @type {Language} */
let language = initial();

/** @returns {Language} */
function initial() {
  const chosen = preference("language", /** @type {string | null} */ (null));
  if (chosen === "en" || chosen === "zh") return chosen;
  const first = navigator.languages.find((tag) => /^(en|zh)\b/i.test(tag)) ?? "en";
  return first.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function currentLanguage() {
  return language;
}

/** @param {Language} chosen */
export function setLanguage(chosen) {
  language = chosen;
  prefer("language", chosen);
  translate(document);
  for (const listener of listeners) listener();
}

/** @param {() => void} listener Called after each change of language. */
export function onLanguage(listener) {
  listeners.add(listener);
}

/**
 * The words of that name; `{x}` is replaced by `values.x`.
 *
 * @param {Word} word
 * @param {Record<string, string | number>} [values]
 */
export function t(word, values = {}) {
  return LOCALES[language][word].replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : String(value);
  });
}

/** @param {string} word */
export function hasWord(word) {
  return word in en;
}

/**
 * @param {number} value
 * @param {number} [digits] Digits after the point.
 */
export function number(value, digits = 0) {
  return new Intl.NumberFormat(TAGS[language], { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** @param {number} milliseconds */
export function dateTime(milliseconds) {
  return new Intl.DateTimeFormat(TAGS[language], { dateStyle: "medium", timeStyle: "short" }).format(milliseconds);
}

/**
 * Fill in the words below `root`.
 *
 * @param {Document | Element} root
 */
export function translate(root) {
  document.documentElement.lang = TAGS[language];
  for (const element of root.querySelectorAll("[data-i18n]")) {
    element.textContent = t(/** @type {Word} */ (element.getAttribute("data-i18n")));
  }
  for (const element of root.querySelectorAll("[data-i18n-label]")) {
    const words = t(/** @type {Word} */ (element.getAttribute("data-i18n-label")));
    element.setAttribute("aria-label", words);
    if (element instanceof HTMLButtonElement) element.title = words;
  }
  for (const element of root.querySelectorAll("[data-i18n-placeholder]")) {
    element.setAttribute("placeholder", t(/** @type {Word} */ (element.getAttribute("data-i18n-placeholder"))));
  }
}
