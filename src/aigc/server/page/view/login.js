// @ts-check
/**
 * @file The panel that asks for a key. The key lives in the field until it is sent, and nowhere else.
 */

import { ApiError } from "../api.js";
import { hasWord, t } from "../i18n.js";
import { byId } from "./dom.js";

export class Login {
  #dialog = byId("login", HTMLDialogElement);
  #key = byId("login-key", HTMLInputElement);
  #error = byId("login-error", HTMLElement);
  /** @type {(done: boolean) => void} */
  #settle = () => {};

  /** @param {(key: string) => Promise<void>} login */
  constructor(login) {
    byId("login-form", HTMLFormElement).addEventListener("submit", async (event) => {
      event.preventDefault();
      const key = this.#key.value.trim();
      if (!key) return;
      this.#error.textContent = "";
      try {
        await login(key);
        this.#close(true);
      } catch (error) {
        this.#error.textContent = words(error);
        this.#key.setAttribute("aria-invalid", "true");
        this.#key.select();
      }
    });
    byId("login-later", HTMLElement).addEventListener("click", () => this.#close(false));
    this.#dialog.addEventListener("cancel", () => this.#close(false));
  }

  /**
   * Ask. True: logged in; false: not now.
   *
   * @returns {Promise<boolean>}
   */
  ask() {
    this.#error.textContent = "";
    this.#key.removeAttribute("aria-invalid");
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#key.focus();
    return new Promise((resolve) => (this.#settle = resolve));
  }

  /** @param {boolean} done */
  #close(done) {
    this.#key.value = "";
    this.#dialog.close();
    this.#settle(done);
  }
}

/** @param {unknown} error */
function words(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401 || error.status === 403) return t("loginFailed");
  const known = /** @type {import("../i18n.js").Word} */ (hasWord(error.code) ? error.code : "unknown");
  return [t(known), error.text].filter(Boolean).join(": ");
}
