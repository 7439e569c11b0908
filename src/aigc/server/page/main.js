// @ts-check
/**
 * @file Start of the page: make the parts and connect them. The address (`#/c/<id>`) says which conversation is open.
 */

import { Api, ApiError } from "./api.js";
import { Chats } from "./chats.js";
import { DEFAULTS, branch } from "./conversation.js";
import { download, fileName, toJson, toMarkdown } from "./export.js";
import { currentLanguage, onLanguage, setLanguage, t, translate } from "./i18n.js";
import { prefer, preference } from "./preferences.js";
import { openStorage } from "./storage.js";
import { Composer } from "./view/composer.js";
import { byId, copyText } from "./view/dom.js";
import { fillIcons } from "./view/icons.js";
import { Login } from "./view/login.js";
import { Models } from "./view/models.js";
import { Follow } from "./view/scroll.js";
import { Settings } from "./view/settings.js";
import { Sidebar, sidebarFrame } from "./view/sidebar.js";
import { themeButton } from "./view/theme-button.js";
import { Thread } from "./view/thread.js";
import { announce, toast } from "./view/toast.js";
import { drawWelcome } from "./view/welcome.js";

/** How often a server that does not answer is asked whether it is back, and a loading model whether it is loaded. */
const ASK_AGAIN_MS = 2000;

/** @typedef {import("./types.js").Conversation} Conversation */

const storage = await openStorage();
/** @type {Api} */
const api = new Api(async () => {
  const done = await login.ask();
  if (done) void loggedIn();
  return done;
});
const login = new Login((key) => api.login(key));
const chats = new Chats(storage, api, { ...DEFAULTS, ...preference("parameters", {}) });
const models = new Models(api, (model) => setParameters({ model }));
const follow = new Follow(byId("scroller", HTMLElement), byId("to-bottom", HTMLElement));
const thread = new Thread(byId("thread", HTMLElement), chats, {
  siblings: (message) => chats.siblings(message),
  turn: (message, step) => void chats.turn(message, step),
  regenerate: (message) => void begin(chats.regenerate(message)),
  edit: (message, text) => void begin(chats.edit(message, text)),
  copy: (text) => copyText(text).catch(() => toast(t("copyFailed"))),
  announce,
  waitingWords: () => t(models.find(chats.parameters.model)?.loaded === false ? "loading" : "waiting"),
});
const sidebar = new Sidebar(chats, { remove, exportAs });
const composer = new Composer({
  send: (text) => void begin(chats.send(text)),
  stop: () => chats.stop(),
  editLast: () => thread.editLast(),
});
new Settings(() => chats.parameters, setParameters, () => models.find(chats.parameters.model)?.contextTokens ?? null);
const frame = sidebarFrame({
  wide: matchMedia("(min-width: 820px)"),
  isOpen: () => preference("sidebar", true),
  remember: (open) => prefer("sidebar", open),
});

/** @param {Partial<import("./types.js").Parameters>} changes */
function setParameters(changes) {
  void chats.setParameters(changes);
  prefer("parameters", chats.draft);
}

/**
 * An answer has been asked for: show it from its beginning, and its conversation in the address.
 *
 * @param {Promise<void>} asked
 */
async function begin(asked) {
  announce(t("answerBegins"));
  follow.toEnd();
  const conversation = chats.current;
  if (conversation) history.replaceState(null, "", `#/c/${conversation.id}`);
  const watch = setInterval(watchLoading, ASK_AGAIN_MS);
  await asked.finally(() => clearInterval(watch));
  announce(t("answerEnds"));
  await refreshModels();
}

/** While nothing has come yet: is it still the model that is being loaded? */
async function watchLoading() {
  const answer = chats.answering;
  if (!answer || answer.content) return;
  await refreshModels();
  thread.update(answer);
}

/** The list of models; a server that is away is the banner's matter. */
async function refreshModels() {
  try {
    await models.refresh();
    models.show(chats.parameters.model);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "unreachable") void waitForServer();
  }
}

/** Is there a session? Asks for a key where there is none. */
async function connect() {
  try {
    if (await api.me()) await loggedIn();
    else await api.authorise();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "unreachable") void waitForServer();
  }
}

async function loggedIn() {
  byId("logout", HTMLElement).hidden = false;
  await refreshModels();
}

let waiting = false;

