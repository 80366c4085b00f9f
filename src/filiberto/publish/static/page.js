// What a person sees and types. The model itself is in a worker (model.js), so typing never waits.

const DEBOUNCE_MS = 120;
const MASK = document.querySelector("label code").textContent;

const $ = (id) => document.getElementById(id);
const [text, count, status] = [$("text"), $("count"), $("status")];
const model = new Worker(new URL("./model.js", import.meta.url), { type: "module" });

let asked = 0; // number of the newest question; older answers are dropped
let ready = false;
let timer;

function ask() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (ready) model.postMessage({ number: ++asked, text: text.value, count: Number(count.value) });
  }, DEBOUNCE_MS);
}

function tell(message, { wrong = false } = {}) {
  status.textContent = message;
  status.classList.toggle("wrong", wrong);
}

function element(tag, content, name) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...[content].flat());
  return made;
}

// The word that the cursor touches, or what is selected, becomes a blank.
function makeBlank() {
  let [start, end] = [text.selectionStart, text.selectionEnd];
  if (start === end) {
    const isLetter = (c) => c !== undefined && /[\p{L}\p{M}\p{N}'’]/u.test(c);
    while (isLetter(text.value[start - 1])) start--;
    while (isLetter(text.value[end])) end++;
  }
  text.setRangeText(MASK, start, end, "end");
  text.focus();
  ask();
}

function fillIn(number, word) {
  let seen = -1;
  text.value = text.value.replaceAll(MASK, (found) => (++seen === number ? word : found));
  text.focus();
  ask();
}

function candidate(number, { word, probability }) {
  const percent = 100 * probability;
  const bar = element("span", [], "bar");
  bar.style.width = `${percent}%`;
  const share = percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(1)} %`;
  const button = element("button", [
    element("bdi", word || "␣", "word"),
    element("span", share, "share"),
    bar,
  ]);
  button.type = "button";
  button.title = "Put it in";
  button.addEventListener("click", () => fillIn(number, word));
  return element("li", button);
}

function show({ blanks, tokens }) {
  $("blanks").replaceChildren(
    ...blanks.map((candidates, number) => {
      const list = element("ol", candidates.map((one) => candidate(number, one)));
      const title = element("h2", blanks.length > 1 ? `Blank ${number + 1}` : "In the blank");
      return element("section", [title, list]);
    }),
  );
  $("tokens").replaceChildren(...tokens.map((token) => element("span", token)));
}

model.addEventListener("message", ({ data }) => {
  if (data.failed) return tell(data.failed, { wrong: true });
  if (data.ready) {
    ready = true;
    tell("Ready.");
    return ask();
  }
  if (data.number !== asked) return;
  show(data);
  if (data.longest) tell(`Too long: the model reads ${data.longest} tokens.`, { wrong: true });
  else if (data.blanks.length) tell(`${Math.round(data.milliseconds)} ms`);
  else tell(`No blank: put ${MASK} in the place of a word.`);
});
model.addEventListener("error", (event) => {
  tell(`The model did not start: ${event.message || "its files cannot be read"}`, { wrong: true });
});

text.addEventListener("input", ask);
count.addEventListener("input", () => {
  $("shown").textContent = count.value;
  ask();
});
$("blank").addEventListener("click", makeBlank);
document.addEventListener("keydown", (event) => {
  if (event.altKey && event.code === "KeyB") {
    event.preventDefault();
    makeBlank();
  }
});
for (const button of document.querySelectorAll("#examples button")) {
  button.addEventListener("click", () => {
    text.value = button.textContent;
    text.scrollIntoView({ block: "center" });
    ask();
  });
}
text.value = document.querySelector("#examples button")?.textContent ?? MASK;
