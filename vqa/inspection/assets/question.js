// The page's data, and one question as elements. Text from files becomes text nodes and properties, never markup.

const data = JSON.parse(byId("questions-data").textContent);
const strings = data.strings;
const rows = data.rows;
const systems = data.systems;
const total = rows.id.length;
const withPictures = !document.documentElement.classList.contains("no-images");
// What is searched is what is seen.
const fold = (text) => visible(text).toLocaleLowerCase();

function formatMargin(system, row) {
  const margin = system.margin[row];
  if (margin === null) return "n/a";
  const sign = system.hit[row] ? "+" : "−";
  const bound = system.bound[row] ? (system.hit[row] ? "≥ " : "≤ ") : "";
  return bound + sign + formatRate(Math.abs(margin));
}

const formatLoss = (loss) => (loss === null ? "n/a" : loss.toFixed(4));

// Thumbnails are parsed after the first rows are drawn; the browser decodes each when its row appears.

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
    shown.alt = visible(`image ${data.images[image]}`);
    shown.decoding = "async";
    shown.classList.toggle("sharp", thumbnails.sharp);
    frame.append(shown);
  } else {
    frame.append(element("span", "no-picture", data.images[image] || "no image"));
  }
  return frame;
}

// Where the network looked, a picture for each hop: orange where a cell of the grid has weight.

function heat(digits, side, width, height) {
  const cells = element("canvas");
  cells.width = cells.height = side;
  const pen = cells.getContext("2d");
  [...digits].forEach((digit, cell) => {
    pen.fillStyle = `rgb(255 90 0 / ${(0.7 * parseInt(digit, 36)) / 35})`;
    pen.fillRect(cell % side, Math.floor(cell / side), 1, 1);
  });
  const made = element("canvas");
  made.width = width;
  made.height = height;
  made.getContext("2d").drawImage(cells, 0, 0, width, height);
  return made;
}

function looks(row) {
  const { side, weights } = data.attention;
  const cells = side * side;
  const made = element("section", "looks");
  for (let hop = 0; hop * cells < weights[row].length; hop += 1) {
    const frame = picture(row);
    const shown = frame.querySelector("img");
    if (!shown) break;
    const digits = weights[row].slice(hop * cells, (hop + 1) * cells);
    shown.addEventListener("load", () => frame.append(heat(digits, side, shown.naturalWidth, shown.naturalHeight)));
    const figure = element("figure");
    const step = weights[row].length > cells ? `, step ${hop + 1}` : "";
    figure.append(frame, element("figcaption", "ids", `where the network looked${step}`));
    made.append(figure);
  }
  return made;
}

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
    line.title = visible(`${answer}: ${flat[i + 1]}`);
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
