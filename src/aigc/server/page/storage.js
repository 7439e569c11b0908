// @ts-check
/**
 * @file Conversations in the browser's IndexedDB; in memory where the browser refuses one.
 *
 * Knows: two object stores, transactions, other tabs. Does not know: the screen, the network. Keys never come here.
 */

/**
 * @typedef {import("./types.js").Conversation} Conversation
 * @typedef {import("./types.js").Message} Message
 */

const NAME = "aigc";
const VERSION = 1;

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  const request = indexedDB.open(NAME, VERSION);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("conversations", { keyPath: "id" });
    request.result.createObjectStore("messages", { keyPath: "id" }).createIndex("conversation", "conversation");
  };
  return result(request);
}

/** What both kinds of storage offer. */
class IndexedStorage {
  lasting = true;
  /** @type {IDBDatabase} */
  #database;

  /** @param {IDBDatabase} database */
  constructor(database) {
    this.#database = database;
    // A newer page in another tab may need to upgrade the schema.
    database.onversionchange = () => database.close();
  }

  /** @returns {Promise<Conversation[]>} */
  conversations() {
    return result(this.#store("conversations", "readonly").getAll());
  }

  /**
   * @param {string} conversation
   * @returns {Promise<Message[]>}
   */
  messages(conversation) {
    return result(this.#store("messages", "readonly").index("conversation").getAll(conversation));
  }

  /** @param {Conversation} conversation */
  async putConversation(conversation) {
    await this.#write(["conversations"], (store) => store("conversations").put(conversation));
  }

  /** @param {Message} message */
  async putMessage(message) {
    await this.#write(["messages"], (store) => store("messages").put(message));
  }

  /**
   * @param {Conversation} conversation
   * @param {Message[]} messages
   */
  async restore(conversation, messages) {
    await this.#write(["conversations", "messages"], (store) => {
      store("conversations").put(conversation);
      for (const message of messages) store("messages").put(message);
    });
  }

  /** @param {string} id */
  async remove(id) {
    const messages = await this.messages(id);
    await this.#write(["conversations", "messages"], (store) => {
      store("conversations").delete(id);
      for (const message of messages) store("messages").delete(message.id);
    });
  }

  /**
   * Ids of the conversations with a message that contains the text, upper and lower case alike.
   *
   * @param {string} text
   * @returns {Promise<Set<string>>}
   */
  search(text) {
    const wanted = text.toLowerCase();
    /** @type {Set<string>} */
    const found = new Set();
    const request = this.#store("messages", "readonly").openCursor();
    return new Promise((resolve, reject) => {
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const cursor = request.result;
        if (!cursor) return resolve(found);
        if (cursor.value.content.toLowerCase().includes(wanted)) found.add(cursor.value.conversation);
        cursor.continue();
      };
    });
  }

  /**
   * @param {string} name
   * @param {IDBTransactionMode} mode
   */
  #store(name, mode) {
    return this.#database.transaction(name, mode).objectStore(name);
  }

  /**
   * One transaction; resolves when it is on disk, so that a full disk is an error here and not a surprise later.
   *
   * @param {string[]} names
   * @param {(store: (name: string) => IDBObjectStore) => void} work
   * @returns {Promise<void>}
   */
  #write(names, work) {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(names, "readwrite");
      transaction.oncomplete = () => resolve();
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
      work((name) => transaction.objectStore(name));
    });
  }
}

/** The same, gone with the tab: for browsers that refuse a database (some private windows). */
class MemoryStorage {
  lasting = false;
  /** @type {Map<string, Conversation>} */
  #conversations = new Map();
  /** @type {Map<string, Message>} */
  #messages = new Map();

  async conversations() {
    return [...this.#conversations.values()];
  }

  /** @param {string} conversation */
  async messages(conversation) {
    return [...this.#messages.values()].filter((message) => message.conversation === conversation);
  }

  /** @param {Conversation} conversation */
  async putConversation(conversation) {
    this.#conversations.set(conversation.id, conversation);
  }

  /** @param {Message} message */
  async putMessage(message) {
    this.#messages.set(message.id, message);
  }

  /**
   * @param {Conversation} conversation
   * @param {Message[]} messages
   */
  async restore(conversation, messages) {
    this.#conversations.set(conversation.id, conversation);
    for (const message of messages) this.#messages.set(message.id, message);
  }

  /** @param {string} id */
  async remove(id) {
    this.#conversations.delete(id);
    for (const message of await this.messages(id)) this.#messages.delete(message.id);
  }

  /** @param {string} text */
  async search(text) {
    const wanted = text.toLowerCase();
    const hits = [...this.#messages.values()].filter((message) => message.content.toLowerCase().includes(wanted));
    return new Set(hits.map((message) => message.conversation));
  }
}

/** @typedef {IndexedStorage | MemoryStorage} Storage */

/**
 * @returns {Promise<Storage>}
 */
export async function openStorage() {
  try {
    return new IndexedStorage(await openDatabase());
  } catch (error) {
    console.warn("aigc: no IndexedDB, conversations last as long as this tab", error);
    return new MemoryStorage();
  }
}
