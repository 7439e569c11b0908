// @ts-check
/**
 * @file The choice of model, and what is known about each: is it loaded, how long is its context.
 *
 * Knows: the list that the server gave. Does not know: conversations.
 */

import { t } from "../i18n.js";
import { byId, h } from "./dom.js";

/** @typedef {import("../types.js").Model} Model */

export const DEFAULT = "default";

export class Models {
  #select = byId("model", HTMLSelectElement);
  /** @type {Model[]} */
  #models = [];

  /**
   * @param {import("../api.js").Api} api
   * @param {(model: string) => void} onChoice
   */
  constructor(api, onChoice) {
    this.api = api;
    this.#select.addEventListener("change", () => onChoice(this.#select.value));
  }

  async refresh() {
    this.#models = await this.api.models();
  }

  /** @param {string} chosen A model's id, or `default`. */
  show(chosen) {
    const usual = this.find(DEFAULT);
    const options = [h("option", { value: DEFAULT }, [usual ? t("modelDefault", { name: usual.id }) : t("modelAuto")])];
    for (const model of this.#models) {
      if (model !== usual) options.push(h("option", { value: model.id }, [model.id]));
    }
    // By name the default model is still itself, should another become the default one day.
    const there = chosen === usual?.id ? DEFAULT : chosen;
    if (!options.some((option) => option.value === there)) {
      options.push(h("option", { value: chosen }, [t("modelGone", { name: chosen })]));
    }
    this.#select.replaceChildren(...options);
    this.#select.value = there;
  }

  /**
   * @param {string} name
   * @returns {Model | undefined}
   */
  find(name) {
    return this.#models.find((model) => model.id === name || model.aliases.includes(name));
  }
}
