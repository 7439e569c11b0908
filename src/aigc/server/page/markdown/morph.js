// @ts-check
/**
 * @file Make existing DOM equal to new DOM while touching as little as possible.
 *
 * What did not change keeps its identity: selections, focus and scroll positions inside it survive, and nothing is
 * painted twice. Knows: nodes. Does not know: Markdown.
 */

/**
 * Make the children of `parent` from index `from` on equal to those of `wanted`, which is used up.
 *
 * @param {Node} parent
 * @param {Node} wanted
 * @param {number} [from]
 */
export function morph(parent, wanted, from = 0) {
  const fresh = [...wanted.childNodes];
  fresh.forEach((node, index) => {
    const old = parent.childNodes[from + index];
    if (!old) parent.appendChild(node);
    else morphNode(old, node);
  });
  while (parent.childNodes.length > from + fresh.length) parent.lastChild?.remove();
}

/**
 * @param {ChildNode} old
 * @param {ChildNode} fresh
 */
function morphNode(old, fresh) {
  if (old instanceof Text && fresh instanceof Text) {
    if (old.data === fresh.data) return;
    // Appending is what streaming does nearly always; it keeps a selection alive.
    if (fresh.data.startsWith(old.data)) old.appendData(fresh.data.slice(old.data.length));
    else old.data = fresh.data;
  } else if (old instanceof Element && fresh instanceof Element && sameShell(old, fresh)) {
    morph(old, fresh);
  } else {
    old.replaceWith(fresh);
  }
}

/**
 * @param {Element} a
 * @param {Element} b
 */
function sameShell(a, b) {
  return (
    a.nodeName === b.nodeName &&
    a.attributes.length === b.attributes.length &&
    [...a.attributes].every((attribute) => b.getAttribute(attribute.name) === attribute.value)
  );
}
