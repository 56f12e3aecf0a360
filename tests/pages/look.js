// What is wrong with how a page looks, in words; nothing, if all is well.
() => {
  // What is not on the screen has no layout until it is scrolled to, where a page says so.
  for (const element of document.querySelectorAll("main *")) {
    if (getComputedStyle(element).contentVisibility === "auto") element.style.contentVisibility = "visible";
  }

  const visible = (element) =>
    element.checkVisibility({ visibilityProperty: true }) && !element.closest(".visually-hidden, .skip");

  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    if (node.data.trim() && !element.closest("script, style, math, title, desc") && visible(element)) {
      texts.push({ node, element, text: node.data.trim() });
    }
  }

  const width = () => {
    const wide = document.documentElement.scrollWidth;
    return wide > innerWidth ? [`the page is ${wide} wide`] : [];
  };

  const colour = (written) => {
    const [r, g, b, a = 1] = written.match(/[\d.]+/g).map(Number);
    return { rgb: [r, g, b], a };
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const { rgb, a } = colour(getComputedStyle(e).backgroundColor);
      if (a === 1) return rgb;
    }
    return [255, 255, 255];
  };
  const contrast = () => {
    const found = new Set();
    for (const { element } of texts) {
      const style = getComputedStyle(element);
      const ink = luminance(colour(element.closest("svg") ? style.fill : style.color).rgb);
      const paper = luminance(ground(element));
      const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
      if (ratio < 4.5) found.add(`${element.tagName}.${element.className} has a contrast of ${ratio.toFixed(1)}`);
    }
    return [...found];
  };

  // The part of a rectangle that is not scrolled out of the box that it is in.
  const clipped = (rectangle, element) => {
    let { left, right, top, bottom } = rectangle;
    for (let e = element; e; e = e.parentElement) {
      if (getComputedStyle(e).overflowX === "visible") continue;
      const box = e.getBoundingClientRect();
      [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
      [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
    }
    return { left, right, top, bottom, width: right - left, height: bottom - top };
  };
  const lines = ({ node }) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return [...range.getClientRects()];
  };
  const overlaps = () => {
    const formulas = [...document.querySelectorAll("math")].filter(visible);
    const boxes = [
      ...texts.flatMap((t) => lines(t).map((line) => ({ text: t.text.slice(0, 40), ...clipped(line, t.element) }))),
      ...formulas.map((math) => ({ text: math.textContent, ...clipped(math.getBoundingClientRect(), math) })),
    ].filter(({ width, height }) => width > 2 && height > 2);
    boxes.sort((a, b) => a.top - b.top);
    const found = [];
    boxes.forEach((a, i) => {
      for (const b of boxes.slice(i + 1)) {
        if (b.top > a.bottom) break;
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - b.top;
        if (across > 3 && down > 0.4 * Math.min(a.height, b.height)) found.push(`"${a.text}" is under "${b.text}"`);
      }
    });
    return found;
  };

  const headings = () => {
    const levels = [...document.querySelectorAll("h1, h2, h3, h4")].filter(visible).map((h) => Number(h.tagName[1]));
    const found = levels.filter((level, i) => i && level > levels[i - 1] + 1);
    if (levels.filter((level) => level === 1).length !== 1) found.push(1);
    return found.map((level) => `a heading of level ${level} is not in order, or not alone`);
  };

  const names = () => {
    const spoken = (e) =>
      e.ariaLabel || e.getAttribute("aria-labelledby") || e.labels?.[0]?.textContent.trim() || e.textContent.trim();
    const operated = [...document.querySelectorAll("a[href], button, input, select, svg")].filter(visible);
    return operated.filter((e) => !spoken(e)).map((e) => `${e.outerHTML.slice(0, 80)} has no name`);
  };

  const latex = () => {
    const prose = texts.filter(({ element }) => !element.closest("code")).map(({ text }) => text);
    const formulas = [...document.querySelectorAll("math")].map((math) => math.textContent);
    return [...prose, ...formulas].filter((text) => /\\[a-zA-Z]+|\$.+\$|[_^]\{/.test(text)).map((text) => `LaTeX: ${text}`);
  };

  return [width, contrast, overlaps, headings, names, latex].flatMap((check) => check()).slice(0, 10);
}
