"""The article's cells, each with the library's call (docs/article.md has them side by side).

The text, the tokenizer and the rows are the library's; the model is then trained twice, by hand as
the article does it, and by the library. Open it as a notebook, or run it: under half a minute for a
toy in `runs/article`, from a little generated Italian.
"""

# %% Getting the data. For your own text: text=["my-folder", "more/*.jsonl.zst"].
from pathlib import Path

from filiberto import corpus, tokenizer, tokens, train
from filiberto.config import CorpusConfig, TokenizerConfig, TrainConfig

run = Path("runs/article")
run.mkdir(parents=True, exist_ok=True)
small = CorpusConfig(phrasebook_bytes=500_000, validation_min_bytes=50_000)
made = corpus.build(run, text=["builtin:phrasebook"], settings=small, language="it")
print(made.facts["train"])

# %% Building the tokenizer: a byte-level BPE of 2,000 entries (a real one has 15,000 to 30,000).
tokenizer.build(run, settings=TokenizerConfig(vocab_size=2_000), language="it")

# %% A sentence through it. Ġ stands for a space.
from transformers import AutoTokenizer  # noqa: E402

reader = AutoTokenizer.from_pretrained(run / "tokenizer")
encoding = reader("ciao, come va?")
print(encoding["input_ids"], reader.convert_ids_to_tokens(encoding["input_ids"]))

# %% The input pipeline: text to ids once and for all, then rows of 64 with a share hidden.
from torch.utils.data import DataLoader  # noqa: E402

from filiberto.train.dataset import RowDataset  # noqa: E402

tokens.build(run)
rows = RowDataset(run / "tokens", row_length=64, mask_rate=0.15)
print(f"{len(rows):,} rows")

# %% A batch: input_ids with holes, attention_mask, and labels that are -100 but at the holes.
batch = next(iter(DataLoader(rows, batch_size=16)))
for name, tensor in batch.items():
    print(f"{name:<15} {list(tensor.shape)}  {tensor[0, :10].tolist()}")
print(reader.decode(batch["input_ids"][0]))

# %% The model: RoBERTa of two layers, 128 wide (the article's is six layers, 768 wide).
import torch  # noqa: E402
from transformers import RobertaConfig, RobertaForMaskedLM  # noqa: E402

torch.manual_seed(0)
config = RobertaConfig(
    vocab_size=rows.vocab_size,
    hidden_size=128,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=512,
    max_position_embeddings=64 + rows.special_ids["<pad>"] + 1,  # positions begin after <pad>'s id
    type_vocab_size=1,
    pad_token_id=rows.special_ids["<pad>"],
)
model = RobertaForMaskedLM(config)
print(f"{model.num_parameters():,} parameters")

# %% Training by hand: a warm-up, a limit on the gradient, and a loss over hidden tokens alone.
STEPS, WARM_UP = 20, 5
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / WARM_UP))
model.train()
for step, batch in zip(range(STEPS), DataLoader(rows, batch_size=16), strict=False):
    loss = model(**batch).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    optimizer.zero_grad()
    if step % 5 == 0:
        print(f"step {step:>3}  {loss.item():.2f} nats a hidden token")

# %% Saving: weights and tokenizer, in one folder.
model.save_pretrained(run / "by-hand")
reader.save_pretrained(run / "by-hand")

# %% Fill-mask, with stock transformers.
from transformers import pipeline  # noqa: E402

for answer in pipeline("fill-mask", model=str(run / "by-hand"))("ciao <mask> va?", top_k=3):
    print(f"{answer['score']:.2f}  {answer['token_str']}")

# %% The last five cells by the library: checkpoints, validation, rows whose documents are apart.
quick = TrainConfig(
    architecture="roberta",
    row_length=64,
    batch_tokens=1_024,
    max_steps=20,
    validation_tokens=8_192,
)
train.build(run, settings=quick, size="tiny", language="it")
for answer in pipeline("fill-mask", model=str(run / "model"))("ciao <mask> va?", top_k=3):
    print(f"{answer['score']:.2f}  {answer['token_str']}")
