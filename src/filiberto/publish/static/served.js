// The model is on the machine that serves this page: a question goes there, its answer comes back.

let waiting; // only the newest question is asked
let busy = false;

addEventListener("message", async ({ data }) => {
  waiting = data;
  if (busy) return;
  busy = true;
  while (waiting) {
    const { number, text, count } = waiting;
    waiting = undefined;
    const start = performance.now();
    try {
      const answer = await fetch("/fill", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ text, count }),
      });
      const found = await answer.json();
      postMessage({ number, ...found, milliseconds: performance.now() - start });
    } catch {
      postMessage({ failed: "The program that serves this page does not answer. Was it ended?" });
    }
  }
  busy = false;
});
postMessage({ ready: true });
