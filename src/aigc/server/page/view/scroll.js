// @ts-check
/**
 * @file Keep the end of a growing thread in view, until the reader scrolls up; offer a way back down.
 */

/** Nearer to the end than this counts as being at the end, in pixels. */
const NEAR = 48;

export class Follow {
  #following = true;
  #lastTop = 0;

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} button
   */
  constructor(scroller, button) {
    this.scroller = scroller;
    this.button = button;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    button.addEventListener("click", () => this.toEnd(true));
    const observer = new ResizeObserver(() => this.#grew());
    for (const element of [scroller, ...scroller.children]) observer.observe(element);
  }

  #grew() {
    if (this.#following) this.#jump("instant");
    this.#showButton();
  }

  /** @param {boolean} [gently] */
  toEnd(gently = false) {
    this.#following = true;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#jump(gently && !calm ? "smooth" : "instant");
    this.#showButton();
  }

  /** @param {ScrollBehavior} behavior */
  #jump(behavior) {
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior });
  }

  #scrolled() {
    const { scrollTop } = this.scroller;
    // Only the reader scrolls up; content that grows moves the end away without a scroll.
    if (this.#rest() <= NEAR) this.#following = true;
    else if (scrollTop < this.#lastTop) this.#following = false;
    this.#lastTop = scrollTop;
    this.#showButton();
  }

  #rest() {
    return this.scroller.scrollHeight - this.scroller.clientHeight - this.scroller.scrollTop;
  }

  #showButton() {
    this.button.hidden = this.#rest() <= NEAR || this.#following;
  }
}
