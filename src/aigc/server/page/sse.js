// @ts-check
/**
 * @file Server-sent events from a fetch body.
 *
 * Knows: bytes in, `data` strings out. Does not know: JSON, chat, errors of the API.
 * Source: HTML standard, section 9.2.6 (interpreting an event stream); only `data` fields matter to us.
 */

/**
 * Yield the data of each event, in order. An event that the stream's end cut off is dropped, as the standard says.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<string, void, void>}
 */
export async function* events(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let buffer = "";
  /** @type {string[]} */
  let data = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      buffer += decoder.decode(value, { stream: true });
      // A lone \r at the end may be the first half of \r\n: it waits for the next chunk.
      const lines = buffer.split(/\r\n|\n|\r(?!$)/);
      buffer = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "") {
          if (data.length) yield data.join("\n");
          data = [];
        } else if (line.startsWith("data:")) {
          data.push(line.slice(line[5] === " " ? 6 : 5));
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
