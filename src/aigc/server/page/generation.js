// @ts-check
/**
 * @file One answer that is being written: stream it into its message, measure it, stop it.
 *
 * Knows: chunks, clocks, the message. Does not know: the screen, storage.
 */

import { ApiError } from "./api.js";

/**
 * @typedef {import("./types.js").Message} Message
 */

/** Below this, arrival times say more about the network than about the model. */
const SHORTEST_MS = 50;

export class Generation {
  #abort = new AbortController();
  #started = 0;
  #first = 0;
  #last = 0;

  /**
   * @param {import("./api.js").Api} api
   * @param {object} body       Of the request.
   * @param {Message} message   Grows in place.
   * @param {() => void} onChange
   */
  constructor(api, body, message, onChange) {
    this.api = api;
    this.body = body;
    this.message = message;
    this.onChange = onChange;
  }

  /** End it; what has come stays. */
  stop() {
    this.#abort.abort();
  }

  /** Resolves when the message has its final state; never rejects for what the server or the network did. */
  async run() {
    const { message } = this;
    this.#started = performance.now();
    try {
      for await (const chunk of this.api.chat(this.body, this.#abort.signal)) {
        this.#take(chunk);
        this.onChange();
      }
      if (!message.finish) throw new ApiError({ code: "interrupted" });
      message.status = "complete";
    } catch (error) {
      this.#fail(error);
    }
    this.#measure();
    this.onChange();
  }

  /** @param {any} chunk An OpenAI `chat.completion.chunk`. */
  #take(chunk) {
    const { message } = this;
    if (typeof chunk.model === "string") message.model = chunk.model;
    if (chunk.usage) message.usage = chunk.usage;
    const choice = chunk.choices?.[0];
    if (!choice) return;
    if (choice.finish_reason) message.finish = choice.finish_reason;
    const text = choice.delta?.content ?? "";
    const reasoning = choice.delta?.reasoning_content ?? "";
    if (!text && !reasoning) return;
    this.#last = performance.now();
    this.#first ||= this.#last;
    message.firstTokenMs = Math.round(this.#first - this.#started);
    message.content += text;
    if (reasoning) message.reasoning = (message.reasoning ?? "") + reasoning;
  }

  /** @param {unknown} error */
  #fail(error) {
    if (this.#abort.signal.aborted) {
      this.message.status = "stopped";
    } else if (error instanceof ApiError) {
      this.message.status = "failed";
      this.message.error = error.toFailure();
    } else {
      this.message.status = "failed";
      this.message.error = { code: "unknown", message: String(error) };
      console.error("aigc:", error);
    }
  }

  /** Tokens per second of the answer itself: the first token marks the start, so it does not count. */
  #measure() {
    const count = this.message.usage?.completion_tokens ?? 0;
    const writing = this.#last - this.#first;
    if (count > 1 && writing >= SHORTEST_MS) this.message.tokensPerSecond = ((count - 1) * 1000) / writing;
  }
}
