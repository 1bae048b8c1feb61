"""The secret part of a private link's address, against values that another program computed."""

import pytest

from sync.feeds import feed

UUID = "5f0c7a52-9d9e-4b8e-8f6b-0a4f3d3d1c11"


@pytest.mark.parametrize(
    ("salt", "expected"),
    [
        ("c2FsdA", "uh0qCrGffNnI6py5eNEAfGuHKbG6C3K5PcdQTbg4pWI"),
        ("bmV4dA", "ZArAB97o3b6z4txD81ahwrrXwLf-uomxxpraf8wt_1A"),
    ],
)
def test_a_token_is_what_openssl_computes(salt, expected):
    """`printf %s 'kalends feed|UUID|SALT' | openssl dgst -sha256 -hmac 'a platform secret' -binary
    | basenc --base64url | tr -d =`: a program of another version must open the links of this one.
    """
    assert feed.token("a platform secret", UUID, salt) == expected


def test_another_secret_or_link_has_another_token():
    one = feed.token("a platform secret", UUID, "c2FsdA")
    assert one != feed.token("another secret", UUID, "c2FsdA")
    assert one != feed.token("a platform secret", UUID.replace("5", "6"), "c2FsdA")
