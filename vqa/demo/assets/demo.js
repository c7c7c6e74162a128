// Choose or upload an image, ask, show the answers. Text becomes text nodes, never markup.

const settings = JSON.parse(byId("settings").textContent);
const answer = byId("answer");
const NO_RESPONSE = "The demo does not respond. Is it still running in its terminal?";
let image = null;
let asking = false;
let exampleLoaded = Promise.resolve();

function showError(text) {
  answer.replaceChildren(element("p", "error", text));
  bringIntoView();
}

// On a phone the answer is below the image and the question.
function bringIntoView() {
  const box = answer.getBoundingClientRect();
  if (box.bottom > window.innerHeight || box.top < 0) answer.scrollIntoView({ block: "nearest" });
}

function showAnswer(result) {
  answer.replaceChildren();
  answer.append(element("p", "asked", result.question));
  answer.append(element("p", "said", result.answer));
  answer.append(element("p", "sure", `${formatRate(result.probability)} ${result.activation} probability`));
  const bars = element("div", "bars");
  for (const [text, probability] of result.top) {
    const line = element("div", "bar");
    const track = element("span", "track");
    const fill = element("span", "fill");
    fill.style.width = `${100 * probability}%`;
    track.append(fill);
    line.append(element("span", "bar-label", text), track, element("span", "bar-value", formatRate(probability)));
    line.title = visible(`${text}: ${probability}`);
    bars.append(line);
  }
  answer.append(bars);
  const pictures = result.attention || [];
  pictures.forEach((source, hop) => {
    const figure = element("figure", "looked");
    const picture = element("img");
    picture.src = source;
    const text = pictures.length > 1 ? `Where the network looked, step ${hop + 1} of ${pictures.length}` : "Where the network looked";
    picture.alt = text;
    figure.append(picture, element("figcaption", "sure", text));
    answer.append(figure);
  });
  if (result.unknown_words.length) {
    const words = result.unknown_words.map((word) => `“${word}”`).join(", ");
    answer.append(element("p", "warning", `Not in the training vocabulary: ${words}. The answer ignores what they mean.`));
  }
  bringIntoView();
}

function suggest(questions) {
  const buttons = questions.map((text) => {
    const button = element("button", "", text);
    button.type = "button";
    button.addEventListener("click", () => {
      byId("question").value = text;
      ask();
    });
    return button;
  });
  byId("suggestions").replaceChildren(...buttons);
}

function choose(blob, example) {
  image = blob;
  const preview = byId("preview");
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.onload = () => preview.classList.toggle("small", preview.naturalWidth < 200);
  preview.src = URL.createObjectURL(blob);
  preview.hidden = false;
  byId("drop").classList.add("filled");
  for (const button of document.querySelectorAll(".example")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.example) === example));
  }
  suggest(example === undefined ? settings.questions : settings.examples[example]);
  answer.replaceChildren();
}

async function ask() {
  const question = byId("question").value;
  await exampleLoaded;
  if (asking) return;
  if (settings.withImage && !image) return showError("Choose an image first.");
  if (!question.trim()) return showError("Type a question first.");
  if (image && image.size > settings.maxBytes) {
    return showError(`The file has ${Math.round(image.size / 1e6)} MB; at most ${settings.maxBytes / 1e6} MB are accepted.`);
  }
  const form = new FormData();
  if (image) form.append("image", image, image.name || "image");
  form.append("question", question);
  asking = true;
  byId("ask").disabled = true;
  answer.replaceChildren(element("p", "waiting", "Looking …"));
  try {
    const response = await fetch("ask", { method: "POST", body: form });
    const result = await response.json();
    if (response.ok) showAnswer(result);
    else showError(result.error);
  } catch {
    showError(NO_RESPONSE);
  } finally {
    asking = false;
    byId("ask").disabled = false;
  }
}

suggest(settings.questions);

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});

if (settings.withImage) {
  byId("file").addEventListener("change", (event) => {
    if (event.target.files.length) choose(event.target.files[0]);
  });
  const drop = byId("drop");
  for (const name of ["dragover", "dragenter"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) choose(event.dataTransfer.files[0]);
  });
  for (const button of document.querySelectorAll(".example")) {
    button.addEventListener("click", () => {
      const number = Number(button.dataset.example);
      exampleLoaded = fetch(`examples/${number}`)
        .then((response) => response.blob())
        .then((blob) => choose(blob, number))
        .catch(() => showError(NO_RESPONSE));
    });
  }
}
