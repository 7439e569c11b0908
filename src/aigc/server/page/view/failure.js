// @ts-check
/**
 * @file What went wrong, in words, with a way to try again; counts down where the server named a time.
 */

import { hasWord, t } from "../i18n.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("../types.js").Failure} Failure */
/** @typedef {import("../i18n.js").Word} Word */

/**
 * @param {Failure} failure
 * @param {() => void} retry
 * @returns {HTMLElement}
 */
export function failureCard(failure, retry) {
  const known = hasWord(failure.code);
  const hint = failure.hint ?? (hasWord(`${failure.code}Hint`) ? t(/** @type {Word} */ (`${failure.code}Hint`)) : "");
  const button = h("button", { type: "button", class: "button", onclick: retry }, []);
  countDown(button, failure.retryAt ?? 0);
  return h("div", { class: "failure", role: "alert" }, [
    icon("warning"),
    h("div", {}, [
      h("strong", {}, [t(known ? /** @type {Word} */ (failure.code) : "unknown")]),
      failure.message ? h("p", {}, [failure.message]) : null,
      hint ? h("p", { class: "failure-hint" }, [hint]) : null,
      button,
    ]),
  ]);
}

/**
 * Keep a button closed until then.
 *
 * @param {HTMLButtonElement} button
 * @param {number} until Unix milliseconds.
 */
function countDown(button, until) {
  const seconds = Math.ceil((until - Date.now()) / 1000);
  button.disabled = seconds > 0;
  // The button is inside an alert: without this, every second would be read out.
  button.setAttribute("aria-live", "off");
  button.textContent = seconds > 0 ? t("retryIn", { seconds }) : t("retry");
  if (seconds > 0) setTimeout(() => countDown(button, until), 250);
}
