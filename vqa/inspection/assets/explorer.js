// The list of questions: search, filters, sorting, and a window of rows that follows the scroll position.
// Texts from files only ever become text nodes and properties, never markup.

const data = JSON.parse(byId("questions-data").textContent);
const strings = data.strings;
const rows = data.rows;
const systems = data.systems;
const total = rows.id.length;
const withPictures = !document.documentElement.classList.contains("no-images");
const fold = (text) => text.toLocaleLowerCase();

function formatMargin(system, row) {
  const margin = system.margin[row];
  const sign = system.hit[row] ? "+" : "−";
  const bound = system.bound[row] ? (system.hit[row] ? "≥ " : "≤ ") : "";
  return bound + sign + formatRate(Math.abs(margin));
}

const formatLoss = (loss) => (loss === null ? "n/a" : loss.toFixed(4));

// ---- thumbnails: parsed after the first rows are on the screen, decoded by the browser row by row

let thumbnails = null;

function loadThumbnails() {
  const source = byId("images-data");
  if (!source) return;
  thumbnails = JSON.parse(source.textContent);
  source.remove();
  refresh();
}

function picture(row) {
  const frame = element("div", "picture");
  const image = rows.image[row];
  const encoded = thumbnails && thumbnails.data[image];
  if (encoded) {
    const shown = element("img");
    shown.src = `data:${thumbnails.type};base64,${encoded}`;
    shown.alt = `image ${data.images[image]}`;
    shown.width = thumbnails.width;
    shown.height = thumbnails.height;
    shown.decoding = "async";
    shown.classList.toggle("sharp", thumbnails.sharp);
    frame.append(shown);
  } else {
    frame.append(element("span", "no-picture", data.images[image] || "no image"));
  }
  return frame;
}

// ---- one question

function answerPairs(row) {
  const flat = rows.answers[row];
  const pairs = [];
  for (let i = 0; i < flat.length; i += 2) pairs.push([strings[flat[i]], flat[i + 1]]);
  return pairs;
}

function isRight(system, row, answer) {
  if (answer === strings[system.prediction[row]]) return Boolean(system.hit[row]);
  return answerPairs(row).some(([given]) => given === answer);
}

function answerChips(row) {
  const chips = element("ul", "chips");
  chips.setAttribute("aria-label", "human answers");
  const hits = systems.filter((system) => system.hit[row]).map((system) => strings[system.prediction[row]]);
  for (const [answer, count] of answerPairs(row)) {
    const chip = element("li", hits.includes(answer) ? "chip given" : "chip", answer);
    if (count > 1) chip.append(element("span", "times", `×${count}`));
    chips.append(chip);
  }
  return chips;
}

function topBars(system, row) {
  const bars = element("div", "bars");
  const flat = system.top[row];
  for (let i = 0; i < flat.length; i += 2) {
    const answer = strings[flat[i]];
    const line = element("div", isRight(system, row, answer) ? "bar right" : "bar");
    const track = element("span", "track");
    const fill = element("span", "fill");
    fill.style.width = `${100 * flat[i + 1]}%`;
    track.append(fill);
    line.append(element("span", "bar-label", answer), track, element("span", "bar-value", formatRate(flat[i + 1])));
    line.title = `${answer}: ${flat[i + 1]}`;
    bars.append(line);
  }
  return bars;
}

function predictionBlock(system, row) {
  const hit = Boolean(system.hit[row]);
  const block = element("div", hit ? "prediction hit" : "prediction miss");
  const head = element("div", "prediction-head");
  const mark = element("span", "mark", hit ? "✓" : "✗");
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", hit ? "hit" : "miss");
  head.append(mark, element("strong", "", strings[system.prediction[row]]));
  if (systems.length > 1) head.prepend(element("span", "system-name", system.name));
  if (system.mistake && system.mistake[row] >= 0) {
    head.append(element("span", "badge", data.mistakes[system.mistake[row]]));
  }
  block.append(head, topBars(system, row));
  return block;
}

function numbers(system, row) {
  const list = element("dl", "numbers");
  for (const [name, value] of [
    ["confidence", formatRate(system.probability[row])],
    ["margin", formatMargin(system, row)],
    ["loss", formatLoss(system.loss[row])],
  ]) {
    const pair = element("div");
    pair.append(element("dt", "", name), element("dd", "", value));
    list.append(pair);
  }
  return list;
}

function idLine(row) {
  const parts = [`#${rows.id[row]}`];
  if (data.images[rows.image[row]]) parts.push(`image ${data.images[rows.image[row]]}`);
  if (rows.type[row] !== null) parts.push(strings[rows.type[row]]);
  return element("p", "ids", parts.join(" · "));
}

