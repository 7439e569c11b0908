// @ts-check
/**
 * @file Where a message is written: grows with the text, Enter sends, input methods are left alone.
 */

import { byId } from "./dom.js";

export class Composer {
  input = byId("input", HTMLTextAreaElement);
  #send = byId("send", HTMLButtonElement);
  #stop = byId("stop", HTMLButtonElement);
  #busy = false;

  /**
   * @param {object} actions
   * @param {(text: string) => void} actions.send
   * @param {() => void} actions.stop
   * @param {() => void} actions.editLast
   */
  constructor({ send, stop, editLast }) {
    const form = byId("composer", HTMLFormElement);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.input.value;
      if (this.#busy || !text.trim()) return;
      this.text = "";
      send(text);
    });
    this.#stop.addEventListener("click", () => {
      stop();
      this.input.focus();
    });
    this.input.addEventListener("input", () => this.#fit());
    this.input.addEventListener("keydown", (event) => {
      // During composition Enter chooses a candidate. 229 is how Safari marks the Enter that ends it.
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        form.requestSubmit();
      } else if (event.key === "ArrowUp" && !this.input.value && !this.#busy) {
        event.preventDefault();
        editLast();
      }
    });
    // A click anywhere in the frame is meant for the field.
    form.addEventListener("click", (event) => event.target === form && this.input.focus());
    this.#fit();
  }

  get text() {
    return this.input.value;
  }

  set text(value) {
    this.input.value = value;
    this.#fit();
  }

  /** @param {boolean} busy An answer is being written: offer to stop it. */
  set busy(busy) {
    this.#busy = busy;
    const focused = document.activeElement === this.#send || document.activeElement === this.#stop;
    this.#send.hidden = busy;
    this.#stop.hidden = !busy;
    if (focused) (busy ? this.#stop : this.input).focus();
    this.#fit();
  }

  #fit() {
    this.input.style.height = "auto";
    this.input.style.height = `${this.input.scrollHeight}px`;
    this.#send.disabled = !this.input.value.trim();
  }
}
