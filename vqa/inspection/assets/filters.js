// Search, filters and sort orders: from the state of the controls to the rows shown.

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

// A plain word is searched in every field; answer:, prediction:, truth:, image: and id: match one whole field.
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
    if (!sort.ranks) return everything;
    // Rows without a value come last in either direction; equal values keep the order of the file.
    const sign = sort.descending ? -1 : 1;
    const missing = sort.descending ? -Infinity : Infinity;
    const keys = sort.ranks.map((rank) => (rank === null ? missing : rank));
    orders.set(number, everything.slice().sort((a, b) => sign * (keys[a] - keys[b]) || a - b));
  }
  return orders.get(number);
}

let shown = everything;
let current = 0;

function applyFilters() {
  const tests = parseQuery(byId("search").value);
  let active = 0;
  for (const [number, facet] of data.facets.entries()) {
    const select = byId(`facet-${number}`);
    const wanted = select.value;
    select.classList.toggle("active", wanted !== "");
    if (wanted === "") continue;
    active += 1;
    tests.push((row) => facet.column[row] === Number(wanted));
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
  byId("open-filters").textContent = active ? `Filter and sort (${active})` : "Filter and sort";
  const top = byId("explorer").getBoundingClientRect().top + window.scrollY;
  if (window.scrollY > top) window.scrollTo(0, top);
  refresh();
}
