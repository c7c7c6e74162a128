// Only the rows near the scroll position are drawn; the dialog shows one question in full.

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
    // The focused row stays, so that the keyboard keeps its place.
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
  if (data.attention) body.append(looks(row));
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
