"""Letters about sync trouble: one for each step of an episode, to the people concerned, never
twice, and without private data.
"""

from datetime import timedelta

import external
import pytest

from base.tables.outbox import Letter
from letters import trouble
from models import User, Venue
from sync.tables import controls, ending, starting
from sync.tables.accounts import Account
from sync.tables.notices import Notice


@pytest.fixture
def account(linden, clock):
    return external.source(
        linden.pat, health="reconnect", failing_since=clock.now, health_word="invalid_grant"
    ).account


@pytest.fixture
def tell(app, clock):
    """`tell(days=3)`: time goes on, and the chore runs twice, as with two clocks."""

    def run(**length):
        clock.now += timedelta(**length)
        with app.app_context():
            trouble.write_about_accounts()
            trouble.write_about_accounts()

    return run


def readers(letters) -> list[str]:
    return [letter["To"] for letter in letters.send()]


def test_the_person_is_written_to_at_once_then_after_three_days_and_a_week_with_the_owners(
    tell, account, letters
):
    tell(seconds=30)
    assert readers(letters) == []
    tell(seconds=40)
    assert readers(letters) == ["pat@linden.test"]
    tell(days=2)
    assert readers(letters) == []
    tell(days=1)
    assert readers(letters) == ["pat@linden.test", "olive@linden.test"]
    tell(days=3)
    assert readers(letters) == []
    tell(days=1)
    assert readers(letters) == ["pat@linden.test", "olive@linden.test"]
    tell(days=30)
    assert readers(letters) == []


def test_one_letter_covers_several_days_of_trouble(tell, account, letters):
    tell(days=8)
    assert readers(letters) == ["pat@linden.test", "olive@linden.test"]
    tell(minutes=1)
    assert readers(letters) == []


def test_the_letter_says_what_happened_and_leads_to_the_page_and_tells_nothing_private(
    tell, account, letters
):
    tell(minutes=2)
    (letter,) = letters.send()
    text = letter.get_content()
    assert letter["Subject"] == "Your calendar sync needs help"
    assert (
        "Since 20 November, Kalends has no access to Google for your account" in text
        and "Your bookings in Kalends are safe" in text
    )
    assert "http://localhost/sync/" in text
    assert not [
        word
        for word in ("home.test", "Family", "Wójcik", "invalid_grant", "sealed")
        if word in text
    ]
    tell(days=3)
    _own, owners = letters.send()
    assert owners["Subject"] == "The calendar sync of Pat Linden needs help"
    assert (
        "Pat Linden" in owners.get_content() and "http://localhost/health/" in owners.get_content()
    )


@pytest.mark.parametrize(
    ("health", "words"),
    [
        ("calendar_gone", "was deleted in Google"),
        ("operator", "refuses requests from this Kalends server"),
    ],
)
def test_each_trouble_has_its_words(tell, account, letters, health, words):
    Account.update(health=health).execute()
    tell(minutes=2)
    assert words in letters.send()[0].get_content()


def test_what_only_the_operator_can_mend_goes_to_the_owners_alone(tell, account, letters):
    Account.update(health="operator").execute()
    tell(minutes=2)
    assert readers(letters) == ["olive@linden.test"]


@pytest.mark.parametrize(
    "columns",
    [
        {"health": "ok"},
        {"health": "waiting"},
        {"phase": "paused"},
        {"phase": "off"},
        {"phase": "leaving"},
    ],
)
def test_trouble_that_needs_no_person_causes_no_letter(tell, account, letters, columns):
    Account.update(**columns).execute()
    tell(days=8)
    assert letters.send() == []


def test_nobody_is_written_to_after_opting_out_or_leaving(tell, account, linden, letters):
    linden.pat.change_sync(sync_allowed=False)
    tell(days=8)
    linden.pat.change_sync(sync_allowed=True)
    linden.pat.leave(linden.olive)
    tell(minutes=1)
    assert letters.send() == []


def test_a_new_episode_of_trouble_starts_with_the_first_letter(tell, account, letters, clock):
    tell(days=8)
    readers(letters)
    starting.connect(account.user, "google", account.email, "", [], None)
    tell(minutes=5)
    assert letters.send() == []
    Account.update(health="reconnect", failing_since=clock.now).execute()
    tell(minutes=2)
    assert readers(letters) == ["pat@linden.test"]


@pytest.mark.parametrize(
    "over",
    [
        lambda account, linden: Account.update(health="ok", failing_since=None).execute(),
        lambda account, linden: controls.pause(account, linden.pat),
        lambda account, linden: linden.pat.change_sync(sync_allowed=False),
        lambda account, linden: linden.pat.leave(linden.olive),
        lambda account, linden: account.delete_instance(recursive=True),
        lambda account, linden: Account.update(
            failing_since=account.failing_since + timedelta(minutes=1)
        ).execute(),
    ],
)
def test_a_letter_whose_reason_is_gone_is_not_sent(tell, account, linden, letters, over):
    tell(minutes=2)
    over(Account.get_by_id(account.id), linden)
    assert letters.send() == [] and Letter.get().phase == "dropped"


