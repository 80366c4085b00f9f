// What a person sees and types. The model itself is in a worker (model.js), so typing never waits.

const DEBOUNCE_MS = 120;
const MASK = document.querySelector("label code").textContent;

const $ = (id) => document.getElementById(id);
const [text, count, status] = [$("text"), $("count"), $("status")];
const model = new Worker(new URL("./model.js", import.meta.url), { type: "module" });

let asked = 0; // number of the newest question; older answers are dropped
let ready = false;
let timer;

// Underscores, which every keyboard has, are a blank where there are three or more.
function withBlanks(some) {
  return some.replaceAll(/_{3,}/g, MASK).replaceAll(`${MASK}_`, MASK);
}

function takeUnderscores() {
  const changed = withBlanks(text.value);
  if (changed === text.value) return;
  const cursor = withBlanks(text.value.slice(0, text.selectionStart)).length;
  text.value = changed;
  text.setSelectionRange(cursor, cursor);
}

function ask() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    takeUnderscores();
    const question = { text: text.value, count: Number(count.value) };
    if (ready) model.postMessage({ kind: "fill", number: ++asked, ...question });
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

// Each blank with the guesses of each model, side by side where there is room.
function show(models) {
  const blanks = models[0].blanks;
  const cell = (number, one) => {
    const which = blanks.length > 1 ? `Blank ${number + 1}` : "In the blank";
    const title = models.length > 1 ? `${which}, by ${one.name}` : which;
    const guesses = (one.blanks[number] ?? []).map((guess) => candidate(number, guess));
    return element("section", [element("h2", title), element("ol", guesses)]);
  };
  $("blanks").replaceChildren(
    ...blanks.flatMap((_, number) => models.map((one) => cell(number, one))),
  );
  $("tokens").replaceChildren(
    ...models.map((one) => element("div", one.tokens.map((token) => element("span", token)))),
  );
}

// Which of two sentences a model finds likelier, by their pseudo-log-likelihoods.
function showCompared(models) {
  $("likelier").replaceChildren(
    ...models.map(({ name, nats: [first, second] }) => {
      const told = first === second ? "Both alike" : first > second ? "The first" : "The second";
      const figures = `${first.toFixed(1)} and ${second.toFixed(1)} nats`;
      return element("p", [
        ...(models.length > 1 ? [element("b", `${name}: `)] : []),
        element("strong", told),
        ` (${figures}; nearer to zero is likelier)`,
      ]);
    }),
  );
}

let comparing = 0;
let compareTimer;
function compare() {
  clearTimeout(compareTimer);
  const texts = [$("first").value, $("second").value];
  if (!texts.every((one) => one.trim())) return $("likelier").replaceChildren();
  compareTimer = setTimeout(() => {
    model.postMessage({ kind: "compare", number: ++comparing, texts });
  }, DEBOUNCE_MS);
}

model.addEventListener("message", ({ data }) => {
  if (data.failed) return tell(data.failed, { wrong: true });
  if (data.ready) {
    ready = true;
    tell("Ready.");
    return ask();
  }
  if (data.kind === "compare") {
    if (data.number === comparing) showCompared(data.models);
    return;
  }
  if (data.number !== asked) return;
  show(data.models);
  const longest = data.models.find((one) => one.longest)?.longest;
  if (longest) tell(`Too long: the model reads ${longest} tokens.`, { wrong: true });
  else if (data.models[0].blanks.length) tell(`${Math.round(data.milliseconds)} ms`);
  else tell(`No blank: put ___ in the place of a word.`);
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
for (const id of ["first", "second"]) $(id)?.addEventListener("input", compare);
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
