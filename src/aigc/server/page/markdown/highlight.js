// @ts-check
/**
 * @file Colours in code, loaded with the first block that wants them: the core and one file per language.
 *
 * Knows: code elements with a class `language-x`. Does not know: where they stand. Blocks of unknown languages, and
 * very long ones, stay as they are.
 */

import purifier from "../vendor/dompurify.js";

/** @type {any} */
const DOMPurify = purifier;

const LONGEST = 50_000;

/** @type {Record<string, string>} Names that models write, and the file that knows the language. */
const FILES = {
  bash: "bash", sh: "bash", shell: "bash", zsh: "bash", console: "bash",
  c: "cpp", "c++": "cpp", cpp: "cpp", h: "cpp",
  java: "java",
  javascript: "javascript", js: "javascript", jsx: "javascript", ts: "javascript", typescript: "javascript",
  json: "json", jsonc: "json",
  python: "python", py: "python", python3: "python",
  sql: "sql",
  html: "xml", xml: "xml", svg: "xml",
  yaml: "yaml", yml: "yaml",
};

/** @type {Promise<any> | null} */
let core = null;
/** @type {Map<string, Promise<void>>} */
const loaded = new Map();

/** @param {string} file */
async function load(file) {
  core ??= import("../vendor/highlight/core.js").then((module) => module.default);
  const hljs = await core;
  let language = loaded.get(file);
  if (!language) {
    language = import(`../vendor/highlight/${file}.js`).then((module) => hljs.registerLanguage(file, module.default));
    loaded.set(file, language);
  }
  await language;
  return hljs;
}

/**
 * Colour the complete code blocks at or below `root`. Returns at once; colours come when they are there.
 *
 * @param {HTMLElement} root
 */
export function highlightAll(root) {
  for (const code of root.querySelectorAll('pre > code[class^="language-"]')) {
    const file = FILES[code.className.slice("language-".length).toLowerCase()];
    const text = code.textContent ?? "";
    if (!file || text.length > LONGEST || code.childElementCount) continue;
    load(file)
      .then((hljs) => {
        if (code.textContent !== text) return;
        const { value } = hljs.highlight(text, { language: file, ignoreIllegals: true });
        // Only coloured spans may come out of it, whatever the code says.
        code.replaceChildren(
          DOMPurify.sanitize(value, { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], RETURN_DOM_FRAGMENT: true }),
        );
      })
      .catch((error) => console.warn("aigc: no colours for", file, error));
  }
}
