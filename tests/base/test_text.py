"""Text that comes in, text that is searched, and how much of a name is shown."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from base import text
from base.text import IDENTIFIERS, TooLong, clean, client_label, cut, like, search_key

anything = st.text(st.characters(codec=None), max_size=60)
names = st.text(
    st.characters(codec="utf-8", categories=("L", "M", "Zs", "Pd", "Po")), min_size=1, max_size=20
)
NAMES = [
    "Małgorzata",
    "Ó Súilleabháin",
    "Þórunn",
    "Æsa",
    "Đặng",
    "Straße",
    "İbrahim",
    "ŁUKASZ",
    "O’Brien",
    "𝔉raktur",
    "ﬁona",
    "王小明",
    "נועה\u200f",
]


# ---- clean ----


@given(anything, st.integers(1, 80))
def test_clean_text_is_bounded_and_stays_as_it_is(value, limit):
    cleaned = clean(value, 1000)
    if len(cleaned) > limit:
        with pytest.raises(TooLong) as caught:
            clean(value, limit)
        assert caught.value.limit == limit
        return
    assert clean(cleaned, limit) == cleaned
    assert cleaned == cleaned.strip()
    assert not any(
        unicodedata.category(c) == "Cs" or (unicodedata.category(c) == "Cc" and c not in "\t\n")
        for c in cleaned
    )
    assert cleaned.split("\n") == cleaned.splitlines() or cleaned == ""
    cleaned.encode()


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        (None, ""),
        ("", ""),
        (" \t\n ", ""),
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\u2028b\u2029c", "a\nb\nc"),
        ("a\x00\x07\x1b[31mb", "a[31mb"),
        ("Ann\u202egnilA", "AnngnilA"),
        ("\u2066x\u2069", "x"),
        ("\ufeffBob", "Bob"),
        ("נועה\u200f", "נועה\u200f"),
        ("a\ud800b", "ab"),
        ("zero\x85width", "zerowidth"),
        ("tab\tstays", "tab\tstays"),
        ("🎂👩‍⚕️", "🎂👩‍⚕️"),
    ],
)
def test_clean_keeps_letters_and_drops_tricks(raw, cleaned):
    assert clean(raw, 40) == cleaned


def test_the_bound_counts_what_is_left():
    assert clean(" " * 500 + "x" * 40 + "\x00" * 500, 40) == "x" * 40
    with pytest.raises(TooLong):
        clean("x" * 41, 40)


# ---- searching ----


@given(st.lists(names, min_size=1, max_size=4), st.data())
def test_any_piece_of_a_name_finds_it(values, data):
    key = search_key(*values)
    value = data.draw(st.sampled_from(values))
    piece = data.draw(st.sampled_from(value.split() or [value]))
    assert search_key(piece) in key
    for typed in (
        piece.upper(),
        piece.lower(),
        unicodedata.normalize("NFD", piece),
        unicodedata.normalize("NFC", piece),
    ):
        if typed.casefold() == piece.casefold() or unicodedata.normalize(
            "NFC", typed
        ) == unicodedata.normalize("NFC", piece):
            assert search_key(typed) in key


@given(st.text(max_size=40))
@example("℡")  # a compatibility letter that comes apart into capitals
@example("K İ ﬁ ẞ")
def test_a_key_is_its_own_key(value):
    assert search_key(search_key(value)) == search_key(value)
    assert "\n" not in search_key(value) and search_key(value) == search_key(value).lower()


@pytest.mark.parametrize(
    ("typed", "stored"),
    list(
        zip(
            (
                "malgorzata",
                "o suilleabhain",
                "thorunn",
                "aesa",
                "dang",
                "strasse",
                "ibrahim",
                "łukasz",
                "o'brien",
                "fraktur",
                "fiona",
                "小明",
                "נועה",
            ),
            NAMES,
            strict=True,
        )
    ),
)
def test_a_name_is_found_as_people_type_it(typed, stored):
    assert search_key(typed) in search_key(stored, "Other")


def test_marks_of_direction_do_not_hide_a_name():
    assert search_key("נועה לוי") in search_key("נועה\u200f", "\u200fלוי")


def test_the_pattern_takes_wildcards_literally():
    assert like("50%_a\\b") == "%50\\%\\_a\\\\b%"
    assert like("  ÉMILE ") == "%emile%"


# ---- the identifier ladder ----


@given(
    st.sampled_from([*IDENTIFIERS, None, "", "fullname"]),
    st.sampled_from([*IDENTIFIERS, "", "all"]),
)
def test_the_ceiling_only_ever_cuts(identifier, ceiling):
    allowed = cut(identifier, ceiling)
    assert allowed in IDENTIFIERS
    if identifier not in IDENTIFIERS or ceiling not in IDENTIFIERS:
        assert allowed == "none"
    else:
        assert IDENTIFIERS.index(allowed) == min(
            IDENTIFIERS.index(identifier), IDENTIFIERS.index(ceiling)
        )


@pytest.mark.parametrize(
    ("identifier", "label"),
    [
        ("none", ""),
        ("internal_id", "K-2041"),
        ("initials", "M. W."),
        ("first_name", "Małgorzata"),
        ("first_name_last_initial", "Małgorzata W."),
        ("full_name", "Małgorzata Wójcik"),
        ("everything", ""),
    ],
)
def test_each_step_of_the_ladder(identifier, label):
    assert client_label(identifier, "Małgorzata", "Wójcik", "K-2041") == label


@pytest.mark.parametrize(
    ("first", "last", "labels"),
    [
        ("Cher", "", ("", "", "C.", "Cher", "Cher", "Cher")),
        ("", "Wójcik", ("", "", "W.", "", "W.", "Wójcik")),
        ("", "", ("", "", "", "", "", "")),
        (
            "E\u0301milie",
            "d’Arcy",
            ("", "", "É. D.", "E\u0301milie", "E\u0301milie D.", "E\u0301milie d’Arcy"),
        ),
        ("小明", "王", ("", "", "小. 王.", "小明", "小明 王.", "小明 王")),
        ("🎂 Bobby", "(Tables)", ("", "", "B. T.", "🎂 Bobby", "🎂 Bobby T.", "🎂 Bobby (Tables)")),
        ("🎂", "…", ("", "", "", "🎂", "🎂", "🎂 …")),
        ("\u0301", "ﬁsher", ("", "", "F.", "\u0301", "\u0301 F.", "\u0301 ﬁsher")),
        (
            "Anna Maria",
            "van der Berg",
            ("", "", "A. V.", "Anna Maria", "Anna Maria V.", "Anna Maria van der Berg"),
        ),
    ],
)
def test_odd_names_show_no_more_than_their_step(first, last, labels):
    assert tuple(client_label(identifier, first, last, "") for identifier in IDENTIFIERS) == labels


@given(st.sampled_from(IDENTIFIERS), st.text(max_size=20), st.text(max_size=20))
def test_without_an_internal_id_nothing_steps_in_for_it(identifier, first, last):
    label = client_label(identifier, first, last, "")
    if identifier in ("none", "internal_id"):
        assert label == ""
    assert label == label.strip()


@given(names, names)
def test_initials_are_two_letters_at_most(first, last):
    pieces = client_label("initials", first, last, "K-1").split()
    assert len(pieces) <= 2 and all(len(piece) == 2 and piece.endswith(".") for piece in pieces)


def test_places_name_the_line_and_never_the_message():
    def fail():
        raise ValueError("Małgorzata")

    with pytest.raises(ValueError, match="Małgorzata") as caught:
        fail()
    assert "test_text.py" in text.places(caught.value) and "Małgorzata" not in text.places(
        caught.value
    )


def test_of_ascii_only_printable_characters_stay():
    """Between 0x00 and 0x7F: one line keeps what is printed, and several lines their ends."""
    for code in range(0x80):
        around, seen = f"a{chr(code)}b", 0x20 <= code < 0x7F
        assert text.mended(around, 9) == (
            around if seen else "a b" if chr(code) in "\t\n\r" else "ab"
        )
        assert text.clean(around, 9) == (
            around if seen or chr(code) in "\t\n" else "a\nb" if chr(code) == "\r" else "ab"
        )
        if seen:
            assert text.line(around, 9) == around
        else:
            with pytest.raises(text.NotOneLine):
                text.line(around, 9)
