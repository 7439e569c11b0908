// @ts-check
/**
 * @file The state of the page: conversations, the one that is open, the answers that are being written.
 *
 * Knows: the tree of messages, storage, the API. Does not know: the screen, which listens to its events:
 * `list` (the conversations), `thread` (the branch that is open), `message` (one message grew), `trouble` (not saved).
 */

import * as tree from "./conversation.js";
import { Generation } from "./generation.js";

/**
 * @typedef {import("./types.js").Conversation} Conversation
 * @typedef {import("./types.js").Message} Message
 * @typedef {import("./types.js").Parameters} Parameters
 */

/** While an answer grows it is saved this often. */
const SAVE_EVERY_MS = 1000;

export class Chats extends EventTarget {
  /** @type {Conversation[]} */
  all = [];
  /** @type {Conversation | null} `null`: a new chat without a message. */
  current = null;
  /** @type {Map<string, Message>} Messages of the open conversation. */
  messages = new Map();
  /** @type {Map<string, Generation>} By conversation: at most one answer each. */
  #running = new Map();
  /** Openings overtake each other; only the last one counts. */
  #turn = 0;
  /** Tells other tabs of the same browser what has changed. */
  #channel = new BroadcastChannel("aigc");

  /**
   * @param {import("./storage.js").Storage} storage
   * @param {import("./api.js").Api} api
   * @param {Parameters} parameters  Of the next new chat.
   */
  constructor(storage, api, parameters) {
    super();
    this.storage = storage;
    this.api = api;
    this.draft = parameters;
    this.#channel.onmessage = (event) => this.#changedElsewhere(event.data);
    addEventListener("pagehide", () => this.#running.forEach((generation) => this.#saveMessage(generation.message)));
  }

  async load() {
    this.all = (await this.storage.conversations()).sort((a, b) => b.updatedAt - a.updatedAt);
    this.#tell("list");
  }

  get parameters() {
    return this.current?.parameters ?? this.draft;
  }

  get branch() {
    return tree.branch(this.messages, this.current?.leaf ?? null);
  }

  /** The answer that is being written in the open conversation. */
  get answering() {
    return this.current ? (this.#running.get(this.current.id)?.message ?? null) : null;
  }

  /** @param {string} id */
  isRunning(id) {
    return this.#running.has(id);
  }

  /** @param {Message} message */
  siblings(message) {
    return tree.siblings(this.messages, message);
  }

  /**
   * Open a conversation; null opens a new chat. False: there is none of that id.
   *
   * @param {string | null} id
   */
  async open(id) {
    const conversation = id ? this.all.find((one) => one.id === id) : null;
    if (conversation === undefined) return false;
    const turn = ++this.#turn;
    // Looked up before the read: an answer that ends in the meantime is in what was read only as far as it had come.
    const live = id ? this.#running.get(id)?.message : undefined;
    const messages = conversation ? await this.storage.messages(conversation.id) : [];
    if (turn !== this.#turn) return true;
    this.current = conversation;
    this.messages = new Map(messages.map((message) => [message.id, this.#revive(message, live)]));
    this.#tell("thread");
    return true;
  }

  /** @param {string} text */
  async send(text) {
    if (this.answering) return;
    const conversation = this.current ?? this.#create(text);
    const question = tree.newMessage(conversation, conversation.leaf, "user", text);
    await this.#ask(conversation, question);
  }

  /**
   * Ask the edited question instead; the old one stays as another version.
   *
   * @param {Message} message
   * @param {string} text
   */
  async edit(message, text) {
    if (this.answering || !this.current) return;
    await this.#ask(this.current, tree.newMessage(this.current, message.parent, "user", text));
  }

  /**
   * Another answer to the same question. One that failed without a word is replaced.
   *
   * @param {Message} answer
   */
  async regenerate(answer) {
    if (this.answering || !this.current || !answer.parent) return;
    const reuse = answer.status === "failed" && !answer.content && !answer.reasoning;
    const next = tree.newMessage(this.current, answer.parent, "assistant", "");
    if (reuse) next.id = answer.id;
    await this.#answer(this.current, next);
  }

  stop() {
    if (this.current) this.#running.get(this.current.id)?.stop();
  }

  /**
   * Show the version before (-1) or after (+1) a message.
   *
   * @param {Message} message
   * @param {-1 | 1} step
   */
  async turn(message, step) {
    const versions = this.siblings(message);
    const other = versions[versions.findIndex((version) => version.id === message.id) + step];
    if (!other || !this.current || this.answering) return;
    this.current.leaf = tree.newestLeaf(this.messages, other.id);
    await this.#saveConversation(this.current);
    this.#tell("thread");
  }

  /** @param {Partial<Parameters>} changes */
  async setParameters(changes) {
    // The next new chat begins with the last choice.
    this.draft = { ...this.parameters, ...changes };
    if (!this.current) return;
    this.current.parameters = { ...this.draft };
    await this.#saveConversation(this.current);
  }

  /**
   * @param {Conversation} conversation
   * @param {string} title
   */
  async rename(conversation, title) {
    conversation.title = title.trim() || conversation.title;
    await this.#saveConversation(conversation);
    this.#tell("list");
  }

  /**
   * Delete; returns the way back.
   *
   * @param {Conversation} conversation
   * @returns {Promise<() => Promise<void>>}
   */
  async remove(conversation) {
    this.#running.get(conversation.id)?.stop();
    const messages = await this.storage.messages(conversation.id);
    await this.storage.remove(conversation.id);
    this.all = this.all.filter((one) => one !== conversation);
    if (this.current === conversation) await this.open(null);
    this.#published(conversation.id);
    return async () => {
      await this.storage.restore(conversation, messages);
      this.#published(conversation.id);
      await this.load();
    };
  }

  /** @param {string} text @returns {Promise<Conversation[]>} */
  async search(text) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return this.all;
    const hits = await this.storage.search(wanted);
    return this.all.filter((one) => hits.has(one.id) || one.title.toLowerCase().includes(wanted));
  }

  /** @param {string} text */
  #create(text) {
    const conversation = tree.newConversation(this.draft);
    conversation.title = tree.titleFrom(text);
    this.#turn++;
    this.current = conversation;
    this.messages = new Map();
    this.all.unshift(conversation);
    return conversation;
  }

  /**
   * @param {Conversation} conversation
   * @param {Message} question
   */
  async #ask(conversation, question) {
    this.messages.set(question.id, question);
    await this.#saveMessage(question);
    await this.#answer(conversation, tree.newMessage(conversation, question.id, "assistant", ""));
  }

  /**
   * @param {Conversation} conversation
   * @param {Message} answer
   */
  async #answer(conversation, answer) {
    const turns = tree.branch(this.messages, answer.parent);
    this.messages.set(answer.id, answer);
    conversation.leaf = answer.id;
    conversation.updatedAt = Date.now();
    this.all.sort((a, b) => b.updatedAt - a.updatedAt);
    let saved = performance.now();
    const generation = new Generation(this.api, tree.requestBody(turns, conversation.parameters), answer, () => {
      this.#tell("message", answer);
      if (performance.now() - saved < SAVE_EVERY_MS || answer.status !== "streaming") return;
      saved = performance.now();
      void this.#saveMessage(answer);
    });
    this.#running.set(conversation.id, generation);
    this.#tell("thread");
    this.#tell("list");
    await this.#saveConversation(conversation);
    await this.#saveMessage(answer);
    await generation.run();
    // Saved before it counts as ended, so that whoever opens the conversation finds all of it, here or there.
    if (this.all.includes(conversation)) await this.#saveMessage(answer);
    this.#running.delete(conversation.id);
    this.#published(conversation.id);
    this.#tell("list");
    if (this.current === conversation) this.#tell("thread");
  }

  /**
   * A message from storage: the live object if this tab is writing it; if nobody is, the page was closed in the midst.
   *
   * @param {Message} message
   * @param {Message | undefined} live
   */
  #revive(message, live) {
    if (live?.id === message.id) return live;
    return message.status === "streaming" ? { ...message, status: /** @type {const} */ ("stopped") } : message;
  }

  /** @param {Conversation} conversation */
  async #saveConversation(conversation) {
    await this.storage.putConversation(conversation).catch((error) => this.#tell("trouble", error));
  }

  /** @param {Message} message */
  async #saveMessage(message) {
    await this.storage.putMessage(message).catch((error) => this.#tell("trouble", error));
  }

  /** @param {string} id */
  #published(id) {
    this.#channel.postMessage(id);
  }

  /** @param {string} id */
  async #changedElsewhere(id) {
    const open = this.current?.id;
    const kept = this.all.filter((one) => this.#running.has(one.id));
    this.all = (await this.storage.conversations()).map((one) => kept.find((other) => other.id === one.id) ?? one);
    this.all.sort((a, b) => b.updatedAt - a.updatedAt);
    this.#tell("list");
    if (open === id && !this.#running.has(id)) {
      if (!(await this.open(id))) await this.open(null);
    } else if (open) {
      this.current = this.all.find((one) => one.id === open) ?? this.current;
    }
  }

  /**
   * @param {"list" | "thread" | "message" | "trouble"} name
   * @param {unknown} [detail]
   */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
