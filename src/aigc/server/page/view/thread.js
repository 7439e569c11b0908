// @ts-check
/**
 * @file The open conversation: its branch of messages, each drawn once and then kept up to date.
 */

import { onCopy } from "../markdown/code.js";
import { t } from "../i18n.js";
import { place } from "./dom.js";
import { MessageView } from "./message.js";

/**
 * @typedef {import("../chats.js").Chats} Chats
 * @typedef {import("../types.js").Message} Message
 */

export class Thread {
  /** @type {Map<string, MessageView>} */
  #views = new Map();

  /**
   * @param {HTMLElement} element
   * @param {Chats} chats
   * @param {import("./message.js").Actions} actions
   */
  constructor(element, chats, actions) {
    this.element = element;
    this.chats = chats;
    this.actions = actions;
    onCopy(element, actions.copy);
  }

  /** Draw the branch; views of messages that stay are kept. */
  show() {
    const branch = this.chats.branch;
    const views = branch.map((message) => {
      const old = this.#views.get(message.id);
      // A failed answer that is tried again keeps its id but is a new object.
      const view = old?.message === message ? old : new MessageView(message, this.actions);
      if (view === old) view.update(true);
      return view;
    });
    this.#views = new Map(views.map((view) => [view.message.id, view]));
    place(this.element, views.map((view) => view.element));
  }

  /** @param {Message} message */
  update(message) {
    this.#views.get(message.id)?.update();
  }

  /** Draw everything anew, after a change of language. */
  redraw() {
    this.#views.clear();
    this.element.replaceChildren();
    this.element.setAttribute("aria-label", t("thread"));
    this.show();
  }

  /** Edit the last question. */
  editLast() {
    const last = this.chats.branch.filter((message) => message.role === "user").at(-1);
    if (last) this.#views.get(last.id)?.startEditing();
  }
}
