"""The address for clients on Calendar sync, beside the sentence that they cannot subscribe."""

from online_world import links, switch_on, text_of

URL = "http://localhost/book/linden/"


def test_clients_cannot_subscribe_and_that_is_all_while_the_page_is_off(signed_in, linden):
    shown = signed_in(linden.pat).get("/sync/")
    assert "Clients cannot subscribe to your calendar" in text_of(shown)
    assert "/book/" not in shown.text
    assert signed_in(linden.pat).get("/sync/booking-page/card").status_code == 404


def test_one_s_own_page_with_a_card(app, signed_in, linden, clock):
    switch_on(linden)
    pat = signed_in(linden.pat)
    shown = pat.get("/sync/")
    own = f"{URL}pat-linden/"
    assert f'value="{own}"' in shown.text and "your booking page" in text_of(shown)
    card = pat.get(next(one for one in links(shown) if one.endswith("/card")))
    assert own in card.text and "<path d=" in card.text
    assert "Book online with Pat Linden" in text_of(card)
    page = app.test_client(use_cookies=False).get("/book/linden/pat-linden/")
    assert page.status_code == 200 and "Pat Linden" in text_of(page)


def test_who_takes_no_online_bookings_gives_the_clinic_s(signed_in, linden, clock):
    switch_on(linden)
    linden.calendar.set_online(None, takes_online=False, takes_new_online=True, online_most=None)
    shown = signed_in(linden.pat).get("/sync/")
    assert f'value="{URL}"' in shown.text and "the clinic’s booking page" in text_of(shown)
