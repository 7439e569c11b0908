// @ts-check
/**
 * @file What an empty chat shows: a greeting and four things to try.
 */

import { t } from "../i18n.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

const EXAMPLES = /** @type {const} */ ([
  { name: "exampleMail", icon: "mail" },
  { name: "exampleOutline", icon: "list" },
  { name: "exampleSummary", icon: "text" },
  { name: "exampleExplain", icon: "bulb" },
]);

/**
 * @param {HTMLElement} place
 * @param {(prompt: string) => void} send
 */
export function drawWelcome(place, send) {
  const cards = EXAMPLES.map((example) =>
    h("button", { type: "button", class: "example", onclick: () => send(t(`${example.name}Prompt`)) }, [
      icon(example.icon),
      h("strong", {}, [t(example.name)]),
      h("span", {}, [t(`${example.name}More`)]),
    ]),
  );
  place.replaceChildren(
    h("h2", {}, [t("greeting")]),
    h("p", {}, [t("greetingMore")]),
    h("div", { class: "examples" }, cards),
  );
}
