// @ts-check
/**
 * @file The list of conversations: groups by age, search, rename, delete with a way back, export.
 *
 * Knows: conversations and their order. Does not know: messages, the network.
 */

import { t } from "../i18n.js";
import { byId, h } from "./dom.js";
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

export class Sidebar {
  #list = byId("list", HTMLElement);
  #search = byId("search", HTMLInputElement);
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
    const focused = document.activeElement?.closest("[data-conversation]")?.getAttribute("data-conversation");
    this.#list.replaceChildren(...this.#groups(found));
    if (focused) /** @type {HTMLElement | null} */ (this.#list.querySelector(`[data-conversation="${focused}"] a`))?.focus();
  }

  /** @param {Conversation[]} conversations */
  #groups(conversations) {
    if (!conversations.length) {
      return [h("p", { class: "list-empty" }, [t(this.#search.value.trim() ? "searchNothing" : "noConversations")])];
    }
    const midnight = new Date().setHours(0, 0, 0, 0);
    const groups = [
      { words: t("today"), from: midnight },
      { words: t("yesterday"), from: midnight - DAY },
      { words: t("week"), from: midnight - 7 * DAY },
      { words: t("older"), from: -Infinity },
    ];
    return groups.flatMap(({ words, from }, index) => {
      const until = index ? groups[index - 1].from : Infinity;
      const members = conversations.filter(({ updatedAt }) => updatedAt >= from && updatedAt < until);
      return members.length ? [h("h2", {}, [words]), h("ul", {}, members.map((one) => this.#item(one)))] : [];
    });
  }

  /** @param {Conversation} conversation */
  #item(conversation) {
    const title = conversation.title || t("untitled");
    const link = h("a", { href: `#/c/${conversation.id}`, title, "aria-current": conversation === this.chats.current ? "page" : null }, [
      h("span", {}, [title]),
      this.chats.isRunning(conversation.id) ? h("span", { class: "pulse", role: "img", "aria-label": t("answering") }) : null,
    ]);
    const more = h("button", { type: "button", class: "icon-button small", "aria-haspopup": "menu", "aria-label": `${t("more")}: ${title}` }, [icon("dots")]);
    const item = h("li", { "data-conversation": conversation.id }, [link, more]);
    const rename = () => this.#rename(conversation, item);
    more.addEventListener("click", () =>
      openMenu(more, [
        { words: t("rename"), icon: "edit", act: rename },
        { words: t("exportMarkdown"), icon: "download", act: () => this.actions.exportAs(conversation, "markdown") },
        { words: t("exportJson"), icon: "download", act: () => this.actions.exportAs(conversation, "json") },
        { words: t("remove"), icon: "trash", danger: true, act: () => this.actions.remove(conversation) },
      ]),
    );
    link.addEventListener("dblclick", rename);
    link.addEventListener("keydown", (event) => event.key === "F2" && rename());
    return item;
  }

  /**
   * @param {Conversation} conversation
   * @param {HTMLElement} item
   */
  #rename(conversation, item) {
    const input = h("input", { type: "text", "aria-label": t("rename"), maxlength: "200" });
    input.value = conversation.title;
    let over = false;
    const end = async (/** @type {boolean} */ keep) => {
      if (over) return;
      over = true;
      const focused = document.activeElement === input;
      input.remove();
      if (keep) await this.chats.rename(conversation, input.value);
      await this.show();
      if (focused) /** @type {HTMLElement | null} */ (this.#list.querySelector(`[data-conversation="${conversation.id}"] a`))?.focus();
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
    item.replaceChildren(input);
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
