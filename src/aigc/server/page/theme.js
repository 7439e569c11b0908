// @ts-check
/**
 * @file Set the chosen theme before the first paint. A classic script on purpose: modules run too late for that.
 */

(() => {
  try {
    const theme = JSON.parse(localStorage.getItem("aigc.theme") ?? "null");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is forbidden: the system's theme it is.
  }
})();