function questionRow(position) {
  const row = shown[position];
  const made = element("article", "question");
  made.setAttribute("role", "listitem");
  made.setAttribute("aria-posinset", position + 1);
  made.setAttribute("aria-setsize", shown.length);
  made.tabIndex = position === current ? 0 : -1;
  made.dataset.position = position;
  const words = element("div", "words");
  words.append(element("h3", "", strings[rows.question[row]]), answerChips(row), idLine(row));
  if (withPictures) made.append(picture(row));
  made.append(words);
  for (const system of systems) made.append(predictionBlock(system, row));
  if (systems.length === 1) made.append(numbers(systems[0], row));
  return made;
}

// ---- search and filters

const haystacks = new Array(total);

function haystack(row) {
  if (haystacks[row] === undefined) {
    const texts = [strings[rows.question[row]], rows.id[row], data.images[rows.image[row]]];
    for (const [answer] of answerPairs(row)) texts.push(answer);
    for (const system of systems) texts.push(strings[system.prediction[row]]);
    haystacks[row] = fold(texts.join("\n"));
  }
  return haystacks[row];
}

// A word is looked for everywhere; answer:, prediction:, image: and id: compare one field as a whole.
const fields = {
  id: (row) => [rows.id[row]],
  image: (row) => [data.images[rows.image[row]]],
  answer: (row) => answerPairs(row).map(([answer]) => answer),
  truth: (row) => [strings[rows.truth[row]]],
  prediction: (row) => systems.map((system) => strings[system.prediction[row]]),
};

function parseQuery(text) {
  const tests = [];
  const pattern = /(?:(id|image|answer|truth|prediction):)?(?:"([^"]*)"|(\S+))/gi;
  for (const [, field, quoted, word] of text.matchAll(pattern)) {
    const wanted = fold(quoted === undefined ? word : quoted);
    if (field) {
      const values = fields[field.toLowerCase()];
      tests.push((row) => values(row).some((value) => fold(value) === wanted));
    } else {
      tests.push((row) => haystack(row).includes(wanted));
    }
  }
  return tests;
}

const everything = Array.from({ length: total }, (_, row) => row);
const orders = new Map();

function ordered(number) {
  if (!orders.has(number)) {
    const sort = data.sorts[number];
    if (!sort.values) return everything;
    // Rows without a value come last, whichever the direction; equal ones stay in the order of the file.
    const sign = sort.descending ? -1 : 1;
    const missing = sort.descending ? -Infinity : Infinity;
    const keys = sort.values.map((value) => (value === null ? missing : value));
    orders.set(number, everything.slice().sort((a, b) => sign * (keys[a] - keys[b]) || a - b));
  }
  return orders.get(number);
}

let shown = everything;
let current = 0;

function applyFilters() {
  const tests = parseQuery(byId("search").value);
  for (const [number, facet] of data.facets.entries()) {
    const select = byId(`facet-${number}`);
    const wanted = select.value;
    select.classList.toggle("active", wanted !== "");
    if (wanted !== "") tests.push((row) => facet.column[row] === Number(wanted));
  }
  shown = ordered(Number(byId("sort").value)).filter((row) => tests.every((test) => test(row)));
  current = 0;
  const count = byId("count");
  count.textContent =
    shown.length === total
      ? `${total.toLocaleString("en")} questions`
      : `${shown.length.toLocaleString("en")} of ${total.toLocaleString("en")} questions`;
  byId("nothing").hidden = shown.length > 0;
  byId("reset").hidden = tests.length === 0;
  const top = byId("explorer").getBoundingClientRect().top + window.scrollY;
  if (window.scrollY > top) window.scrollTo(0, top);
  refresh();
}

// ---- the window of rows

const list = byId("list");
const OVERSCAN = 4;
let drawn = { first: 0, last: -1 };

const rowHeight = () => parseFloat(getComputedStyle(list).getPropertyValue("--row-height"));

function refresh() {
  drawn = { first: 0, last: -1 };
  const focused = list.contains(document.activeElement);
  list.replaceChildren();
  draw();
  if (focused) focusRow(current);
}

function draw() {
  const height = rowHeight();
  list.style.height = `${shown.length * height}px`;
  const top = -list.getBoundingClientRect().top;
  const first = Math.max(0, Math.floor(top / height) - OVERSCAN);
  const inView = Math.ceil((top + window.innerHeight) / height);
  const last = Math.min(shown.length - 1, Math.max(inView, first) + OVERSCAN);
  if (first === drawn.first && last === drawn.last) return;
  for (const child of [...list.children]) {
    const position = Number(child.dataset.position);
    // The focused row stays, or the keyboard would lose its place.
    if ((position < first || position > last) && child !== document.activeElement) child.remove();
  }
  const present = new Set([...list.children].map((child) => Number(child.dataset.position)));
  for (let position = first; position <= last; position += 1) {
    if (present.has(position)) continue;
    const made = questionRow(position);
    made.style.transform = `translateY(${position * height}px)`;
    list.append(made);
  }
  drawn = { first, last };
}

