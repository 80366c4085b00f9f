"""The road as library calls, cell by cell (open it as a notebook, or run it; under half a minute).

It makes a toy in `runs/cells`: a little generated Italian, a few dozen steps.
"""

# %% A run is a folder.
from pathlib import Path

from filiberto import corpus, evaluate, tokenizer, tokens, train
from filiberto.config import CorpusConfig, EvaluateConfig, TokenizerConfig, TrainConfig
from filiberto.evaluate.fill import fill
from filiberto.evaluate.model import load_reader
from filiberto.look import look

run = Path("runs/cells")
run.mkdir(parents=True, exist_ok=True)

# %% Text to documents. For your own: text=["my-folder", "more/*.jsonl.zst"].
made = corpus.build(
    run,
    text=["builtin:phrasebook"],
    settings=CorpusConfig(phrasebook_bytes=500_000, validation_min_bytes=50_000),
)
print(made.facts["total"])
look(run, "corpus", rows=3)

# %% A vocabulary of the language's own.
tokenizer.build(run, settings=TokenizerConfig(vocab_size=2_000), language="it")
look(run, "tokenizer", rows=3)

# %% Text to token ids, kept in flat files.
tokens.build(run)
look(run, "tokens", rows=3)

# %% Training. Stop it whenever you like: the same call goes on.
quick = TrainConfig(max_steps=30, batch_tokens=1_024, validation_tokens=8_192)
train.build(run, settings=quick, size="tiny", language="it")

# %% How good is it?
few = EvaluateConfig(max_bytes=20_000, likelihood_words=200)
report = evaluate.build(run, settings=few, language="it")
print(f"{report.facts['bits_per_byte']:.2f} bits per byte")

# %% Ask it.
reader = load_reader(run)
for answer in fill(reader, "ciao Anna, come <mask> oggi?"):
    print(f"{answer['score']:.2f}  {answer['token_str']}")

# %% The folder is stock transformers'.
from transformers import pipeline  # noqa: E402

print(pipeline("fill-mask", model=str(run / "model"))("ciao Anna, come <mask> oggi?")[0])
