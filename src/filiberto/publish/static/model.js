// The model, in a worker: text -> ids -> logits -> the likeliest entries for each blank.

import * as ort from "./runtime/ort.wasm.min.mjs";
import { Tokenizer } from "./runtime/tokenizers.min.mjs";

const here = (name) => new URL(name, import.meta.url);
const json = async (name) => {
  const answer = await fetch(here(name));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.json();
};
const name = (token) => token?.content ?? token;

ort.env.wasm.numThreads = 1; // more need headers that few file servers send
ort.env.wasm.wasmPaths = here("./runtime/").href;

async function load() {
  const [own, config] = await Promise.all([
    json("./model/tokenizer.json"),
    json("./model/tokenizer_config.json"),
  ]);
  const tokenizer = new Tokenizer(own, config);
  const session = await ort.InferenceSession.create(here("./model/onnx/model_quantized.onnx").href);
  const mask = tokenizer.token_to_id(name(config.mask_token));
  return { tokenizer, session, mask, longest: config.model_max_length };
}

function likeliest(logits, count) {
  let most = -Infinity;
  for (const value of logits) most = Math.max(most, value);
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - most);
  const best = [];
  logits.forEach((value, id) => {
    if (best.length === count && value <= best[count - 1].value) return;
    let place = best.length;
    while (place > 0 && best[place - 1].value < value) place--;
    best.splice(place, 0, { id, value });
    if (best.length > count) best.pop();
  });
  return best.map(({ id, value }) => ({ id, probability: Math.exp(value - most) / sum }));
}

async function fill({ tokenizer, session, mask, longest }, text, count) {
  const { ids } = tokenizer.encode(text);
  const word = (id) => tokenizer.decode([id], { skip_special_tokens: false });
  const tokens = ids.map(word);
  if (ids.length > longest) return { tokens, blanks: [], longest };
  const holes = ids.flatMap((id, place) => (id === mask ? [place] : []));
  if (!holes.length) return { tokens, blanks: [] };
  const tensor = (values) =>
    new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, ids.length]);
  const inputs = { input_ids: tensor(ids), attention_mask: tensor(ids.map(() => 1)) };
  const { logits } = await session.run(inputs);
  const size = logits.dims[2];
  const blanks = holes.map((place) =>
    likeliest(logits.data.subarray(place * size, (place + 1) * size), count).map(
      ({ id, probability }) => ({ word: word(id).trim(), probability }),
    ),
  );
  return { tokens, blanks };
}

const loaded = load();
loaded.then(
  () => postMessage({ ready: true }),
  (error) => postMessage({ failed: `The model could not be loaded: ${error.message}` }),
);

let waiting; // only the newest question is answered
let busy = false;
addEventListener("message", async ({ data }) => {
  waiting = data;
  if (busy) return;
  busy = true;
  const model = await loaded;
  while (waiting) {
    const { kind, number, text, count } = waiting;
    waiting = undefined;
    const start = performance.now();
    try {
      const found = await fill(model, text, count);
      postMessage({ kind, number, models: [found], milliseconds: performance.now() - start });
    } catch (error) {
      postMessage({ failed: `The model failed: ${error.message}` });
    }
  }
  busy = false;
});
