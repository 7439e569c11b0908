// @ts-check
/**
 * @file Conversations as trees of messages: pure functions, no screen, no storage, no network.
 *
 * An edited question and a regenerated answer are new siblings, so nothing that was written is lost; the conversation
 * remembers the leaf of the branch that is shown.
 */

/**
 * @typedef {import("./types.js").Message} Message
 * @typedef {import("./types.js").Conversation} Conversation
 * @typedef {import("./types.js").Parameters} Parameters
 * @typedef {Map<string, Message>} Tree
 */

/** @type {Readonly<Parameters>} */
export const DEFAULTS = Object.freeze({
  model: "default",
  system: "",
  temperature: null,
  topP: null,
  maxTokens: null,
  seed: null,
});

/**
 * Random id; `crypto.randomUUID` is missing on plain-HTTP origins other than loopback.
 */
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {Parameters} parameters
 * @returns {Conversation}
 */
export function newConversation(parameters) {
  const now = Date.now();
  return { id: newId(), title: "", createdAt: now, updatedAt: now, leaf: null, parameters: { ...parameters } };
}

/**
 * @param {Conversation} conversation
 * @param {string | null} parent
 * @param {import("./types.js").Role} role
 * @param {string} content
 * @returns {Message}
 */
export function newMessage(conversation, parent, role, content) {
  const status = role === "user" ? "complete" : "streaming";
  return { id: newId(), conversation: conversation.id, parent, role, content, status, createdAt: Date.now() };
}

/**
 * The branch from the first message to `leaf`.
 *
 * @param {Tree} tree
 * @param {string | null} leaf
 * @returns {Message[]}
 */
export function branch(tree, leaf) {
  const found = [];
  for (let at = leaf ? tree.get(leaf) : undefined; at; at = at.parent ? tree.get(at.parent) : undefined) found.push(at);
  return found.reverse();
}

/**
 * A message and its alternatives, oldest first.
 *
 * @param {Tree} tree
 * @param {Message} message
 * @returns {Message[]}
 */
export function siblings(tree, message) {
  return [...tree.values()].filter((other) => other.parent === message.parent).sort((a, b) => a.createdAt - b.createdAt);
}

/**
 * The newest leaf below a message: what to show when somebody switches to its branch.
 *
 * @param {Tree} tree
 * @param {string} id
 * @returns {string}
 */
export function newestLeaf(tree, id) {
  const children = [...tree.values()].filter((message) => message.parent === id);
  if (!children.length) return id;
  return newestLeaf(tree, children.reduce((a, b) => (b.createdAt >= a.createdAt ? b : a)).id);
}

/**
 * First line of the first question, shortened at a word where there is one.
 *
 * @param {string} text
 */
export function titleFrom(text) {
  const line = text.trim().split("\n", 1)[0].trim();
  if (line.length <= 60) return line;
  const cut = line.slice(0, 58);
  const space = cut.lastIndexOf(" ");
  return `${space > 30 ? cut.slice(0, space) : cut}…`;
}

/**
 * The body of `POST /v1/chat/completions` for the turns so far.
 *
 * Answers without text (failed or stopped early) are left out, and questions that then stand side by side are joined:
 * many chat templates refuse two turns of the same role.
 *
 * @param {Message[]} turns
 * @param {Parameters} parameters
 */
export function requestBody(turns, parameters) {
  /** @type {{role: string, content: string}[]} */
  const messages = [];
  if (parameters.system.trim()) messages.push({ role: "system", content: parameters.system });
  for (const { role, content } of turns) {
    const text = role === "assistant" ? withoutThinking(content) : content;
    if (!text.trim()) continue;
    const last = messages.at(-1);
    if (last?.role === role) last.content += `\n\n${text}`;
    else messages.push({ role, content: text });
  }
  const given = {
    temperature: parameters.temperature,
    top_p: parameters.topP,
    max_tokens: parameters.maxTokens,
    seed: parameters.seed,
  };
  return {
    model: parameters.model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null)),
  };
}

/**
 * Thinking models write `<think>...</think>` first, where the server does not keep it apart.
 *
 * @param {string} content
 * @returns {{thinking: string, answer: string, open: boolean}}
 */
export function splitThinking(content) {
  const match = /^\s*<think>([\s\S]*?)(<\/think>|$)/.exec(content);
  if (!match) return { thinking: "", answer: content, open: false };
  return { thinking: match[1].trim(), answer: content.slice(match[0].length).trimStart(), open: !match[2] };
}

/** @param {string} content */
function withoutThinking(content) {
  return splitThinking(content).answer;
}
