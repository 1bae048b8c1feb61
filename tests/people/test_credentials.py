"""One-time links and the brake on guessing, when many come at once."""

import threading

from races import ROUNDS, at_once

from models import User
from people.credentials import OneTimeToken, Throttle


def test_tries_made_at_once_all_count(db):
    assert at_once(*[lambda n: Throttle.fail("key", free=5)] * 3) == []
    assert Throttle.get_by_id("key").failures == 3 * ROUNDS
    assert Throttle.wait_seconds(["key"]) > 3500


def test_only_one_of_two_uses_of_a_one_time_token_sets_the_password(linden):
    secrets = [
        OneTimeToken.issue(person, "reset", None, days=1) for person in (linden.pat, linden.maya)
    ]
    both_are_in, won = threading.Barrier(2), []

    def use(number):
        def job(n):
            if n < len(secrets):
                link = OneTimeToken.find(secrets[n])
                both_are_in.wait(10)
                if link.use(f"a long password {number}"):
                    won.append((link.user_id, number))

        return job

    assert at_once(use(1), use(2)) == []
    assert [user for user, _ in won] == [linden.pat.id, linden.maya.id]
    assert all(
        User.get_by_id(user).check_password(f"a long password {number}") for user, number in won
    )
