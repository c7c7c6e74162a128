// Controls, the buttons of the summary, mouse and keyboard.

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
  const index = data.facets[number].values.findIndex((each) => visible(each) === value);
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
byId("open-filters").addEventListener("click", () => {
  const open = byId("filters").classList.toggle("open");
  byId("open-filters").setAttribute("aria-expanded", String(open));
});

// A button of the summary shows the questions behind its number.
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
  // Selecting text with the mouse does not open the question.
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
