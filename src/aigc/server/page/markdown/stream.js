// @ts-check
/**
 * @file Show a Markdown text that is still growing.
 *
 * Blocks that are complete are rendered once and never touched again; only the block at the end is rendered anew, at
 * most once per frame and for at most a quarter of the time, whatever its size. So the work is linear in the length of
 * an answer of many blocks, and bounded for one huge block.
 * Knows: growing text in, DOM below one element out. Does not know: where the text comes from.
 */

import { decorate } from "./code.js";
import { highlightAll } from "./highlight.js";
import { morph } from "./morph.js";
import { blocks, toFragment } from "./render.js";
import { settle } from "./settle.js";

/** Pause after a rendering, in multiples of the time that it took. */
const REST = 3;

export class MarkdownStream {
  #text = "";
  /** Characters of `#text` that are rendered for good. */
  #done = 0;
  /** Child nodes of `#element` that are rendered for good. */
  #doneNodes = 0;
  #scheduled = false;
  #finished = false;
  #restUntil = 0;
  /** @type {HTMLElement} */
  #element;
  /** @type {(text: string) => void} */
  #onBlock;

  /**
   * @param {HTMLElement} element
   * @param {object} [listeners]
   * @param {(text: string) => void} [listeners.onBlock]  Plain text of each block that is complete.
   */
  constructor(element, { onBlock = () => {} } = {}) {
    this.#element = element;
    this.#onBlock = onBlock;
  }

  /** @param {string} text All of it so far. */
  update(text) {
    if (this.#finished || text === this.#text) return;
    this.#text = text;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => requestAnimationFrame(() => this.#frame()), Math.max(0, this.#restUntil - performance.now()));
  }

  /** @param {string} text All of it. */
  finish(text) {
    if (this.#finished) return;
    // A definition like "[1]: https://..." changes links further up.
    if (/^ {0,3}\[[^\]]+\]:/m.test(text) || !text.startsWith(this.#text.slice(0, this.#done))) {
      this.#done = this.#doneNodes = 0;
    }
    this.#text = text;
    this.#finished = true;
    this.#render(text.slice(this.#done), true);
    highlightAll(this.#element);
  }

  #frame() {
    this.#scheduled = false;
    if (this.#finished) return;
    const start = performance.now();
    this.#render(this.#text.slice(this.#done), false);
    const cost = performance.now() - start;
    this.#restUntil = start + cost * (1 + REST);
  }

  /**
   * @param {string} tail
   * @param {boolean} last
   */
  #render(tail, last) {
    const tokens = blocks(tail);
    const complete = last ? tokens.length : completeBlocks(tokens);
    const raw = tokens.slice(0, complete).map((token) => token.raw).join("");
    // If the lexer has rewritten something (it may do so with odd white space), nothing is called complete.
    const freeze = complete > 0 && tail.startsWith(raw);
    if (freeze) {
      this.#place(tokens.slice(0, complete));
      this.#announce();
      this.#done += raw.length;
      this.#doneNodes = this.#element.childNodes.length;
    } else if (last) {
      this.#place(tokens);
    }
    if (!last) this.#place(openBlock(tail.slice(freeze ? raw.length : 0)));
  }

  /** @param {import("./render.js").Token[]} tokens */
  #place(tokens) {
    const fragment = toFragment(tokens);
    decorate(fragment);
    morph(this.#element, fragment, this.#doneNodes);
  }

  #announce() {
    for (const node of [...this.#element.childNodes].slice(this.#doneNodes)) {
      if (node instanceof HTMLElement) {
        highlightAll(node);
        this.#onBlock(node.matches(".code") ? "" : (node.textContent ?? ""));
      }
    }
  }
}

/**
 * How many tokens can no longer change: all before the last one that is not white space.
 *
 * @param {{type: string}[]} tokens
 */
function completeBlocks(tokens) {
  let last = tokens.length - 1;
  while (last > 0 && tokens[last].type === "space") last -= 1;
  return Math.max(0, last);
}

/**
 * The unfinished block, its end made fit to be shown.
 *
 * @param {string} text
 */
function openBlock(text) {
  const tokens = blocks(text);
  const last = tokens.at(-1);
  if (last?.type === "code" && isFence(last.raw)) return blocks(withoutHalfFence(text));
  return blocks(settle(text));
}

/** @param {string} raw */
function isFence(raw) {
  return /^\s*(```|~~~)/.test(raw);
}

/**
 * Closing marks that have come halfway would show up as code for an instant.
 *
 * @param {string} text
 */
function withoutHalfFence(text) {
  return text.replace(/\n[ \t]*(`{1,2}|~{1,2})$/, "\n");
}
