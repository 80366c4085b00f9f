"""Whether every loader gives the same ids for one folder, and what a word-level call changes.

    python benchmarks/loaders.py CORPORA [LABELLED]

CORPORA holds folders `it te hi eu` of .txt.zst files; LABELLED holds UD treebanks (.conllu). Each
release of transformers gets a virtual environment of its own (pip), JavaScript the npm package that
transformers.js takes its tokenizers from. Needs a network and node. JSON into
benchmarks/results/loaders.json.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tokenizers import Tokenizer

from filiberto import corpus
from filiberto.config import CorpusConfig
from filiberto.corpus import reading
from filiberto.tokenizer import bpe
from filiberto.tokenizer.words import spaced

LANGUAGES = ("it", "te", "hi", "eu")
LINES = 1_000
RELEASES = ("5.17.0", "5.23.0")
JAVASCRIPT = "@huggingface/tokenizers@0.2.0"
ENTRIES = 8_192
MAX_LENGTH = 512

NASTY = [
    "",
    " ",
    "  due  spazi\ta capo\n\n e fine  ",
    "ciao, come <mask> va?",
    "prima <mask>, poi<mask> e </s> <s> <pad> <unk>",
    "l'amico dell’università è già andato; c'è un po' d'acqua",
    "e\u0301 i\u0308 \u1100\u1161\u11a8 ク\u3099",
    "\u0301 da solo \u200d\u200c x\u200dy می\u200cخواهم",
    "1️⃣2️⃣ ❤️ 👩‍👩‍👧 🏴\U000e0067\U000e0062\U000e007f 1234567890 ½ Ⅷ ๒๕๖๙",
    "ภาษาไทยง่ายนิดเดียวครับผมก็เหมือนกันทุกวันนี้เราไปเที่ยวทะเลน้ำใส",
    "ខ្ញុំ\u200bស្រឡាញ់\u200bភាសា ស្ត្រី ကျွန်တော်ဗုဒ္ဓ ꦱꦥꦿꦠꦶꦏ꧀ꦭꦁ",
    "日本語の文章を解析する。㐀𠀀𠮷野家 ラーメンー 한국어 བོད་སྐད་ཡིག ሰላም፡ዓለም።",
    "t'áá doʼa oʻzbek o‘zbek col·lecció ինչո՞ւ צה״ל м'я",
    "\u0085\u00a0\u2003\ufeff\u3000\u200b\u2028fine",
    "\x00\x01\x7f\ufffd \ue000 \U0010fffd",
    "https://example.org/a_b?c=d&e=%20#f --------- ======== \\n \\u0041 \"q\" 'q'",
    "a" * 5_000,
    "<mask" + ">" * 20,
]

PYTHON = """
import json, sys
import transformers
folder, split = sys.argv[1:3]
texts = json.load(open(sys.argv[3], encoding="utf-8"))
made = {}
for name in ("AutoTokenizer", "PreTrainedTokenizerFast", "RobertaTokenizer"):
    loaded = getattr(transformers, name).from_pretrained(folder)
    ids = [loaded(text)["input_ids"] for text in texts]
    made[name] = {
        "ids": ids,
        "text": [loaded.decode(i[1:-1]) for i in ids],
        "facts": [loaded.mask_token, loaded.pad_token_id, loaded.model_max_length],
    }
