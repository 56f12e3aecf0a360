// Search as one types: the entries of the sheet are the index, and the address keeps what is asked.
"use strict";

(() => {
  const FIRST = 30; // of what is found, how many are shown until somebody asks for all
  const IGNORED = new Set(["of", "the", "by", "with", "to", "and", "in", "a", "for", "respect", "wrt", "eq", "equation"]);

  const form = document.getElementById("search");
  const input = document.getElementById("q");
  const found = document.getElementById("found");
  const all = document.getElementById("all");
  const count = document.getElementById("count");
  const filters = [...form.querySelectorAll("select")];

  // Signs of a formula, each with the word that it is found by.
  const SIGNS = {
    "⁻¹": "inverse", "^{-1}": "inverse", "^-1": "inverse", "⁻ᵀ": "inverse transpose", "ᵀ": "transpose", "^t": "transpose",
    "‖": "norm", "⊗": "kronecker", "∘": "elementwise", "⊙": "elementwise", "√": "sqrt", "∫": "integral", "∂": "",
    α: "alpha", β: "beta", δ: "delta", θ: "theta", λ: "lambda", μ: "mu", σ: "sigma", φ: "phi", ω: "omega",
  };
  const read = (text) => Object.entries(SIGNS).reduce((all, [sign, word]) => all.replaceAll(sign, ` ${word} `), text);

  const split = (text) => read(text.toLowerCase()).replace(/iz(?=e|ing|at)/g, "is").split(/[\s_,;:|/()[\]'"]+/).filter(Boolean);

  const entries = [...all.querySelectorAll(".entry")].map((element, place) => {
    const { name, kind, topic, exact, documents, numbers, words } = element.dataset;
    return {
      element,
      place,
      joined: name.toLowerCase().replaceAll("_", ""),
      name: split(name),
      numbers: split(numbers),
      words: split(words),
      kind,
      exact,
      topic: topic.split(".")[0].replaceAll("_", " "),
      source: documents.split("|"),
    };
  });

  // How well a word fits the words of a field: wholly, or as the beginning of one.
  const fit = (word, words) => (words.includes(word) ? 1 : words.some((w) => w.startsWith(word)) ? 0.6 : 0);

  // Where a word may be found, and what that is worth.
  const FIELDS = [
    [8, (word, e) => fit(word, e.name)],
    [9, (word, e) => (/^\d/.test(word) && e.numbers.includes(word) ? 1 : 0)],
    [4, (word, e) => fit(word, e.words)],
    [3, (word, e) => (/^\d/.test(word) ? 0 : fit(word, e.numbers))],
    [3, (word, e) => (word.length > 3 && e.joined.includes(word) ? 1 : 0)],
  ];

  // Every word must be found somewhere; of two entries that have all, the one with less else in its name is meant.
  const score = (words, entry) => {
    let total = 0;
    for (const word of words) {
      const best = Math.max(...FIELDS.map(([worth, of]) => worth * of(word, entry)));
      if (!best) return 0;
      total += best;
    }
    const named = words.filter((word) => fit(word, entry.name)).length;
    return total + (3 * named) / entry.name.length + (entry.joined === words.join("") ? 20 : 0);
  };

  const asked = () => {
    const words = split(input.value).filter((word) => !IGNORED.has(word));
    const chosen = filters.filter((f) => f.value).map((f) => [f.name, f.value]);
    return { words, chosen };
  };

  const passes = (entry, chosen) => chosen.every(([name, value]) => [entry[name]].flat().includes(value));

  const search = ({ words, chosen }) =>
    entries
      .filter((entry) => passes(entry, chosen))
      .map((entry) => [words.length ? score(words, entry) : 1, entry])
      .filter(([worth]) => worth)
      .sort(([a, one], [b, other]) => b - a || one.place - other.place)
      .map(([, entry]) => entry);

  const shown = (entry) => {
    entry.copy ??= entry.element.cloneNode(true);
    return entry.copy;
  };

  const show = (most = FIRST) => {
    const question = asked();
    const active = question.words.length > 0 || question.chosen.length > 0;
    all.hidden = active;
    found.hidden = !active;
    if (!active) {
      found.replaceChildren();
      count.textContent = "";
      return;
    }
    const hits = search(question);
    found.replaceChildren(...hits.slice(0, most).map(shown));
    count.textContent = hits.length === 1 ? "1 identity" : hits.length ? `${hits.length} identities` : "Nothing has all of these words.";
    if (hits.length > most) {
      const more = document.createElement("button");
      more.type = "button";
      more.textContent = `Show all ${hits.length}`;
      more.addEventListener("click", () => {
        show(Infinity);
        found.children[most].querySelector("a").focus();
      });
      const item = document.createElement("li");
      item.append(more);
      found.append(item);
    }
  };

  const keep = () => {
    const kept = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...kept]) if (!value) kept.delete(name);
    const address = String(kept);
    history.replaceState(null, "", address ? `#${address}` : location.pathname + location.search);
  };

  const restore = () => {
    if (!location.hash.includes("=")) return;
    const kept = new URLSearchParams(location.hash.slice(1));
    for (const field of [input, ...filters]) field.value = kept.get(field.name) ?? "";
    show();
  };

  const changed = () => {
    keep();
    show();
  };

  form.hidden = false;
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    found.querySelector("a")?.focus();
  });
  window.addEventListener("hashchange", restore);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey;
    if (event.key === "/" && !typing) {
      event.preventDefault();
      input.select();
    } else if (event.key === "Escape" && event.target === input) {
      input.value = "";
      changed();
    }
  });
  restore();
})();
