import itertools
import random
import sys
import unicodedata

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from filiberto.tokenizer.pretokenize import (
    ELIDING,
    MAX_CLUSTERS,
    UNSPACED,
    pre_tokenizer,
    word_pattern,
)

ASSIGNED = st.characters(exclude_categories=["Cs", "Cn"])

# Sentences written for these tests.
SPACED = {
    "Telugu": "మా ఊరి చెరువు పక్కన ఒక పెద్ద మర్రిచెట్టు ఉంది, దాని నీడలో పిల్లలు రోజూ ఆడుకుంటారు.",
    "Hindi": "कल शाम को हमारे गाँव में ज़ोर की बारिश हुई, इसलिए बच्चे स्कूल नहीं जा सके।",
    "Amharic": "ዛሬ ጠዋት ወንድሜ ወደ ገበያ ሄዶ ቡናና ዳቦ ገዛ። እህቴም ቤት ውስጥ ቆየች።",
    "Navajo": "Shizhéʼé t'áá íiyisíí yáʼátʼééh, dóó shimá ałdó' bááh ła’ áyiilaa.",
    "Vietnamese": "Sáng nay trời mưa to nên chúng tôi ở nhà đọc sách và uống trà nóng.",
    "Persian": "بچه‌ها امروز به کتابخانه می‌روند و کتاب‌های تازه می‌خوانند.",
    "Korean": "오늘 아침에는 비가 와서 우리는 집에서 책을 읽었습니다.",
}
UNSPACED_TEXT = {
    "Thai": "วันนี้ฝนตกหนักเราจึงอยู่บ้านอ่านหนังสือและดื่มน้ำชาร้อนด้วยกันทั้งครอบครัวเพราะไม่มีใครอยากออกไปเปียกข้างนอก",
    "Lao": "ມື້ນີ້ຝົນຕົກແຮງພວກເຮົາຈຶ່ງຢູ່ເຮືອນອ່ານປຶ້ມແລະດື່ມນ້ຳຊາຮ້ອນນຳກັນ",
    "Khmer": "ថ្ងៃនេះភ្លៀងធ្លាក់ខ្លាំងដូច្នេះយើងនៅផ្ទះអានសៀវភៅហើយផឹកតែក្តៅជាមួយគ្នា",
    "Burmese": "ဒီနေ့မိုးသည်းထန်စွာရွာသောကြောင့်ကျွန်ုပ်တို့အိမ်မှာဗုဒ္ဓစာအုပ်ဖတ်ကြသည်",
    "Japanese": "今日は雨が強く降っていたので家族みんなで家にいて本を読みながら茶を飲みました",
    "Chinese": "今天下大雨所以我们全家人都留在家里一边看书一边喝热茶谁也不想出门去淋湿自己的新衣服",
}
RUN = regex.compile(r"[\p{L}\p{M}\u200c\u200d]+(?:['\u2019][\p{L}\p{M}\u200c\u200d]+)*")
# What a person would call one sign: Unicode's clusters, longer where a consonant is stacked.
VIRAMA = "\u1039\u17d2"


def pieces(text: str, *, split: str = "script", cut: bool = False) -> list[str]:
    cutter = pre_tokenizer(split=split, cut_after_apostrophe=cut)  # type: ignore[arg-type]
    return [text[begin:end] for _, (begin, end) in cutter.pre_tokenize_str(text)]


def has_letter(piece: str) -> bool:
    return any(unicodedata.category(character)[0] == "L" for character in piece)


@pytest.mark.parametrize("language", SPACED)
def test_the_split_forces_one_piece_a_word(language: str) -> None:
    text = unicodedata.normalize("NFC", SPACED[language])
    with_letters = [piece for piece in pieces(text) if has_letter(piece)]
    assert len(with_letters) <= 1.01 * len(RUN.findall(text))


@pytest.mark.parametrize("language", UNSPACED_TEXT)
def test_a_script_without_spaces_is_cut_into_pieces_of_bounded_length(language: str) -> None:
    text = unicodedata.normalize("NFC", UNSPACED_TEXT[language])
    cut = pieces(text)
    assert "".join(cut) == text
    assert len(cut) > 1
    # A cluster is a letter, mostly with no more than a vowel and a tone.
    assert max(map(len, cut)) <= 3 * MAX_CLUSTERS
    for before, after in itertools.pairwise(cut):
        assert has_letter(after[0])
        assert before[-1] not in VIRAMA, "a stacked consonant is cut off"
        assert before[-1] not in "เแโใไເແໂໃໄ", "a vowel before its consonant is cut off"
        assert after[0] not in "ะาำๅๆະາຳໆー々", "a vowel after its consonant is cut off"


