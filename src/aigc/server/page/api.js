// @ts-check
/**
 * @file The server's HTTP API, as far as the page uses it.
 *
 * Knows: addresses, the error envelope, what a 401 means. Does not know: the screen, storage.
 * The key is sent once, to `POST /auth/login`; from then on an HttpOnly cookie speaks for this browser.
 */

import { events } from "./sse.js";

/** @typedef {import("./types.js").Model} Model */

/** An answer that is not what was asked for. */
export class ApiError extends Error {
  /**
   * @param {object} what
   * @param {string} what.code        The envelope's code, or: unreachable, interrupted, bad_answer.
   * @param {string} [what.message]
   * @param {string} [what.hint]
   * @param {number} [what.status]
   * @param {number} [what.retryAfterSeconds]
   */
  constructor({ code, message = "", hint, status, retryAfterSeconds }) {
    super(message || code);
    this.code = code;
    this.text = message;
    this.hint = hint;
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** @returns {import("./types.js").Failure} */
  toFailure() {
    return {
      code: this.code,
      message: this.text,
      hint: this.hint,
      retryAt: this.retryAfterSeconds ? Date.now() + this.retryAfterSeconds * 1000 : undefined,
    };
  }
}

/**
 * Read the OpenAI error envelope; tolerates servers that put the hint into the message.
 *
 * @param {any} body
 * @param {number} [status]
 * @param {number} [retryAfterSeconds]
 */
export function fromEnvelope(body, status, retryAfterSeconds) {
  const error = body?.error;
  if (typeof error?.message !== "string") return new ApiError({ code: "bad_answer", message: status ? `HTTP ${status}` : "", status });
  const [message, hint] = error.message.split("\nhint: ");
  return new ApiError({
    code: String(error.code ?? error.type ?? "unknown"),
    message,
    hint: error.hint ?? hint,
    status,
    retryAfterSeconds: retryAfterSeconds ?? error.retry_after_seconds,
  });
}

/**
 * `Retry-After` in seconds: a number, or a date.
 *
 * @param {string | null} value
 */
export function retryAfter(value) {
  if (!value) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

export class Api {
  /** @type {() => Promise<boolean>} Asks the person for a key; false: not now. */
  #askForKey;
  /** @type {Promise<boolean> | null} */
  #asking = null;

  /** @param {() => Promise<boolean>} askForKey */
  constructor(askForKey) {
    this.#askForKey = askForKey;
  }

  /**
   * Who is logged in; null: nobody, and a key is needed.
   *
   * @returns {Promise<any | null>}
   */
  async me() {
    try {
      return await (await this.#once("auth/me")).json();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  }

  /** @param {string} key */
  async login(key) {
    await this.#once("auth/login", { key });
  }

  async logout() {
    await this.#once("auth/logout", {});
  }

  /**
   * Chat models. A model that does not say what it can do is taken for one. Asks nobody for a key: it is called in
   * the background.
   *
   * @returns {Promise<Model[]>}
   */
  async models() {
    const { data } = await (await this.#once("v1/models")).json();
    if (!Array.isArray(data)) throw new ApiError({ code: "bad_answer" });
    return data
      .filter((model) => !Array.isArray(model.aigc?.capabilities) || model.aigc.capabilities.includes("chat"))
      .map((model) => ({
        id: String(model.id),
        aliases: Array.isArray(model.aigc?.aliases) ? model.aigc.aliases.map(String) : [],
        contextTokens: typeof model.aigc?.context_tokens === "number" ? model.aigc.context_tokens : null,
        loaded: typeof model.aigc?.loaded === "boolean" ? model.aigc.loaded : null,
      }));
  }

  /**
   * Stream a chat answer: yields OpenAI chunks. An error event in the stream is thrown.
   *
   * @param {object} body
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<any, void, void>}
   */
  async *chat(body, signal) {
    const response = await this.#request("v1/chat/completions", body, signal);
    if (!response.body) throw new ApiError({ code: "bad_answer" });
    for await (const data of wordsForTheNetwork(events(response.body))) {
      if (data === "[DONE]") return;
      let chunk;
      try {
        chunk = JSON.parse(data);
      } catch {
        throw new ApiError({ code: "bad_answer", message: data.slice(0, 200) });
      }
      if (chunk.error) throw fromEnvelope(chunk);
      yield chunk;
    }
  }

  /** Does the server answer at all? */
  async alive() {
    try {
      return (await fetch("health", { cache: "no-store" })).ok;
    } catch {
      return false;
    }
  }

  /**
   * Ask the person for a key, one question for all who need the answer. False: not now.
   *
   * @returns {Promise<boolean>}
   */
  authorise() {
    this.#asking ??= this.#askForKey().finally(() => (this.#asking = null));
    return this.#asking;
  }

  /**
   * Ask the server; after a 401, ask the person for a key and then once more.
   *
   * @param {string} path
   * @param {object} [body]
   * @param {AbortSignal} [signal]
   */
  async #request(path, body, signal) {
    try {
      return await this.#once(path, body, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      if (!(await this.authorise())) throw error;
      signal?.throwIfAborted();
      return this.#once(path, body, signal);
    }
  }

  /**
   * @param {string} path
   * @param {object} [body]  Given: a POST of JSON.
   * @param {AbortSignal} [signal]
   */
  async #once(path, body, signal) {
    /** @type {RequestInit} */
    const options = { signal, credentials: "same-origin", cache: "no-store" };
    if (body) {
      options.method = "POST";
      options.headers = { "Content-Type": "application/json" };
      options.body = JSON.stringify(body);
    }
    let response;
    try {
      response = await fetch(path, options);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError({ code: "unreachable" });
    }
    if (response.ok) return response;
    const envelope = await response.json().catch(() => null);
    throw fromEnvelope(envelope, response.status, retryAfter(response.headers.get("Retry-After")));
  }
}

/**
 * A connection that breaks in mid-stream is an `interrupted`; an abort stays an abort.
 *
 * @param {AsyncGenerator<string, void, void>} source
 */
async function* wordsForTheNetwork(source) {
  try {
    yield* source;
  } catch (error) {
    if (error instanceof TypeError) throw new ApiError({ code: "interrupted" });
    throw error;
  }
}
