"""Keys of the environment are taken out of texts, however they are written."""

import json
from base64 import b64encode
from urllib.parse import quote

import pytest

from midspec.keys import keys_of, without_keys

KEY = 'sk-canary/Zq9+Xw7=Yt5"LmN0pQ'
ENVIRON = {"OPENAI_API_KEY": KEY, "HOME": "/home/me", "SHORT_KEY": "none", "TOKENIZERS": "parallel"}


@pytest.mark.parametrize(
    "name",
    ["ANTHROPIC_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DB_PASSWORD"],
)
def test_a_key_is_known_by_its_variables_name(name: str) -> None:
    assert keys_of({name: KEY, "PATH": "/usr/bin:/opt/bin"}) == {name: KEY}


def test_what_is_no_key_stays() -> None:
    """A switch, a short value and the file that holds a key are none."""
    environ = {
        "TOKENIZERS_PARALLELISM": "falsehood",
        "A_KEY": "none",
        "SSL_KEY": "/etc/ssl/key.pem",
    }
    assert keys_of(environ) == {}


def test_a_key_may_begin_as_a_path_does() -> None:
    key = "/bPxRfiCYEXAMPLEKEYwJalrXUtnFEMIK7MDENG+"
    assert keys_of({"AWS_SECRET_ACCESS_KEY": key, "A_TOKEN": "/usr"}) == {
        "AWS_SECRET_ACCESS_KEY": key
    }


def test_a_secret_that_is_no_text_hinders_nothing() -> None:
    environ = {"DB_PASSWORD": "p\udce4sswort", "A_KEY": KEY}  # a byte that isn't UTF-8
    assert without_keys(f"a text with {KEY}", environ) == "a text with $A_KEY"
    assert without_keys("a text with p\udce4sswort", environ) == "a text with $DB_PASSWORD"


def test_a_password_in_an_address_is_a_key_and_the_address_none() -> None:
    environ = {"VLLM_BASE_URL": "https://me:pass-word-1@host/v1", "http_proxy": "http://host:80"}
    assert keys_of(environ) == {"VLLM_BASE_URL": "pass-word-1"}


@pytest.mark.parametrize(
    "written",
    [KEY, quote(KEY), quote(KEY, safe=""), json.dumps({"a": KEY}), f"Bearer {KEY}"],
)
def test_a_key_is_taken_out_as_it_is_and_as_urls_and_json_have_it(written: str) -> None:
    told = without_keys(f"400: {written}, again {written}", ENVIRON)
    assert told.count("$OPENAI_API_KEY") == 2
    assert "canary" not in told


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "Bearer "])
@pytest.mark.parametrize("after", ["", "z", "zz", "zzz"])
def test_a_key_is_taken_out_of_base64_wherever_it_stands_in_it(before: str, after: str) -> None:
    written = b64encode(f"{before}{KEY}{after}".encode()).decode()
    left = without_keys(written, ENVIRON).replace("$OPENAI_API_KEY", "")
    assert len(left) <= len(written) - 4 * (len(KEY) // 3) + 4
    assert left != written


def test_of_two_keys_the_longer_is_taken_out_first() -> None:
    environ = {"A_KEY": "abcdefgh", "B_KEY": "abcdefghijkl"}
    assert without_keys("abcdefghijkl abcdefgh", environ) == "$B_KEY $A_KEY"


def test_a_text_without_keys_is_the_same() -> None:
    text = "none of /home/me, nor parallel"
    assert without_keys(text, ENVIRON) is text


def test_a_key_of_words_stays_in_what_an_llm_wrote_and_in_nothing_else() -> None:
    """Servers without keys are given one such as "anything"."""
    environ = {"VLLM_API_KEY": "anything", "OPENAI_API_KEY": KEY}
    said = f"Ask me anything, but not for {KEY}."
    written = without_keys(said, environ, words_too=False)
    assert written == "Ask me anything, but not for $OPENAI_API_KEY."
    assert "anything" not in without_keys(said, environ)
