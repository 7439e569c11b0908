// @ts-check
/**
 * @file The list of conversations: groups by age, search, rename, delete with a way back, export.
 *
 * Knows: conversations and their order. Does not know: messages, the network.
 */

import { t } from "../i18n.js";
import { byId, h, place } from "./dom.js";
import { icon } from "./icons.js";
import { openMenu } from "./menu.js";

/**
 * @typedef {import("../types.js").Conversation} Conversation
 *
 * @typedef {object} SidebarActions
 * @property {(conversation: Conversation) => void} remove
 * @property {(conversation: Conversation, format: "markdown" | "json") => void} exportAs
 */

const DAY = 86_400_000;

/** Conversations from midnight of so many days ago, until the group before. */
const GROUPS = /** @type {const} */ ([
  { words: "today", days: 0 },
  { words: "yesterday", days: 1 },
  { words: "week", days: 7 },
  { words: "older", days: Infinity },
]);

export class Sidebar {
  #list = byId("list", HTMLElement);
  #search = byId("search", HTMLInputElement);
  #frames = GROUPS.map(() => ({ heading: h("h2"), list: h("ul") }));
  /** @type {Map<string, Item>} By conversation. */
  #items = new Map();
  /** Searches overtake each other; only the last one may draw. */
  #turn = 0;

  /**
   * @param {import("../chats.js").Chats} chats
   * @param {SidebarActions} actions
   */
  constructor(chats, actions) {
    this.chats = chats;
    this.actions = actions;
    this.#search.addEventListener("input", () => this.show());
  }

  async show() {
    const turn = ++this.#turn;
    const found = await this.chats.search(this.#search.value);
    if (turn !== this.#turn || this.#list.querySelector("input")) return;
    const old = this.#items;
    this.#items = new Map(found.map((one) => [one.id, old.get(one.id) ?? new Item(this)]));
    for (const one of found) this.#items.get(one.id)?.show(one);
    place(this.#list, found.length ? this.#groups(found) : [this.#empty()]);
  }

  #empty() {
    return h("p", { class: "list-empty" }, [t(this.#search.value.trim() ? "searchNothing" : "noConversations")]);
  }

  /** @param {Conversation[]} conversations */
  #groups(conversations) {
    const midnight = new Date().setHours(0, 0, 0, 0);
    let until = Infinity;
    return GROUPS.flatMap(({ words, days }, index) => {
      const from = midnight - days * DAY;
      const members = conversations.filter(({ updatedAt }) => updatedAt >= from && updatedAt < until);
      until = from;
      const { heading, list } = this.#frames[index];
      heading.textContent = t(words);
      place(list, members.flatMap(({ id }) => this.#items.get(id)?.element ?? []));
      return members.length ? [heading, list] : [];
    });
  }
}

/** One line of the list; it stays the same element while its conversation is listed. */
class Item {
  #title = h("span");
  #pulse = h("span", { class: "pulse", role: "img" });
  #link = h("a", {}, [this.#title]);
  #more = h("button", { type: "button", class: "icon-button small", "aria-haspopup": "menu" }, [icon("dots")]);
  element = h("li", {}, [this.#link, this.#more]);
  /** @type {Conversation | null} */
  #conversation = null;

  /** @param {Sidebar} sidebar */
  constructor(sidebar) {
    this.sidebar = sidebar;
    this.#more.addEventListener("click", () => this.#menu());
    this.#link.addEventListener("dblclick", () => this.#rename());
    this.#link.addEventListener("keydown", (event) => event.key === "F2" && this.#rename());
  }

  /** @param {Conversation} conversation  A newer state of the same one. */
  show(conversation) {
    const { chats } = this.sidebar;
    const title = conversation.title || t("untitled");
    this.#conversation = conversation;
    this.#title.textContent = title;
    this.#link.href = `#/c/${conversation.id}`;
    this.#link.title = title;
    if (conversation === chats.current) this.#link.setAttribute("aria-current", "page");
    else this.#link.removeAttribute("aria-current");
    this.#pulse.setAttribute("aria-label", t("answering"));
    place(this.#link, chats.isRunning(conversation.id) ? [this.#title, this.#pulse] : [this.#title]);
    this.#more.setAttribute("aria-label", `${t("more")}: ${title}`);
    place(this.element, [this.#link, this.#more]);
  }

  #menu() {
    const { actions } = this.sidebar;
    const conversation = this.#conversation;
    if (!conversation) return;
    openMenu(this.#more, [
      { words: t("rename"), icon: "edit", act: () => this.#rename() },
      { words: t("exportMarkdown"), icon: "download", act: () => actions.exportAs(conversation, "markdown") },
      { words: t("exportJson"), icon: "download", act: () => actions.exportAs(conversation, "json") },
      { words: t("remove"), icon: "trash", danger: true, act: () => actions.remove(conversation) },
    ]);
  }

  #rename() {
    const conversation = this.#conversation;
    if (!conversation) return;
    const input = h("input", { type: "text", "aria-label": t("rename"), maxlength: "200" });
    input.value = conversation.title;
    let over = false;
    const end = async (/** @type {boolean} */ keep) => {
      if (over) return;
      over = true;
      const focused = document.activeElement === input;
      input.remove();
      if (keep) await this.sidebar.chats.rename(conversation, input.value);
      await this.sidebar.show();
      if (focused) this.#link.focus();
    };
    input.addEventListener("blur", () => end(true));
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Enter") void end(true);
      if (event.key === "Escape") {
        event.stopPropagation();
        void end(false);
      }
    });
    this.element.replaceChildren(input);
    input.focus();
    input.select();
  }
}

/**
 * Show and hide the sidebar: beside the page where there is room, above it where there is none.
 *
 * @param {{wide: MediaQueryList, isOpen: () => boolean, remember: (open: boolean) => void}} options
 */
export function sidebarFrame({ wide, isOpen, remember }) {
  const body = document.body;
  const opener = byId("sidebar-open", HTMLButtonElement);
  const closer = byId("sidebar-close", HTMLButtonElement);
  const set = (/** @type {boolean} */ open) => {
    body.dataset.sidebar = open ? "open" : "closed";
    opener.setAttribute("aria-expanded", String(open));
    byId("sidebar", HTMLElement).inert = !open;
    byId("main", HTMLElement).inert = open && !wide.matches;
  };
  const toggle = (/** @type {boolean} */ open) => {
    set(open);
    if (wide.matches) remember(open);
    (open ? closer : opener).focus();
  };
  opener.addEventListener("click", () => toggle(true));
  closer.addEventListener("click", () => toggle(false));
  byId("backdrop", HTMLElement).addEventListener("click", () => toggle(false));
  wide.addEventListener("change", () => set(wide.matches && isOpen()));
  set(wide.matches && isOpen());
  return {
    /** After a choice on a small screen; true: it was open and in the way. */
    closeIfOver() {
      const over = !wide.matches && body.dataset.sidebar === "open";
      if (over) set(false);
      return over;
    },
  };
}