json.dump(made, open(sys.argv[4], "w", encoding="utf-8"))
"""

NODE = """
const fs = require("fs");
const {Tokenizer} = require("@huggingface/tokenizers");
const [folder, texts, out] = process.argv.slice(2);
const read = (path) => JSON.parse(fs.readFileSync(path, "utf-8"));
const [model, config] = ["tokenizer", "tokenizer_config"].map((n) => read(`${folder}/${n}.json`));
const loaded = new Tokenizer(model, config);
const ids = read(texts).map((text) => Array.from(loaded.encode(text).ids));
fs.writeFileSync(out, JSON.stringify(ids));
"""


def lines_of(corpora: Path, place: Path) -> dict[str, list[str]]:
    """Documents of each language, from all of its files."""
    lines = {}
    for language in LANGUAGES:
        run = place / language
        run.mkdir()
        names = ("tatoeba", "kiparla_spoken", "commonvoice") if language == "it" else ("*",)
        text = [str(corpora / language / f"{name}.txt.zst") for name in names]
        corpus.build(run, text=text, settings=CorpusConfig())
        batches = reading.documents(run / "corpus", split="train")
        texts = [text for batch in batches for _, text in batch]
        lines[language] = texts[:: max(1, len(texts) // LINES)][:LINES]
    return lines


def trained(texts: list[str], folder: Path, *, split: str, cut: bool) -> Tokenizer:
    tokenizer = bpe.new_tokenizer(split=split, cut_after_apostrophe=cut)  # type: ignore[arg-type]
    bpe.train_bpe(tokenizer, [texts], vocab_size=ENTRIES, min_frequency=2)
    folder.mkdir()
    bpe.save(tokenizer, folder)
    bpe.write_config(folder, max_length=MAX_LENGTH)
    return bpe.load(folder)


def environments(place: Path) -> dict[str, Path]:
    """A Python with each release of transformers."""
    pythons = {}
    for release in RELEASES:
        folder = place / f"transformers-{release}"
        venv.create(folder, with_pip=True)
        pythons[release] = folder / "bin" / "python"
        pip = [str(pythons[release]), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"transformers=={release}"], check=True)
    return pythons


def differing(mine: list, theirs: list) -> int:
    return sum(one != other for one, other in zip(mine, theirs, strict=True))


def _first_other(texts: list[str], mine: list, theirs: list) -> str | None:
    return next((t for t, a, b in zip(texts, mine, theirs, strict=True) if a != b), None)


def compare(
    folder: Path, texts: list[str], *, split: str, pythons: dict[str, Path], node: Path
) -> list[dict]:
    own = bpe.load(folder)
    ids = [own.encode(text).ids for text in texts]
    back = [own.decode(i[1:-1], skip_special_tokens=False) for i in ids]
    given, out = folder.parent / "texts.json", folder.parent / "out.json"
    given.write_text(json.dumps(texts), encoding="utf-8")
    rows = []
    for release, python in pythons.items():
        command = [str(python), "-c", PYTHON, str(folder), split, str(given), str(out)]
        subprocess.run(command, check=True, capture_output=True)
        for loader, made in json.loads(out.read_text(encoding="utf-8")).items():
            rows.append(
                {
                    "split": split,
                    "loader": f"transformers {release} {loader}",
                    "lines": len(texts),
                    "other_ids": differing(ids, made["ids"]),
                    "first_other": _first_other(texts, ids, made["ids"]),
                    "other_text": differing(back, made["text"]),
                    "mask_pad_max_length": made["facts"],
                }
            )
    command = ["node", str(node / "ids.js"), str(folder), str(given), str(out)]
    subprocess.run(command, check=True, cwd=node)
    theirs = json.loads(out.read_text(encoding="utf-8"))
    rows.append(
        {
            "split": split,
            "loader": JAVASCRIPT,
            "lines": len(texts),
            "other_ids": differing(ids, theirs),
            "first_other": next(
                (t for t, a, b in zip(texts, ids, theirs, strict=True) if a != b), None
            ),
        }
    )
    return rows


def treebank(path: Path) -> list[list[str]]:
    """The words of each sentence of a .conllu file."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    rows = [[line.split("\t") for line in block.split("\n") if line] for block in blocks]
    sentences = [[row[1] for row in block if row[0].isdigit()] for block in rows]
    return [[word.strip() for word in words] for words in sentences if words]


def word_level(tokenizer: Tokenizer, sentences: list[list[str]]) -> dict:
    """The share of words whose ids are not those of the joined text."""
    words = wrong_stock = wrong_spaced = 0
    for sentence in sentences:
        joined = _by_word(tokenizer, spaced(sentence))
        stock = _by_word(tokenizer, sentence)
        words += len(sentence)
        wrong_stock += differing(joined, stock)
        wrong_spaced += list(itertools.chain(*joined)) != _plain(tokenizer, " ".join(sentence))
    return {
        "words": words,
        "share_with_other_ids_stock_call": round(wrong_stock / words, 4),
        "sentences_with_other_ids_spaced": wrong_spaced,
    }


def _plain(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False).ids


def _by_word(tokenizer: Tokenizer, words: list[str]) -> list[list[int]]:
    encoding = tokenizer.encode(words, is_pretokenized=True, add_special_tokens=False)
    ids: list[list[int]] = [[] for _ in words]
    for token, word in zip(encoding.ids, encoding.word_ids, strict=True):
        ids[word].append(token)
    return ids


def main() -> None:
    corpora = Path(sys.argv[1])
    result: dict = {"loaders": [], "word_level": {}}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        lines = lines_of(corpora, place)
        texts = [*itertools.chain(*lines.values()), *NASTY]
        pythons = environments(place)
        node = place / "node"
        node.mkdir()
        subprocess.run(["npm", "install", "--silent", JAVASCRIPT], check=True, cwd=node)
        (node / "ids.js").write_text(NODE, encoding="utf-8")
        for split, cut in (("script", True), ("script", False), ("gpt2", False)):
            folder = place / f"{split}-{cut}"
            trained(texts, folder, split=split, cut=cut)
            for row in compare(folder, texts, split=split, pythons=pythons, node=node):
                row["apostrophe"] = "cut" if cut else "inside"
                result["loaders"].append(row)
                print(
                    f"{split:<7} {row['apostrophe']:<7} {row['loader']:<45} "
                    f"other ids in {row['other_ids']} of {row['lines']} lines",
                    flush=True,
                )
        if len(sys.argv) > 2:
            for language, bank in (("it", "UD_Italian-ParTUT"), ("te", "UD_Telugu-MTG")):
                files = sorted(Path(sys.argv[2], bank).glob("*.conllu"))
                sentences = [s for file in files for s in treebank(file)]
                cut = language == "it"
                own = trained(lines[language], place / bank, split="script", cut=cut)
                result["word_level"][bank] = row = word_level(own, sentences)
                print(bank, row)
    path = Path(__file__).parent / "results" / "loaders.json"
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