/** Say that the server is away, until it is back. */
async function waitForServer() {
  if (waiting) return;
  waiting = true;
  const banner = byId("banner", HTMLElement);
  banner.hidden = false;
  do {
    banner.textContent = t("offline");
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  } while (!(await api.alive()));
  banner.hidden = true;
  waiting = false;
  toast(t("back"));
  await connect();
}

/** Open what the address names; an unknown id opens a new chat. */
async function route() {
  const id = /^#\/c\/(\w+)$/.exec(location.hash)?.[1] ?? null;
  if (id && id === chats.current?.id) return;
  if (!(await chats.open(id))) history.replaceState(null, "", "#/");
  follow.toEnd();
  void sidebar.show();
  if (!frame.closeIfOver() || !id) composer.input.focus({ preventScroll: true });
}

function newChat() {
  frame.closeIfOver();
  if (location.hash !== "#/") location.hash = "#/";
  // Now, and not when the browser has told of the change: what is typed next belongs to the new chat.
  void route();
  composer.input.focus();
}

/** @param {Conversation} conversation */
async function remove(conversation) {
  const open = chats.current === conversation;
  const undo = await chats.remove(conversation);
  if (open) history.replaceState(null, "", "#/");
  void sidebar.show();
  toast(t("removed"), { words: t("undo"), act: () => void undo() });
}

/**
 * @param {Conversation} conversation
 * @param {"markdown" | "json"} format
 */
async function exportAs(conversation, format) {
  const messages = await storage.messages(conversation.id);
  const name = fileName(conversation.title);
  if (format === "json") return download(`${name}.json`, "application/json", toJson([{ conversation, messages }]));
  const turns = branch(new Map(messages.map((message) => [message.id, message])), conversation.leaf);
  download(`${name}.md`, "text/markdown", toMarkdown(conversation, turns));
}

async function exportAll() {
  const items = await Promise.all(
    chats.all.map(async (conversation) => ({ conversation, messages: await storage.messages(conversation.id) })),
  );
  download("aigc-conversations.json", "application/json", toJson(items));
}

function showThread() {
  thread.show();
  const empty = chats.branch.length === 0;
  byId("welcome", HTMLElement).hidden = !empty;
  byId("thread", HTMLElement).hidden = empty;
  const title = chats.current?.title ?? "";
  byId("title", HTMLElement).textContent = title || t("untitled");
  document.title = title ? `${title} · aigc` : "aigc";
  composer.busy = chats.answering !== null;
  models.show(chats.parameters.model);
}

function showWelcome() {
  drawWelcome(byId("welcome", HTMLElement), (prompt) => void begin(chats.send(prompt)));
}

/** @type {Set<import("./types.js").Message>} */
const grown = new Set();

/** Many chunks, one drawing per frame. @param {Event} event */
function showGrowth(event) {
  if (!grown.size) {
    requestAnimationFrame(() => {
      for (const message of grown) thread.update(message);
      grown.clear();
    });
  }
  grown.add(/** @type {CustomEvent} */ (event).detail);
}

/** @param {KeyboardEvent} event */
function shortcut(event) {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
  if (event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && !frame.closeIfOver()) chats.stop();
  else if (event.key === "/" && !typing) composer.input.focus();
  else if (event.key.toLowerCase() === "o" && event.shiftKey && (event.ctrlKey || event.metaKey)) newChat();
  else return;
  event.preventDefault();
}

chats.addEventListener("thread", showThread);
chats.addEventListener("list", () => void sidebar.show());
chats.addEventListener("message", showGrowth);
chats.addEventListener("trouble", () => toast(t("saveFailed")));
addEventListener("hashchange", () => void route());
addEventListener("keydown", shortcut);
byId("skip", HTMLElement).addEventListener("click", () => composer.input.focus());
byId("new-chat", HTMLElement).addEventListener("click", newChat);
byId("new-chat-small", HTMLElement).addEventListener("click", newChat);
byId("export-all", HTMLElement).addEventListener("click", () => void exportAll());
byId("language", HTMLElement).addEventListener("click", () => setLanguage(currentLanguage() === "en" ? "zh" : "en"));
byId("logout", HTMLElement).addEventListener("click", async () => {
  await api.logout();
  byId("logout", HTMLElement).hidden = true;
  toast(t("loggedOut"));
});
themeButton(byId("theme", HTMLElement));
onLanguage(() => {
  showWelcome();
  thread.redraw();
  showThread();
  void sidebar.show();
});

translate(document);
fillIcons(document);
showWelcome();
await chats.load();
await route();
if (!storage.lasting) toast(t("notLasting"));
document.body.dataset.ready = "";
await connect();
