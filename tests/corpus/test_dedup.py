import hashlib

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from filiberto.corpus import dedup


def keys(texts: list[str]) -> np.ndarray:
    return dedup.keys(pa.array(texts, pa.large_string()))


def test_a_key_is_the_128_bit_hash_of_the_text():
    expected = hashlib.blake2b("perché".encode(), digest_size=16).digest()
    assert keys(["perché"]).tobytes() == expected


def test_no_texts_have_no_keys():
    assert keys([]).shape == (0, 2)
    assert dedup.survivors(keys([])).tolist() == []


def test_keys_of_a_slice_are_those_of_its_texts():
    texts = pa.array(["uno", "due", "tre"], pa.large_string())
    assert dedup.keys(texts.slice(1)).tolist() == keys(["due", "tre"]).tolist()


@given(st.lists(st.sampled_from(["", "a", "b", "c", "dd"]), max_size=30))
def test_the_first_of_each_text_stays_in_place_of_all(texts: list[str]):
    assert dedup.survivors(keys(texts)).tolist() == [texts.index(text) for text in texts]


def test_keys_that_share_one_half_are_different():
    found = dedup.survivors(np.array([[1, 2], [1, 3], [2, 2], [1, 2]], "<u8"))
    assert found.tolist() == [0, 1, 2, 0]
