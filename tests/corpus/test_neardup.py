import itertools
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from filiberto.corpus import leaks, neardup
from filiberto.corpus.neardup import NUM_HASHES, Signatures
from filiberto.corpus.processing import shingled

WORDS = [f"parola{i}" for i in range(3000)]


def jaccard(one: list[str], other: list[str]) -> float:
    a, b = ({tuple(t[i : i + 5]) for i in range(len(t) - 4)} for t in (one, other))
    return len(a & b) / len(a | b)


def signatures_of(texts: list[str]) -> np.ndarray:
    from daft import Series

    hashes = Series.from_arrow(pa.array(texts, pa.large_string())).minhash(
        num_hashes=NUM_HASHES, ngram_size=5, seed=neardup.SEED, hash_function="xxhash3_64"
    )
    return np.array(hashes.to_pylist(), np.uint32).reshape(-1, NUM_HASHES)


class Planted:
    """Texts of 200 words, and copies of some in which a few words are others."""

    def __init__(self) -> None:
        draw = random.Random(0)
        self.texts = [draw.choices(WORDS, k=200) for _ in range(1500)]
        self.pairs: list[tuple[int, int, float]] = []
        for original in range(1000):
            copy = list(self.texts[original])
            for place in draw.sample(range(200), draw.choice([1, 2, 2, 15, 20, 30])):
                copy[place] = draw.choice(WORDS)
            near = jaccard(self.texts[original], copy)
            self.pairs.append((original, len(self.texts), near))
            self.texts.append(copy)
        self.hashes = signatures_of([" ".join(text) for text in self.texts])


@pytest.fixture(scope="module")
def planted() -> Planted:
    return Planted()


def survivors(folder: Path, hashes: np.ndarray) -> np.ndarray:
    with Signatures(folder) as signatures:
        signatures.add(hashes)
        signatures.flush()
        found = neardup.survivors(signatures, np.arange(len(hashes)))
    assert list(folder.iterdir()) == []
    return found


def test_planted_copies_are_found_and_unlike_texts_are_left(planted: Planted, tmp_path: Path):
    found = survivors(tmp_path, planted.hashes)
    near = [found[copy] == original for original, copy, near in planted.pairs if near >= 0.9]
    far = [found[copy] == copy for _, copy, near in planted.pairs if near < 0.5]
    assert len(near) > 200
    assert len(far) > 200
    assert np.mean(near) >= 0.99
    assert np.mean(far) >= 0.99
    assert (found[:1500] == np.arange(1500)).all()


def test_a_validation_text_that_resembles_training_is_found(planted: Planted, tmp_path: Path):
    validation = np.array([copy for _, copy, _ in planted.pairs])
    with Signatures(tmp_path) as signatures:
        signatures.add(planted.hashes)
        signatures.flush()
        found = leaks.resembling(signatures, validation=validation, training=np.arange(1500))
    near = np.array([near for *_, near in planted.pairs])
    assert found[near >= 0.5].all()
    assert not found[near < 0.25].any()


def test_unlike_validation_texts_are_left(planted: Planted, tmp_path: Path):
    with Signatures(tmp_path) as signatures:
        signatures.add(planted.hashes)
        signatures.flush()
        found = leaks.resembling(
            signatures, validation=np.arange(1400, 1500), training=np.arange(1400)
        )
    assert not found.any()


def hashes_of_chain(links: int, *, changed: int) -> np.ndarray:
    """Signatures each of which changes some hashes that those before it had in common."""
    chain = [np.arange(NUM_HASHES, dtype=np.uint32)]
    for step in range(links):
        link = chain[-1].copy()
        link[step * changed : (step + 1) * changed] += 1000
        chain.append(link)
    return np.stack(chain)


def agreement(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.count_nonzero(one == other))


def test_chains_never_merge_unlike_texts(tmp_path: Path):
    chain = hashes_of_chain(4, changed=20)
    assert [agreement(a, b) for a, b in itertools.pairwise(chain)] == [92] * 4
    assert [agreement(chain[0], other) for other in chain[1:]] == [92, 72, 52, 32]
    found = survivors(tmp_path, chain)
    # 84 of 112 is three quarters: the second goes for the first; the third is unlike the first.
    assert found.tolist() == [0, 0, 2, 2, 4]
    for text, survivor in enumerate(found.tolist()):
        assert found[survivor] == survivor
        assert agreement(chain[text], chain[survivor]) >= 84


def test_the_members_of_a_group_that_its_first_does_not_cover_are_compared(tmp_path: Path):
    # All share the first band; the second and third are alike, and like the first in nothing else.
    first = np.arange(NUM_HASHES, dtype=np.uint32)
    second = first + 1000
    second[:8] = first[:8]
    third = second.copy()
    third[-5:] = 7
    assert survivors(tmp_path, np.stack([first, second, third])).tolist() == [0, 1, 1]


def test_a_hundred_copies_leave_the_first(tmp_path: Path):
    hashes = np.tile(np.arange(NUM_HASHES, dtype=np.uint32), (100, 1))
    assert set(survivors(tmp_path, hashes).tolist()) == {0}


def test_no_texts_and_one_text(tmp_path: Path):
    assert survivors(tmp_path, np.zeros((0, NUM_HASHES), np.uint32)).tolist() == []
    assert survivors(tmp_path, np.zeros((1, NUM_HASHES), np.uint32)).tolist() == [0]


def test_shingles_are_words_or_characters_where_no_spaces_are():
    texts = pa.array(["Una Frase\ncorta", "ภาษาไทยเขียนติดกันไม่มีช่องว่าง", "altro"], pa.large_string())
    found = shingled(texts, np.array([True, True, False]), words=np.array([3, 1, 1]))
    assert found.to_pylist() == ["una frase corta", " ".join("ภาษาไทยเขียนติดกันไม่มีช่องว่าง"), ""]
