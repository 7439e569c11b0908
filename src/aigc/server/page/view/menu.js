// @ts-check
/**
 * @file The one small menu of the page, opened beside a button; arrow keys, Home, End and Escape work.
 */

import { byId, h } from "./dom.js";
import { icon } from "./icons.js";

/**
 * @typedef {object} Item
 * @property {string} words
 * @property {import("./icons.js").IconName} icon
 * @property {() => void} act
 * @property {boolean} [danger]
 */

/**
 * @param {HTMLElement} button
 * @param {Item[]} items
 */
export function openMenu(button, items) {
  const menu = byId("menu", HTMLElement);
  menu.replaceChildren(
    ...items.map((item) =>
      h("button", { type: "button", role: "menuitem", class: item.danger ? "danger" : null, onclick: () => choose(item) }, [
        icon(item.icon),
        item.words,
      ]),
    ),
  );
  menu.onkeydown = (event) => move(menu, event);
  menu.ontoggle = (event) => {
    const open = /** @type {ToggleEvent} */ (event).newState === "open";
    button.setAttribute("aria-expanded", String(open));
    if (!open && menu.contains(document.activeElement)) button.focus();
  };
  menu.showPopover();
  place(menu, button);
  /** @type {HTMLElement} */ (menu.firstElementChild).focus();

  /** @param {Item} item */
  function choose(item) {
    button.focus();
    menu.hidePopover();
    item.act();
  }
}

/**
 * Below the button, or above it where there is no room.
 *
 * @param {HTMLElement} menu
 * @param {HTMLElement} button
 */
function place(menu, button) {
  const box = button.getBoundingClientRect();
  const below = box.bottom + menu.offsetHeight + 8 < innerHeight;
  menu.style.top = `${below ? box.bottom + 4 : box.top - menu.offsetHeight - 4}px`;
  menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - menu.offsetWidth - 8))}px`;
}

/**
 * @param {HTMLElement} menu
 * @param {KeyboardEvent} event
 */
function move(menu, event) {
  const items = /** @type {HTMLElement[]} */ ([...menu.children]);
  const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (event.key === "Tab") menu.hidePopover();
  if (target === undefined) return;
  event.preventDefault();
  items.at(target % items.length)?.focus();
}
