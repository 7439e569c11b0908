// @ts-check
/**
 * @file The drawer with the parameters of a chat. What is out of range is said, never bent into shape.
 */

import { DEFAULTS } from "../conversation.js";
import { t } from "../i18n.js";
import { byId, h } from "./dom.js";

/** @typedef {import("../types.js").Parameters} Parameters */

/** Ranges as the server checks them; seeds stay within what JavaScript counts exactly. */
const NUMBERS = /** @type {const} */ ([
  { name: "temperature", from: 0, to: 2, step: 0.1, whole: false },
  { name: "topP", from: 0, to: 1, step: 0.05, whole: false },
  { name: "maxTokens", from: 1, to: 1_048_576, step: 1, whole: true },
  { name: "seed", from: 0, to: Number.MAX_SAFE_INTEGER, step: 1, whole: true },
]);

export class Settings {
  #dialog = byId("settings", HTMLDialogElement);
  #fields = byId("settings-fields", HTMLElement);

  /**
   * @param {() => Parameters} read
   * @param {(changes: Partial<Parameters>) => void} write
   * @param {() => number | null} contextTokens  Of the chosen model.
   */
  constructor(read, write, contextTokens) {
    this.read = read;
    this.write = write;
    this.contextTokens = contextTokens;
    byId("settings-open", HTMLElement).addEventListener("click", () => this.open());
    byId("settings-reset", HTMLElement).addEventListener("click", () => {
      const { model: _, ...rest } = DEFAULTS;
      this.write(rest);
      this.#draw();
    });
    this.#dialog.addEventListener("click", (event) => {
      const target = /** @type {Element} */ (event.target);
      if (target === this.#dialog || target.closest("[data-close]")) this.#dialog.close();
    });
    byId("settings-form", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
  }

  open() {
    this.#draw();
    this.#dialog.showModal();
  }

  #draw() {
    this.#fields.replaceChildren(this.#systemField(), ...NUMBERS.map((number) => this.#numberField(number)));
    const note = byId("settings-context", HTMLElement);
    const count = this.contextTokens();
    note.hidden = count === null;
    if (count !== null) note.textContent = t("context", { count });
  }

  #systemField() {
    const area = h("textarea", { rows: "4", id: "field-system", placeholder: t("systemPlaceholder") });
    area.value = this.read().system;
    area.addEventListener("input", () => this.write({ system: area.value }));
    return h("div", { class: "field" }, [h("label", { for: "field-system" }, [t("system")]), area]);
  }

  /** @param {typeof NUMBERS[number]} number */
  #numberField({ name, from, to, step, whole }) {
    const id = `field-${name}`;
    const value = this.read()[name];
    const input = h("input", { id, type: "text", inputmode: whole ? "numeric" : "decimal", autocomplete: "off", placeholder: t("automatic"), "aria-describedby": `${id}-more` });
    input.value = value === null ? "" : String(value);
    const slider = whole ? null : h("input", { type: "range", min: from, max: to, step, tabindex: "-1", "aria-hidden": "true" });
    const error = h("p", { class: "field-error", role: "alert" });
    const showSlider = (/** @type {number | null} */ at) => {
      if (!slider) return;
      slider.value = String(at ?? (from + to) / 2);
      slider.classList.toggle("unset", at === null);
    };
    showSlider(value);
    const take = () => {
      const parsed = parse(input.value, from, to, whole);
      const wrong = parsed === undefined;
      input.setAttribute("aria-invalid", String(wrong));
      error.textContent = wrong ? t(whole ? "invalidWhole" : "invalidRange", { from, to }) : "";
      if (wrong) return;
      showSlider(parsed);
      this.write({ [name]: parsed });
    };
    input.addEventListener("input", take);
    slider?.addEventListener("input", () => {
      input.value = slider.value;
      take();
    });
    return h("div", { class: "field number" }, [
      h("label", { for: id }, [t(name)]),
      input,
      slider,
      h("p", { class: "note", id: `${id}-more` }, [t(/** @type {const} */ (`${name}More`))]),
      error,
    ]);
  }
}

/**
 * `null` for nothing, `undefined` for what is no number in the range.
 *
 * @param {string} text
 * @param {number} from
 * @param {number} to
 * @param {boolean} whole
 */
export function parse(text, from, to, whole) {
  const trimmed = text.trim();
  if (!trimmed) return null;
  // People who write decimals with a comma mean a point.
  if (!(whole ? /^\d+$/ : /^\d*[.,]?\d+$/).test(trimmed)) return undefined;
  const value = Number(trimmed.replace(",", "."));
  return value >= from && value <= to ? value : undefined;
}
