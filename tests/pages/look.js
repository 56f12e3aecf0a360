// What is wrong with how a page looks, in words; nothing, if all is well.
() => {
  const wrong = [];
  // What is not on the screen has no layout until it is scrolled to, where a page says so.
  for (const e of document.querySelectorAll("main *")) if (getComputedStyle(e).contentVisibility === "auto") e.style.contentVisibility = "visible";
  const visible = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest(".visually-hidden, .skip");

  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`the page is ${document.documentElement.scrollWidth} wide`);

  const colour = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return [[r, g, b], a];
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const [rgb, a] = colour(getComputedStyle(e).backgroundColor);
      if (a === 1) return rgb;
    }
    return [255, 255, 255];
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
    return { left, right, top, bottom };
  };

  const boxes = [];
  const add = (rectangles, element, text) => {
    for (const rectangle of rectangles) {
      const box = clipped(rectangle, element);
      if (box.right - box.left > 2 && box.bottom - box.top > 2) boxes.push({ ...box, element, text });
    }
  };
  const said = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    if (!node.data.trim() || element.closest("script, style, math, title, desc") || !visible(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    add(range.getClientRects(), element, node.data.trim().slice(0, 40));
    const style = getComputedStyle(element);
    const [one, other] = [luminance(colour(element.closest("svg") ? style.fill : style.color)[0]), luminance(ground(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) said.add(`${element.tagName}.${element.className} has a contrast of ${contrast.toFixed(1)}`);
  }
  for (const math of document.querySelectorAll("math")) if (visible(math)) add([math.getBoundingClientRect()], math, math.textContent);
  wrong.push(...said);

  boxes.sort((a, b) => a.top - b.top);
  for (let i = 0; i < boxes.length; i++) {
    for (let j = i + 1; j < boxes.length && boxes[j].top < boxes[i].bottom - 4; j++) {
      const [a, b] = [boxes[i], boxes[j]];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 3 && down > 0.4 * Math.min(a.bottom - a.top, b.bottom - b.top)) wrong.push(`"${a.text}" is under "${b.text}"`);
    }
  }

  const levels = [...document.querySelectorAll("h1, h2, h3, h4")].filter(visible).map((h) => Number(h.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) wrong.push("there is not one heading of level 1");
  levels.forEach((level, i) => i && level > levels[i - 1] + 1 && wrong.push(`a heading of level ${level} comes after one of ${levels[i - 1]}`));
  for (const e of document.querySelectorAll("a[href], button, input, select, svg")) {
    const name = e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim() || e.getAttribute("aria-labelledby");
    if (!name && visible(e)) wrong.push(`${e.outerHTML.slice(0, 80)} has no name`);
  }
  const raw = document.body.innerText.match(/\\[a-zA-Z]+|\$.+?\$|[_^]\{/g);
  if (raw && !raw.every((text) => [...document.querySelectorAll("code")].some((code) => code.textContent.includes(text)))) wrong.push(`raw LaTeX: ${raw}`);
  return wrong.slice(0, 10);
}