def test_nobody_reads_about_a_colleague_who_is_no_owner_any_more(tell, account, linden, letters):
    User.update(role="owner").where(User.id == linden.maya.id).execute()
    tell(days=3)
    User.update(role="manager").where(User.id == linden.maya.id).execute()
    assert readers(letters) == ["pat@linden.test", "olive@linden.test"]


def test_a_name_with_a_line_break_ends_nobody_elses_letter(tell, account, linden, letters):
    User.update(name="Pat\r\nBcc: eve@evil.test\n\nPress here").where(
        User.id == linden.pat.id
    ).execute()
    other = external.source(
        linden.quinn, health="reconnect", failing_since=account.failing_since
    ).account
    tell(days=3)
    sent = letters.send()
    assert sorted(letter["To"] for letter in sent) == [
        "olive@linden.test",
        "olive@linden.test",
        "pat@linden.test",
        "quinn@linden.test",
    ]
    assert [letter["Bcc"] for letter in sent] == [None] * 4 and other.user_id == linden.quinn.id
    assert "The calendar sync of Pat Bcc: eve@evil.test Press here needs help" in [
        letter["Subject"] for letter in sent
    ]


def test_without_mail_nothing_is_sent_and_nothing_is_counted_as_told(tell, account):
    tell(days=8)
    assert Account.get_by_id(account.id).told == 0


def test_asking_from_the_board_sends_a_letter_too(signed_in, linden, account, letters):
    olive = signed_in(linden.olive)
    answers = [olive.post(f"/health/accounts/{account.id}/nudges").status_code for _ in range(2)]
    assert answers == [303, 303] and letters.server.connections == 0
    said = olive.get("/health/").get_data(as_text=True)
    assert (
        "An e-mail is on its way too." in said
        and "No second e-mail is sent within the hour." in said
    )
    (letter,) = letters.send()
    assert (letter["To"], letter["Subject"]) == (
        "pat@linden.test",
        "Please check your calendar sync",
    )
    assert "Olive Linden asks you to check your calendar sync with Google" in letter.get_content()
    assert "http://localhost/sync/" in letter.get_content()


def test_a_question_that_is_settled_meanwhile_is_not_mailed(signed_in, linden, account, letters):
    signed_in(linden.olive).post(f"/health/accounts/{account.id}/nudges")
    Notice.settle(account, "sync_reminder", "well")
    assert letters.send() == []


@pytest.fixture
def remind(app, clock):
    """`remind(days=1)`: time goes on, and the chore runs twice, as with two clocks."""

    def run(**length):
        clock.now += timedelta(**length)
        with app.app_context():
            trouble.write_about_removals()
            trouble.write_about_removals()

    return run


def test_a_removal_that_is_not_done_after_a_day_is_told_once(remind, account, linden, letters):
    ending.begin_departure(account, linden.pat, "disconnect")
    remind(hours=23)
    assert letters.send() == []
    remind(hours=2)
    (letter,) = letters.send()
    assert letter["To"] == "pat@linden.test"
    assert letter["Subject"] == "Not everything is removed from Google yet"
    said = letter.get_content()
    assert "you stopped sync with Google" in said and "http://localhost/sync/" in said
    assert "home.test" not in said
    for _ in range(3):
        remind(days=3)
    assert letters.send() == []


def test_the_owner_gets_the_letter_about_a_person_who_left(remind, account, linden, letters):
    linden.pat.leave(linden.olive)
    ending.begin_departure(Account.get_by_id(account.id), None, "disconnect")
    remind(hours=25)
    (letter,) = letters.send()
    assert letter["To"] == "olive@linden.test"
    assert "sync with Google ended for Pat Linden" in letter.get_content()


def test_letters_tell_the_day_where_their_reader_works(
    tell, remind, account, linden, letters, clock
):
    """Auckland is twelve hours or more ahead of UTC: there it is the next day already."""
    for venue in Venue.select():
        kept = {name: getattr(venue, name) for name in ("name", "address", "hours")}
        venue.change(linden.olive, zone_name="Pacific/Auckland", **kept)
    clock.now = clock.now.replace(hour=20)
    Account.update(failing_since=clock.now).where(Account.id == account.id).execute()
    tell(minutes=2)
    (letter,) = letters.send()
    assert "Since 21 November" in letter.get_content()
    ending.begin_departure(Account.get_by_id(account.id), linden.pat, "disconnect")
    remind(hours=25)
    (letter,) = letters.send()
    assert "On 21 November you stopped sync" in letter.get_content()


@pytest.mark.parametrize("removes", [True, False])
def test_a_removal_that_is_over_is_not_told(remind, account, linden, letters, removes):
    ending.begin_departure(account, linden.pat, "disconnect", removes)
    if removes:
        ending.end_now(Account.get_by_id(account.id), linden.pat)
    remind(hours=25)
    assert letters.send() == []
