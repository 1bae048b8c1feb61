"""The pages that make one of two records of a client."""

import itertools
import re

import pytest
from interrupted import Interruption
from presses import filled as form_filled

from models import Patient
from people.merges import ClientMerge

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def pat(signed_in, linden):
    return signed_in(linden.pat)


@pytest.fixture
def double(linden):
    return Patient.add(
        linden.clinic, linden.pat, first_name="Malgorzata", last_name="Wojcik", phone="5551234"
    )


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def filled(page) -> dict:
    names = re.findall(r'<input[^>]*name="(other|showed)"[^>]*value="([^"]*)"', page)
    return dict(names)


@ON_SQLITE
def test_the_record_names_its_double_and_leads_through_to_undo(pat, linden, double):
    record = f"/clients/{linden.patient.id}"
    assert "Perhaps the same person" in text_of(pat.get(record))
    page = pat.get(f"{record}/merge?other={double.id}")
    assert "Use this one" in text_of(page)
    answer = pat.post(f"{record}/merge", data=filled(page.get_data(as_text=True)) | {"name": "y"})
    assert answer.status_code == 303
    assert Patient.get_by_id(linden.patient.id).name == "Malgorzata Wojcik"
    assert pat.get(f"/clients/{double.id}").location == record
    assert "Two records were merged here" in text_of(pat.get(record))
    merge = ClientMerge.get().id
    assert pat.post(f"{record}/merge/undo", data={"merge": merge}).status_code == 303
    assert Patient.get_by_id(double.id).merged_into is None
    assert "cannot be undone" in text_of(
        pat.post(f"{record}/merge/undo", data={"merge": merge}, follow_redirects=True)
    )


@ON_SQLITE
def test_what_only_the_other_record_has_is_said_to_move(pat, linden, double):
    Patient.update(phone="").where(Patient.id == linden.patient.id).execute()
    record = f"/clients/{linden.patient.id}"
    page = pat.get(f"{record}/merge?other={double.id}")
    assert "Phone None 5551234 Moves to the record that stays" in text_of(page)
    pat.post(f"{record}/merge", data=filled(page.get_data(as_text=True)))
    assert Patient.get_by_id(linden.patient.id).phone == "5551234"


@ON_SQLITE
def test_a_change_meanwhile_is_shown_before_anything_is_merged(pat, linden, double):
    record = f"/clients/{linden.patient.id}"
    data = filled(pat.get(f"{record}/merge?other={double.id}").get_data(as_text=True))
    double.change(linden.quinn, email="new@wojcik.test")
    answer = pat.post(f"{record}/merge", data=data)
    assert answer.status_code == 422 and "new@wojcik.test" in text_of(answer)
    assert not ClientMerge.select().exists()
    data = filled(answer.get_data(as_text=True))
    assert pat.post(f"{record}/merge", data=data).status_code == 303
    again = pat.post(f"{record}/merge", data=data, follow_redirects=True)  # pressed twice
    assert "one record already" in text_of(again) and ClientMerge.select().count() == 1


@ON_SQLITE
def test_the_other_record_is_found_by_typing_and_never_in_another_clinic(
    pat, linden, double, stranger
):
    theirs = Patient.add(stranger.clinic, stranger, first_name="Malgorzata", last_name="Else")
    record = f"/clients/{linden.patient.id}"
    page = pat.post(f"{record}/merge/matches", data={"q": "malgorzata"}).get_data(as_text=True)
    assert f"other={double.id}" in page and f"other={theirs.id}" not in page
    assert pat.get(f"{record}/merge?other={theirs.id}").status_code == 404
    assert pat.post(f"{record}/merge", data={"other": theirs.id}).status_code == 404
    assert pat.post(f"{record}/merge", data={}).status_code == 404


@pytest.mark.parametrize("action", ["edit", "archival"])
@ON_SQLITE
def test_a_change_that_meets_a_merge_reaches_the_record_in_use(
    pat, signed_in, linden, monkeypatch, action
):
    olive, interruption = signed_in(linden.olive), Interruption(monkeypatch)
    for moment in itertools.count():
        double = Patient.add(linden.clinic, linden.pat, first_name="Bea", last_name=f"B{moment}")
        kept = Patient.add(linden.clinic, linden.pat, first_name="Ada", last_name=f"A{moment}")
        to_merge = filled(olive.get(f"/clients/{kept.id}/merge?other={double.id}").text)
        if action == "edit":
            page, typed = f"/clients/{double.id}", f"Prefers mornings, said {moment} times"
            path, data = form_filled(pat, f"{page}/edit", page, notes=typed)
        else:
            path, data, typed = f"/clients/{double.id}/archival", {}, ""
        answer, merged = interruption.within(
            lambda path=path, data=data: pat.post(path, data=data),
            lambda kept=kept, data=to_merge: olive.post(f"/clients/{kept.id}/merge", data=data),
            moment,
        )
        if merged is None:
            assert moment > 1, "the press had several moments"
            return
        used = double.record_in_use
        assert used == kept or merged.status_code == 422  # the merge came later, and asks
        assert answer.status_code == 303 and typed in used.notes
        done = ClientMerge.get_or_none(ClientMerge.gone == double)
        came_first = done is not None and done.facts["archived"]
        assert used.archived == (action == "archival" and not came_first)


@pytest.mark.parametrize("is_asked", [True, False])
def test_who_changes_a_merged_record_reads_that_it_was_merged(pat, signed_in, linden, is_asked):
    """With a question, where both changed the same, or with the change itself."""
    olive = signed_in(linden.olive)
    kept = Patient.add(linden.clinic, linden.pat, first_name="Ada", last_name="A", phone="1")
    double = Patient.add(linden.clinic, linden.pat, first_name="Bea", last_name="A", phone="1")
    page = f"/clients/{double.id}"
    path, data = form_filled(pat, f"{page}/edit", page, phone="07700 900124")
    to_merge = filled(olive.get(f"/clients/{kept.id}/merge?other={double.id}").text)
    assert olive.post(f"/clients/{kept.id}/merge", data=to_merge).status_code == 303
    if is_asked:
        kept.change(linden.olive, phone="07700 900125")
    answer = pat.post(path, data=data)
    shown = answer.text if is_asked else pat.get(answer.headers["Location"]).text
    assert answer.status_code == (422 if is_asked else 303)
    assert "was merged into this one meanwhile" in " ".join(shown.split())
    path, data = form_filled(pat, f"/clients/{kept.id}/edit", f"/clients/{kept.id}", phone="5")
    answer = pat.post(path, data=data)
    assert "meanwhile" not in pat.get(answer.headers["Location"]).text
