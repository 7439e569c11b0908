// @ts-check
/**
 * @file Make the end of an unfinished text fit to be shown, so that streaming does not flicker.
 *
 * While a model is writing, the last line is often half a construct: `**bo`, `[text](htt`, a lone `-` that would make a
 * heading of the line above, the first row of a table. Knows: text in, text out. Does not know: tokens, DOM.
 */

/**
 * @param {string} text Text outside of an open code block, as far as it has come.
 * @returns {string}
 */
export function settle(text) {
  const start = text.lastIndexOf("\n") + 1;
  const before = text.slice(0, start);
  const line = text.slice(start);
  // Only marks so far: a list, a rule, a fence or a heading may come of it. Wait for the next character.
  if (/^[\s>*+\-=#`~|:_]*$/.test(line) || /^\s*\d{1,9}[.)]?$/.test(line)) return withoutBareTable(before);
  if (/^\s*(```|~~~)/.test(line)) return before;
  return withoutBareTable(before + closeInline(line));
}

/**
 * A table without its second row is a line full of bars: hold it back until it is a table.
 *
 * @param {string} text
 */
function withoutBareTable(text) {
  const match = /(^|\n)( {0,3}\|[^\n]*\n?){1,2}$/.exec(text);
  if (!match) return text;
  const rows = match[0].trim().split("\n");
  const table = rows.length === 2 && /^\s*\|?[\s:|-]+\|\s*$/.test(rows[1]);
  const earlier = text.slice(0, match.index);
  if (table || /\|[^\n]*$/.test(earlier)) return text;
  return earlier + match[1];
}

/**
 * Close what is open in a line and hide half-written links.
 *
 * @param {string} line
 */
function closeInline(line) {
  let text = line.replace(/!?\[([^[\]]*)\]\([^()\s]*$/, "$1").replace(/!?\[([^[\]]*)$/, "$1");
  const spans = text.match(/`+/g) ?? [];
  if (spans.length % 2) return text + spans[spans.length - 1];
  const outside = text.replace(/(`+)[\s\S]*?\1/g, "");
  for (const mark of ["**", "~~"]) {
    const count = outside.split(mark).length - 1;
    if (count % 2 === 0) continue;
    // A mark that has just been opened has nothing to embrace yet.
    if (text.endsWith(mark)) return text.slice(0, -mark.length);
    text = text.trimEnd().replace(mark === "**" ? /\*$/ : /~$/, "") + mark;
  }
  return text;
}
