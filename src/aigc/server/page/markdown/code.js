// @ts-check
/**
 * @file The frame around code blocks and tables: a head with the language and a copy button; room to scroll.
 *
 * Knows: DOM that the renderer made. Does not know: Markdown, colours. Clicks are handled by `onCopy` for a whole
 * thread, so that a block that is still growing can be replaced freely.
 */

import { h } from "../view/dom.js";
import { icon } from "../view/icons.js";
import { t } from "../i18n.js";

/**
 * Frame every code block and table of a fragment.
 *
 * @param {DocumentFragment} fragment
 */
export function decorate(fragment) {
  for (const pre of [...fragment.querySelectorAll("pre")]) {
    const code = pre.firstElementChild;
    const language = /^language-(.+)$/.exec(code?.className ?? "")?.[1] ?? "";
    // Scrollable areas must be reachable with the keyboard.
    pre.tabIndex = 0;
    const head = h("div", { class: "code-head" }, [
      h("span", { class: "code-language" }, [language || t("code")]),
      h("button", { type: "button", class: "code-copy", "data-copy": "" }, [icon("copy"), h("span", {}, [t("copy")])]),
    ]);
    const figure = h("div", { class: "code" }, [head]);
    pre.replaceWith(figure);
    figure.append(pre);
  }
  for (const table of [...fragment.querySelectorAll("table")]) {
    const frame = h("div", { class: "table", tabindex: "0", role: "region", "aria-label": t("table") });
    table.replaceWith(frame);
    frame.append(table);
  }
}

/**
 * Copy buttons of all code blocks below `root`, now and later.
 *
 * @param {HTMLElement} root
 * @param {(text: string) => Promise<void>} copy
 */
export function onCopy(root, copy) {
  root.addEventListener("click", async (event) => {
    const button = /** @type {Element} */ (event.target).closest("[data-copy]");
    if (!button) return;
    await copy(button.closest(".code")?.querySelector("pre")?.textContent ?? "");
    const words = button.lastElementChild;
    if (!words) return;
    words.textContent = t("copied");
    setTimeout(() => (words.textContent = t("copy")), 1600);
  });
}
