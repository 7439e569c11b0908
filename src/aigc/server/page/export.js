// @ts-check
/**
 * @file Conversations as files. An export says of every answer that a model wrote it, and which one.
 *
 * Knows: the shapes of messages. Does not know: storage, the screen.
 */

import { splitThinking } from "./conversation.js";
import { dateTime, t } from "./i18n.js";

/**
 * @typedef {import("./types.js").Conversation} Conversation
 * @typedef {import("./types.js").Message} Message
 */

/**
 * The branch that is shown.
 *
 * @param {Conversation} conversation
 * @param {Message[]} turns
 */
export function toMarkdown(conversation, turns) {
  const parts = [`# ${conversation.title}`, dateTime(conversation.createdAt)];
  if (conversation.parameters.system) parts.push(`> ${conversation.parameters.system.replaceAll("\n", "\n> ")}`);
  for (const turn of turns) {
    const name = turn.role === "user" ? t("you") : [t("answer"), t("aiGenerated"), turn.model].filter(Boolean).join(" · ");
    const note = turn.status === "stopped" || turn.status === "failed" ? `\n\n*${t(turn.status === "stopped" ? "stopped" : "interrupted")}*` : "";
    parts.push(`## ${name}`, (turn.role === "user" ? turn.content : splitThinking(turn.content).answer) + note);
  }
  return `${parts.join("\n\n")}\n`;
}

/**
 * Everything, all versions included.
 *
 * @param {{conversation: Conversation, messages: Message[]}[]} items
 */
export function toJson(items) {
  const conversations = items.map(({ conversation, messages }) => ({
    ...conversation,
    messages: messages.map(({ conversation: _, ...message }) => ({
      ...message,
      ...(message.role === "assistant" ? { ai_generated: true } : {}),
    })),
  }));
  return `${JSON.stringify({ format: "aigc-conversations", version: 1, exportedAt: new Date().toISOString(), conversations }, null, 2)}\n`;
}

/**
 * Hand a file to the person.
 *
 * @param {string} name
 * @param {string} type
 * @param {string} text
 */
export function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * A title as a file name that every system accepts.
 *
 * @param {string} title
 */
export function fileName(title) {
  const name = title.replace(/[\\/:*?"<>|\u0000-\u001f]+/g, " ").replace(/\s+/g, " ").trim().replace(/^\.+|\.+$/g, "");
  return name.slice(0, 60).trim() || "aigc";
}
