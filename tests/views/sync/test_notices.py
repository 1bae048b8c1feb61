"""The templates of notices about an account."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from sync.tables.notices import KINDS, Notice
from views.sync import notice_words

TOLD = {
    notice_words.template(SimpleNamespace(kind=kind)) for kind in (*KINDS, "doubles", "put_back")
}


def test_each_kind_of_notice_has_its_file_and_each_file_its_kind():
    top = Path(notice_words.__file__).parents[2] / "templates"
    files = {str(file.relative_to(top)) for file in (top / "sync" / "notices").iterdir()}
    assert files == TOLD


def test_a_notice_of_no_known_kind_is_refused():
    with pytest.raises(ValueError, match="unheard-of"):
        Notice.give(None, "unheard-of")
