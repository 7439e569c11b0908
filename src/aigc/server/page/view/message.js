// @ts-check
/**
 * @file One message on the screen: question, answer, its state, its figures, its buttons.
 *
 * Knows: a message and what may be done with it. Does not know: the network, storage, other messages.
 */

import { splitThinking } from "../conversation.js";
import { number, t } from "../i18n.js";
import { MarkdownStream } from "../markdown/stream.js";
import { h } from "./dom.js";
import { failureCard } from "./failure.js";
import { icon } from "./icons.js";

/**
 * @typedef {import("../types.js").Message} Message
 *
 * @typedef {object} Actions
 * @property {(message: Message) => Message[]} siblings
 * @property {(message: Message, step: -1 | 1) => void} turn
 * @property {(message: Message) => void} regenerate
 * @property {(message: Message, text: string) => void} edit
 * @property {(text: string) => Promise<void>} copy
 * @property {(words: string) => void} announce
 * @property {() => string} waitingWords   What is going on before the first word.
 */

export class MessageView {
  /** @type {MarkdownStream | null} */
  #stream = null;
  #body = h("div", { class: "body" });
  #foot = h("div", { class: "foot" });
  #thinking = h("details", { class: "thinking", hidden: true }, [h("summary", {}, [t("thinking")]), h("p")]);
  /** @type {HTMLElement | null} */
  #wait = null;
  #settled = "";

  /**
   * @param {Message} message
   * @param {Actions} actions
   */
  constructor(message, actions) {
    this.message = message;
    this.actions = actions;
    const mine = message.role === "user";
    this.element = h("article", { class: `message ${message.role}`, "data-id": message.id, "data-ai-generated": mine ? null : "true" }, [
      h("h2", { class: "visually-hidden" }, [t(mine ? "you" : "answer")]),
      mine ? null : this.#thinking,
      this.#body,
      this.#foot,
    ]);
    if (!mine) this.#body.classList.add("prose");
    this.update(true);
  }