function focusRow(position) {
  if (!shown.length) return;
  current = Math.max(0, Math.min(shown.length - 1, position));
  const height = rowHeight();
  const listTop = list.getBoundingClientRect().top + window.scrollY;
  const barHeight = byId("toolbar").offsetHeight;
  const rowTop = listTop + current * height;
  if (rowTop - barHeight < window.scrollY) window.scrollTo(0, rowTop - barHeight);
  else if (rowTop + height > window.scrollY + window.innerHeight) window.scrollTo(0, rowTop + height - window.innerHeight);
  draw();
  for (const child of list.children) {
    const isCurrent = Number(child.dataset.position) === current;
    child.tabIndex = isCurrent ? 0 : -1;
    if (isCurrent) child.focus({ preventScroll: true });
  }
}

// ---- one question in full

const dialog = byId("detail");

function showDetail(position) {
  current = position;
  const row = shown[position];
  const body = byId("detail-body");
  body.replaceChildren();
  if (withPictures) body.append(picture(row));
  const words = element("div", "words");
  const title = element("h2", "", strings[rows.question[row]]);
  title.id = "detail-title";
  words.append(title, idLine(row), element("h3", "", "Human answers"), answerChips(row));
  body.append(words);
  for (const system of systems) {
    const part = element("section", "detail-system");
    part.append(predictionBlock(system, row), numbers(system, row));
    body.append(part);
  }
  const image = data.images[rows.image[row]];
  const others = byId("same-image");
  others.hidden = !image;
  others.onclick = () => {
    dialog.close();
    search(`image:"${image}"`);
  };
  byId("previous").disabled = position === 0;
  byId("next").disabled = position === shown.length - 1;
  byId("detail-position").textContent = `${(position + 1).toLocaleString("en")} of ${shown.length.toLocaleString("en")}`;
  if (!dialog.open) dialog.showModal();
}

function step(by) {
  const position = current + by;
  if (position >= 0 && position < shown.length) showDetail(position);
}

byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => focusRow(current));
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});

// ---- controls

function option(value, label) {
  const made = element("option", "", label);
  made.value = value;
  return made;
}

function makeControls() {
  data.sorts.forEach((sort, number) => byId("sort").append(option(number, sort.label)));
  const place = byId("facets");
  data.facets.forEach((facet, number) => {
    const label = element("label", "control", facet.label);
    const select = element("select");
    select.id = `facet-${number}`;
    const counts = new Array(facet.values.length).fill(0);
    for (const value of facet.column) if (value >= 0) counts[value] += 1;
    select.append(option("", "all"));
    facet.values.forEach((value, index) => {
      if (counts[index]) select.append(option(index, `${value} (${counts[index].toLocaleString("en")})`));
    });
    select.addEventListener("change", applyFilters);
    label.append(select);
    place.append(label);
  });
}

function search(text) {
  byId("search").value = text;
  applyFilters();
  byId("explorer").scrollIntoView();
}

function setFacet(name, value) {
  const number = data.facets.findIndex((facet) => facet.name === name);
  if (number < 0) return;
  const index = data.facets[number].values.indexOf(value);
  byId(`facet-${number}`).value = index < 0 ? "" : String(index);
}

function reset() {
  byId("search").value = "";
  data.facets.forEach((_, number) => {
    byId(`facet-${number}`).value = "";
  });
  applyFilters();
}

makeControls();
byId("search").addEventListener("input", applyFilters);
byId("sort").addEventListener("change", applyFilters);
byId("reset").addEventListener("click", reset);

// Buttons of the summary lead to the questions behind a number.
for (const button of document.querySelectorAll("[data-facet]")) {
  button.addEventListener("click", () => {
    reset();
    setFacet(button.dataset.facet, button.dataset.value);
    search("");
  });
}
for (const button of document.querySelectorAll("[data-search]")) {
  button.addEventListener("click", () => {
    reset();
    search(button.dataset.search);
  });
}

list.addEventListener("click", (event) => {
  const row = event.target.closest(".question");
  // Marking text with the mouse is not asking for the details.
  if (row && !String(window.getSelection())) showDetail(Number(row.dataset.position));
});

list.addEventListener("keydown", (event) => {
  const page = Math.max(1, Math.floor(window.innerHeight / rowHeight()) - 1);
  const moves = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -total, End: total };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in moves) {
    event.preventDefault();
    focusRow(current + moves[event.key]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    showDetail(current);
  }
});

list.addEventListener("focusin", (event) => {
  const row = event.target.closest(".question");
  if (row) current = Number(row.dataset.position);
});

document.addEventListener("keydown", (event) => {
  if (dialog.open || event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("input, select, textarea");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    byId("search").focus();
    byId("search").select();
  } else if (event.key === "ArrowDown" && event.target.id === "search") {
    event.preventDefault();
    focusRow(0);
  } else if (event.key === "j" && !typing && !list.contains(event.target)) {
    focusRow(current);
  }
});

let scheduled = false;
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    draw();
  });
}
window.addEventListener("scroll", schedule, { passive: true });
window.addEventListener("resize", refresh);

applyFilters();
document.documentElement.classList.add("ready");
document.addEventListener("DOMContentLoaded", () => setTimeout(loadThumbnails));
