// @ts-check
/**
 * @file Markdown from a model to DOM that is safe to show.
 *
 * Two fences, each enough by itself: the renderer writes HTML in the text as text, drops links of other schemes and
 * turns pictures into links; then DOMPurify keeps only the elements and attributes listed here.
 * Knows: Markdown tokens in, a DocumentFragment out. Does not know: streaming, buttons, colours.
 */

import DOMPurify from "../vendor/dompurify.js";
import { Marked } from "../vendor/marked.js";

/** @typedef {{type: string, raw: string}} Token One block, or a piece of one, as marked sees it. */
/** @typedef {{parser: {parseInline: (tokens: Token[]) => string}}} Rendering What marked calls the methods below on. */

const SAFE_ADDRESS = /^(?:https?:\/\/|mailto:)/i;

const LIST = {
  ALLOWED_TAGS: [
    "a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
  ],
  ALLOWED_ATTR: ["align", "class", "href", "rel", "start", "target", "title"],
  ALLOWED_URI_REGEXP: SAFE_ADDRESS,
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

/** @param {string} text */
function escape(text) {
  const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (c) => entities[/** @type {keyof typeof entities} */ (c)]);
}

/**
 * @param {string} href
 * @param {string} inner HTML
 * @param {string | null | undefined} title
 */
function link(href, inner, title) {
  if (!SAFE_ADDRESS.test(href)) return inner;
  const tooltip = title ? ` title="${escape(title)}"` : "";
  return `<a href="${escape(href)}" target="_blank" rel="noopener noreferrer"${tooltip}>${inner}</a>`;
}

const marked = new Marked({
  gfm: true,
  // Models write addresses and poems with single line breaks and mean them.
  breaks: true,
  renderer: {
    /** @param {{text: string, block?: boolean}} token */
    html({ text, block }) {
      // The one piece of HTML that models use where Markdown has no word for it: a new line in a table cell.
      if (/^<br\s*\/?>$/i.test(text)) return "<br>";
      return block ? `<p>${escape(text.trimEnd())}</p>\n` : escape(text);
    },
    /**
     * @this {Rendering}
     * @param {{href: string, title?: string | null, tokens: Token[]}} token
     */
    link(token) {
      return link(token.href, this.parser.parseInline(token.tokens), token.title);
    },
    /** @param {{href: string, title?: string | null, text: string}} token */
    image({ href, title, text }) {
      // Loading it would tell its server that this text was read.
      return link(href, escape(text || href), title);
    },
    /**
     * @this {Rendering}
     * @param {{depth: number, tokens: Token[]}} token
     */
    heading(token) {
      // The page has levels 1 and 2 of its own.
      const level = Math.min(6, token.depth + 2);
      return `<h${level}>${this.parser.parseInline(token.tokens)}</h${level}>\n`;
    },
    /** @param {{checked: boolean}} token */
    checkbox({ checked }) {
      return checked ? "☑ " : "☐ ";
    },
  },
});

// An instance of its own: the hook below must not meet what others sanitise.
/** @type {any} */
const purify = DOMPurify(window);

purify.addHook("afterSanitizeAttributes", (/** @type {Element} */ node) => {
  if (node.nodeName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer");
  }
  const name = node.getAttribute("class");
  if (name !== null && !(node.nodeName === "CODE" && /^language-[\w+#.-]{1,30}$/.test(name))) {
    node.removeAttribute("class");
  }
});

/**
 * Split into blocks; the `raw` of all tokens together is the text.
 *
 * @param {string} text
 * @returns {Token[]}
 */
export function blocks(text) {
  return marked.lexer(text);
}

/**
 * @param {Token[]} tokens From `blocks`.
 * @returns {DocumentFragment}
 */
export function toFragment(tokens) {
  return purify.sanitize(marked.parser(tokens), LIST);
}