  /**
   * Show the message's present state.
   *
   * @param {boolean} [whole]  Versions or words may have changed as well.
   */
  update(whole = false) {
    const { message } = this;
    if (message.role === "user") {
      if (whole) this.#showQuestion();
      return;
    }
    this.element.classList.toggle("streaming", message.status === "streaming");
    this.#body.setAttribute("aria-busy", String(message.status === "streaming"));
    this.#showAnswer();
    if (message.status === "streaming") this.#foot.replaceChildren();
    else if (whole || this.#settled !== message.status) this.#foot.replaceChildren(...this.#answerFoot());
    this.#settled = message.status;
  }

  #showQuestion() {
    this.#body.textContent = this.message.content;
    this.#foot.replaceChildren(
      this.#actions([
        this.#versions(),
        this.#button("copy", t("copy"), () => this.#copied(this.message.content)),
        this.#button("edit", t("edit"), () => this.startEditing()),
      ]),
    );
  }

  #showAnswer() {
    const { message } = this;
    const split = splitThinking(message.content);
    const thinking = message.reasoning ?? split.thinking;
    this.#thinking.hidden = !thinking;
    if (thinking) /** @type {Element} */ (this.#thinking.lastElementChild).textContent = thinking;
    const streaming = message.status === "streaming";
    this.#stream ??= new MarkdownStream(this.#body, {
      onBlock: (text) => streaming && this.actions.announce(text),
    });
    if (streaming) {
      this.#showWaiting(!split.answer.trim());
      if (split.answer.trim()) this.#stream.update(split.answer);
    } else {
      this.#showWaiting(false);
      this.#stream.finish(split.answer);
    }
  }

  /** @param {boolean} waiting */
  #showWaiting(waiting) {
    if (!waiting) {
      this.#wait?.remove();
      this.#wait = null;
      return;
    }
    if (!this.#wait) {
      this.#wait = h("p", { class: "wait" }, [h("span", { class: "pulse" }), h("span")]);
      this.#body.before(this.#wait);
    }
    const words = /** @type {Element} */ (this.#wait.lastElementChild);
    if (words.textContent !== this.actions.waitingWords()) words.textContent = this.actions.waitingWords();
  }

  #answerFoot() {
    const { message } = this;
    const { answer } = splitThinking(message.content);
    const parts = [];
    const failed = message.status === "failed" && message.error;
    if (failed) {
      parts.push(failureCard(failed, () => this.actions.regenerate(message)));
    } else if (message.finish === "length") {
      parts.push(h("p", { class: "state" }, [icon("warning"), t("cutAtLimit")]));
    } else if (message.status === "complete" && !answer) {
      parts.push(h("p", { class: "state" }, [t("empty")]));
    }
    parts.push(
      h("div", { class: "foot-line" }, [
        this.#actions([
          this.#versions(),
          answer ? this.#button("copy", t("copy"), () => this.#copied(answer)) : null,
          // A failure brings its own way to try again.
          failed ? null : this.#button("redo", t("regenerate"), () => this.actions.regenerate(message)),
        ]),
        failed && !message.content ? null : this.#figures(),
      ]),
    );
    return parts;
  }

  #figures() {
    const { usage, model, status, tokensPerSecond, firstTokenMs } = this.message;
    const more = usage ? t("tokensMore", { prompt: usage.prompt_tokens, completion: usage.completion_tokens }) : null;
    const facts = [
      usage ? h("span", { title: more }, [t("tokens", { count: usage.completion_tokens })]) : null,
      tokensPerSecond ? t("speed", { speed: number(tokensPerSecond, 1) }) : null,
      firstTokenMs ? t("firstToken", { seconds: number(firstTokenMs / 1000, firstTokenMs < 1000 ? 2 : 1) }) : null,
    ];
    return h("p", { class: "figures" }, [
      h("span", { class: "mark" }, [t("aiGenerated")]),
      status === "stopped" ? h("span", { class: "mark stopped" }, [t("stopped")]) : null,
      model ? h("span", { class: "model-name" }, [model]) : null,
      ...facts.filter((fact) => fact !== null).map((fact) => h("span", {}, [fact])),
    ]);
  }

  #versions() {
    const versions = this.actions.siblings(this.message);
    if (versions.length < 2) return null;
    const index = versions.findIndex((version) => version.id === this.message.id);
    const turn = (/** @type {-1 | 1} */ step) => this.actions.turn(this.message, step);
    const before = this.#button("chevronLeft", t("previous"), () => turn(-1));
    const after = this.#button("chevronRight", t("next"), () => turn(1));
    before.disabled = index === 0;
    after.disabled = index === versions.length - 1;
    const place = { index: index + 1, count: versions.length };
    const count = h("span", { "aria-label": t("version", place) }, [`${place.index}/${place.count}`]);
    return h("span", { class: "versions" }, [before, count, after]);
  }

  /** Put an editor in the place of the question. */
  startEditing() {
    const area = h("textarea", { class: "edit", "aria-label": t("editLabel"), rows: "3" });
    area.value = this.message.content;
    const done = () => {
      form.replaceWith(this.#body);
      this.element.classList.remove("editing");
      /** @type {HTMLElement | null} */ (this.#foot.querySelector("button:last-of-type"))?.focus();
    };
    const submit = () => {
      if (!area.value.trim()) return;
      done();
      this.actions.edit(this.message, area.value);
    };
    const form = h("div", { class: "edit-form" }, [
      area,
      h("div", { class: "row" }, [
        h("button", { type: "button", class: "button", onclick: done }, [t("cancel")]),
        h("button", { type: "button", class: "button primary", onclick: submit }, [t("resend")]),
      ]),
    ]);
    area.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") done();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
    });
    this.element.classList.add("editing");
    this.#body.replaceWith(form);
    area.style.height = `${Math.min(area.scrollHeight + 2, innerHeight / 2)}px`;
    area.focus();
  }

  /** @param {(Node | null)[]} buttons */
  #actions(buttons) {
    return h("div", { class: "actions" }, buttons);
  }

  /**
   * @param {import("./icons.js").IconName} name
   * @param {string} words
   * @param {(button: HTMLButtonElement) => void} act
   */
  #button(name, words, act) {
    const button = h("button", { type: "button", class: "icon-button small", "aria-label": words, title: words }, [icon(name)]);
    button.addEventListener("click", () => act(button));
    button.dataset.action = name;
    return button;
  }

  /** @param {string} text */
  async #copied(text) {
    await this.actions.copy(text);
    const button = this.#foot.querySelector('[data-action="copy"]');
    button?.replaceChildren(icon("check"));
    setTimeout(() => button?.replaceChildren(icon("copy")), 1600);
  }
}