@pytest.mark.parametrize(
    "word",
    [
        *["తెలుగు", "हिन्दी", "தமிழ்", "ភាសា", "አማርኛ", "t'áá", "м'я", "tiếng", "می\u200cخواهم"],
        *[
            "doʼa",
            "oʻzbek",
            "o‘zbek",
            "d’água",
            "col·lecció",
            "ինչո՞ւ",
            "צה״ל",
            "ꦱꦥꦿꦠꦶꦏ꧀ꦭꦁ",
            "日本",
            "語",
        ],
    ],
)
def test_a_word_of_any_script_is_one_piece(word: str) -> None:
    assert pieces(f"a {word} b") == ["a", f" {word}", " b"]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("ខ្ញុំ\u200bស្រឡាញ់\u200bភាសា", ["ខ្ញុំ", "\u200bស្រឡាញ់", "\u200bភាសា"]),
        ("བོད་སྐད་ཡིག", ["བོད", "་སྐད", "་ཡིག"]),
        ("ሰላም፡ዓለም", ["ሰላም", "፡ዓለም"]),
    ],
)
def test_what_a_script_writes_for_a_space_goes_with_the_next_word(
    text: str, cut: list[str]
) -> None:
    assert pieces(text) == cut


def test_scripts_side_by_side_are_cut_apart() -> None:
    assert pieces("iPhoneใหม่ กับAI") == ["iPhone", "ใหม่", " กับ", "AI"]


def test_gpt2s_split_cuts_at_every_mark() -> None:
    assert len(pieces("తెలుగు", split="gpt2")) == 6


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("l'amico", ["l'", "amico"]),
        ("dell’acqua", ["dell’", "acqua"]),
        ("un po' di", ["un", " po", "'", " di"]),
        ("'ciao'", ["'", "ciao", "'"]),
        ("col·lecció", ["col·lecció"]),
    ],
)
def test_an_apostrophe_ends_a_word_where_the_language_elides(text: str, cut: list[str]) -> None:
    assert pieces(text, cut=True) == cut


def test_digits_come_in_threes_and_signs_apart() -> None:
    assert pieces("nel 2026!") == ["nel", " 202", "6", "!"]
    assert pieces("๒๕๖๙") == ["๒๕๖", "๙"]


def test_signs_and_digits_keep_their_marks() -> None:
    assert pieces("1️⃣2️⃣ ❤️ 👩‍👩‍👧") == ["1️⃣", "2️⃣", " ❤️", " 👩‍👩‍👧"]


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet=ASSIGNED, max_size=30), cut=st.booleans())
def test_no_piece_is_lost_and_no_mark_leaves_its_letter(text: str, cut: bool) -> None:
    text = unicodedata.normalize("NFC", text)
    found = pieces(text, cut=cut)
    assert "".join(found) == text
    for before, after in itertools.pairwise(found):
        marked = unicodedata.category(after[0])[0] == "M"
        assert not (marked and unicodedata.category(before[-1])[0] in "LN")
        assert not (marked and has_letter(after))


def test_the_pattern_reads_the_same_in_another_engine() -> None:
    # The third, JavaScript's, is compared in benchmarks/loaders.py.
    everywhere = [
        chr(c)
        for c in range(sys.maxunicode + 1)
        if unicodedata.category(chr(c)) not in ("Cs", "Cn")
    ]
    common = [c for c in everywhere if c < "\u3200"]
    draw = random.Random(0)
    for cut in (True, False):
        pattern = regex.compile(word_pattern(cut_after_apostrophe=cut))
        for alphabet in (everywhere, common):
            for _ in range(300):
                text = "".join(draw.choices(alphabet, k=20))
                assert pieces(text, cut=cut) == pattern.findall(text)


def test_the_blocks_hold_the_letters_of_the_scripts_without_spaces_and_no_others() -> None:
    inside = regex.compile(rf"(?=[{UNSPACED}])\p{{L}}")
    scripts = (
        "Thai Lao Khmer Myanmar Tai_Le New_Tai_Lue Tai_Tham Tai_Viet Balinese Javanese Han "
        "Hiragana Katakana Bopomofo Yi Tangut Nushu Khitan_Small_Script"
    )
    known = regex.compile("|".join(rf"\p{{Script={name}}}" for name in scripts.split()))
    # Letters that several scripts share: shime, length and sound marks, a Javanese repetition.
    shared = set("〆〼ーｰﾞﾟꧏ")
    letters = (chr(c) for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c))[0] == "L")
    wrong = {c for c in letters if bool(inside.match(c)) != bool(known.match(c))}
    assert wrong <= shared


def test_italian_elides_and_telugu_does_not() -> None:
    assert "it" in ELIDING
    assert "te" not in ELIDING
