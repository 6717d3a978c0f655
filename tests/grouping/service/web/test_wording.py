import re

import pytest

from grouping.errors import FetchError
from grouping.service.jobs.progress import failures_of
from grouping.service.web.wording import OPERATOR, for_callers
from grouping.sources.web.allowed_addresses import AddressPolicy
from tests.helpers.paths import ROOT

SAYS = re.compile(r"(?<![\w-])--[a-z]")


def refusal():
    """What the program itself says of a private address."""
    with pytest.raises(FetchError) as raised:
        AddressPolicy().resolve("127.0.0.1", 443)
    return str(raised.value)


def test_a_caller_reads_of_no_option():
    message = refusal()
    assert "--allow-host" in message
    told = for_callers(message)
    assert told == f"refused: 127.0.0.1 is at a private or reserved address; {OPERATOR}"
    document = {"images": [{"error": message}, {"error": message}, {}]}
    assert failures_of(document) == {told: 2}


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("there is no such bucket", "there is no such bucket"),
        ("no face; send another (or two)", "no face; send another (or two)"),
        ("took over 5 seconds (--photo-seconds)", f"took over 5 seconds; {OPERATOR}"),
        (
            "the cache cannot be used; name one with --cache",
            f"the cache cannot be used; {OPERATOR}",
        ),
        ("name another with --cache", OPERATOR),
        ("it -- well -- failed; a--b", "it -- well -- failed; a--b"),
    ],
)
def test_only_what_names_an_option_goes(message, told):
    assert for_callers(message) == told


def test_no_message_of_the_program_that_names_options_gets_through():
    """Every string of the program with an option in it, whoever is told of it."""
    texts = [
        text
        for path in (ROOT / "grouping").rglob("*.py")
        if "cli" not in path.parts
        for text in re.findall(r'"([^"\n]*)"', path.read_text("utf-8"))
        if SAYS.search(text)
    ]
    assert len(texts) > 10
    assert [text for text in texts if SAYS.search(for_callers(text))] == []
