// The model is on the machine that serves this page: a question goes there, its answer comes back.

const waitingOf = new Map(); // of each kind only the newest question is asked
let busy = false;

addEventListener("message", async ({ data }) => {
  waitingOf.set(data.kind, data);
  if (busy) return;
  busy = true;
  while (waitingOf.size) {
    const [kind, { number, kind: _, ...question }] = waitingOf.entries().next().value;
    waitingOf.delete(kind);
    const start = performance.now();
    try {
      const answer = await fetch(`/${kind}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(question),
      });
      const found = await answer.json();
      postMessage({ kind, number, ...found, milliseconds: performance.now() - start });
    } catch {
      postMessage({ failed: "The program that serves this page does not answer. Was it ended?" });
    }
  }
  busy = false;
});
postMessage({ ready: true });
