"""Trees from scores, and the loss and counts of a parser."""

from itertools import product

import numpy as np
import pytest

from filiberto.evaluate.parsing import best_tree


def is_tree(heads: tuple[int, ...]) -> bool:
    """Written another way than in the parser: from the root downwards."""
    if heads.count(0) != 1:
        return False
    reached, waiting = {0}, [0]
    while waiting:
        here = waiting.pop()
        below = [word for word, head in enumerate(heads, 1) if head == here]
        waiting += below
        reached.update(below)
    return len(reached) == len(heads) + 1


@pytest.mark.parametrize("seed", range(40))
def test_the_best_tree_is_the_best_of_all_trees_with_one_root(seed: int) -> None:
    draw = np.random.default_rng(seed)
    words = int(draw.integers(1, 6))
    scores = draw.normal(size=(words, words + 1)) * 3
    scores[range(words), range(1, words + 1)] = -np.inf
    trees = filter(is_tree, product(range(words + 1), repeat=words))

    def total(heads: tuple[int, ...]) -> float:
        return sum(scores[word, head] for word, head in enumerate(heads))

    assert tuple(best_tree(scores)) == max(trees, key=total)


def test_a_long_sentence_whose_likely_heads_make_no_tree_gets_one() -> None:
    draw = np.random.default_rng(0)
    scores = draw.normal(size=(30, 31))
    scores[:, 0] -= 50  # nobody wants the root
    scores[range(30), range(1, 31)] = -np.inf
    assert is_tree(tuple(best_tree(scores)))
