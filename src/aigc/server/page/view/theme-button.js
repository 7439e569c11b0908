// @ts-check
/**
 * @file The button that walks through the themes: as the system, light, dark. `theme.js` applies the choice at the start.
 */

import { onLanguage, t } from "../i18n.js";
import { prefer, preference } from "../preferences.js";
import { icon } from "./icons.js";

const THEMES = /** @type {const} */ ([
  { name: "system", icon: "system", words: "themeSystem" },
  { name: "light", icon: "sun", words: "themeLight" },
  { name: "dark", icon: "moon", words: "themeDark" },
]);

/** @param {HTMLElement} button */
export function themeButton(button) {
  const show = () => {
    const name = preference("theme", "system");
    const theme = THEMES.find((one) => one.name === name) ?? THEMES[0];
    if (theme.name === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme.name;
    button.replaceChildren(icon(theme.icon));
    button.setAttribute("aria-label", t(theme.words));
    button.title = t(theme.words);
  };
  button.addEventListener("click", () => {
    const at = THEMES.findIndex((one) => one.name === preference("theme", "system"));
    prefer("theme", THEMES[(at + 1) % THEMES.length].name);
    show();
  });
  onLanguage(show);
  show();
}
