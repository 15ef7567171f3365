"""What holds of every choice from an index, for both backends, whatever the index.

It is not for comparing the backends with each other (see tests/parity). Each test's first line is the property.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as hypothesis_strategies

from pycoco.backends import contract
from pycoco.backends.go.backend import GoBackend
from pycoco.backends.python.backend import PythonBackend
from pycoco.configuration.settings import Settings
from pycoco.documents import media_types
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import NoMatchingPlatformError, PycocoError
from tests.strategies import json_documents
from tests.strategies.choices import Choices, Drawn
from tests.strategies.indexes import ZSTD

bounded = settings(max_examples=150, derandomize=True, deadline=None, database=None)

_ARCHITECTURES = ("amd64", "arm64", "arm", "s390x")
_VARIANTS = ("", "v8", "v7", "v6", "v5", "v3")
_TYPES = hypothesis_strategies.sampled_from((media_types.OCI_INDEX, media_types.DOCKER_LIST))

Entry = dict[str, Any]


def _digest(number: int) -> str:
    return f"sha256:{number:064x}"


def _entries(choices: Choices) -> list[Entry]:
    """Entries with a platform each and digests of their own: nothing here can be refused."""
    entries: list[Entry] = []
    for number in range(1 + choices.below(8)):
        platform = {"os": choices.pick(("linux", "windows")), "architecture": choices.pick(_ARCHITECTURES)}
        variant = choices.pick(_VARIANTS)
        entry: Entry = {
            "mediaType": media_types.OCI_MANIFEST,
            "digest": _digest(number),
            "size": 1,
            "platform": {**platform, "variant": variant} if variant else platform,
        }
        if choices.chance(4):
            entry["annotations"] = {ZSTD: "true"}
        entries.append(entry)
    return entries


def _platform(choices: Choices) -> RequestedPlatform:
    return RequestedPlatform("linux", choices.pick(_ARCHITECTURES), choices.pick(_VARIANTS))


def _question(choices: Choices) -> tuple[list[Entry], RequestedPlatform]:
    """Entries, and a platform that is likely to be found among them."""
    entries = _entries(choices)
    own = _requested(choices.pick(entries))
    return entries, RequestedPlatform(own.os, own.architecture, choices.pick(("", own.variant, *_VARIANTS)))


entries_of_indexes = Drawn(_entries, 64).strategy
platforms = Drawn(_platform, 2).strategy
questions = Drawn(_question, 68).strategy
numbers = hypothesis_strategies.integers(0, 1000)

Choose = Callable[[list[Entry], str, RequestedPlatform], str | None]


@pytest.fixture(scope="module", params=["go", "python"])
def choose(request: pytest.FixtureRequest) -> Iterator[Choose]:
    """Choose from entries with one of the backends: a digest, or None if no entry matches."""
    backend: contract.Backend = GoBackend() if request.param == "go" else PythonBackend()
    session = backend.open(Settings())

    def one(entries: list[Entry], media_type: str, platform: RequestedPlatform) -> str | None:
        document = json_documents.text({"schemaVersion": 2, "mediaType": media_type, "manifests": entries})
        answer: str | PycocoError = session.choose_instance(document, media_type, [platform])[0]
        if isinstance(answer, NoMatchingPlatformError):
            return None
        assert isinstance(answer, str), answer
        return answer

    yield one
    session.close()


def _of(entries: list[Entry], digest: str) -> Entry:
    return next(entry for entry in entries if entry["digest"] == digest)


def _requested(entry: Entry) -> RequestedPlatform:
    platform = entry["platform"]
    return RequestedPlatform(platform["os"], platform["architecture"], platform.get("variant", ""))


@bounded
@given(entries=entries_of_indexes, media_type=_TYPES, platform=platforms)
def test_one_of_its_own(choose: Choose, entries: list[Entry], media_type: str, platform: RequestedPlatform) -> None:
    """The choice is one of the index's own digests."""
    assert choose(entries, media_type, platform) in {None, *(entry["digest"] for entry in entries)}


@bounded
@given(question=questions, media_type=_TYPES)
def test_os_and_architecture(choose: Choose, question: tuple[list[Entry], RequestedPlatform], media_type: str) -> None:
    """The choice has the operating system and the architecture that were asked for."""
    entries, platform = question
    chosen = choose(entries, media_type, platform)
    assume(chosen)
    found = _requested(_of(entries, chosen or ""))
    assert (found.os, found.architecture) == (platform.os, platform.architecture)


@bounded
@given(entries=entries_of_indexes, media_type=_TYPES, platform=platforms, at=numbers)
def test_entries_that_cannot_match(
    choose: Choose, entries: list[Entry], media_type: str, platform: RequestedPlatform, at: int
) -> None:
    """The choice is unchanged by entries that cannot match, wherever they stand."""
    unknown = {"architecture": "unknown", "os": "unknown"}
    other = {"architecture": "riscv64", "os": "linux"}
    stranger = {"mediaType": media_types.OCI_MANIFEST, "digest": _digest(99), "size": 1}
    more = list(entries)
    more.insert(at % (len(more) + 1), {**stranger, "platform": unknown})
    more.insert(at % (len(more) + 1), {**stranger, "platform": other})
    more.insert(at % (len(more) + 1), {**stranger, "platform": {}})
    assert choose(more, media_type, platform) == choose(entries, media_type, platform)


@bounded
@given(
    entries=entries_of_indexes, media_type=_TYPES, variant=hypothesis_strategies.sampled_from(_VARIANTS[1:]), at=numbers
)
def test_exact_variant(choose: Choose, entries: list[Entry], media_type: str, variant: str, at: int) -> None:
    """An entry with exactly the variant asked for beats every other variant, wherever it stands."""
    exact = {"os": "linux", "architecture": "arm", "variant": variant}
    more = list(entries)
    more.insert(at % (len(more) + 1), {"digest": _digest(99), "size": 1, "mediaType": "", "platform": exact})
    chosen = choose(more, media_type, RequestedPlatform("linux", "arm", variant))
    assert _of(more, chosen or "")["platform"] == exact


@bounded
@given(question=questions, media_type=_TYPES, order=hypothesis_strategies.randoms())
def test_order(choose: Choose, question: tuple[list[Entry], RequestedPlatform], media_type: str, order: Any) -> None:
    """Order decides only among equals: shuffled, the choice has the same platform, and in an OCI index stays zstd."""
    entries, platform = question
    chosen = choose(entries, media_type, platform)
    assume(chosen)
    shuffled = order.sample(entries, len(entries))
    again = choose(shuffled, media_type, platform)
    before, after = _of(entries, chosen or ""), _of(entries, again or "")
    assert before["platform"] == after["platform"]
    if media_type == media_types.OCI_INDEX:
        assert before.get("annotations") == after.get("annotations")


@bounded
@given(entries=entries_of_indexes, media_type=_TYPES, at=numbers)
def test_chosen_for_itself(choose: Choose, entries: list[Entry], media_type: str, at: int) -> None:
    """Asking for an entry's own platform chooses an entry of that platform."""
    entry = entries[at % len(entries)]
    chosen = choose(entries, media_type, _requested(entry))
    assert _of(entries, chosen or "")["platform"] == entry["platform"]


@bounded
@given(question=questions, media_type=_TYPES)
def test_same_question_same_answer(
    choose: Choose, question: tuple[list[Entry], RequestedPlatform], media_type: str
) -> None:
    """Asking for the chosen entry's platform chooses that platform again: a choice is a fixed point."""
    entries, platform = question
    chosen = choose(entries, media_type, platform)
    assume(chosen)
    own = _of(entries, chosen or "")
    assert _of(entries, choose(entries, media_type, _requested(own)) or "")["platform"] == own["platform"]


@bounded
@given(question=questions, media_type=_TYPES)
def test_removing_the_others(choose: Choose, question: tuple[list[Entry], RequestedPlatform], media_type: str) -> None:
    """The chosen entry would be chosen as well if it were alone."""
    entries, platform = question
    chosen = choose(entries, media_type, platform)
    assume(chosen)
    assert choose([_of(entries, chosen or "")], media_type, platform) == chosen


@bounded
@given(entries=entries_of_indexes, platform=platforms, at=numbers)
def test_without_a_platform(choose: Choose, entries: list[Entry], platform: RequestedPlatform, at: int) -> None:
    """An entry without a platform is chosen from an OCI index if no other matches, and only then."""
    bare = {"mediaType": media_types.OCI_MANIFEST, "digest": _digest(99), "size": 1}
    more = list(entries)
    more.insert(at % (len(more) + 1), bare)
    without = choose(entries, media_types.OCI_INDEX, platform)
    assert choose(more, media_types.OCI_INDEX, platform) == (without or bare["digest"])
    assert choose(more, media_types.DOCKER_LIST, platform) == choose(entries, media_types.DOCKER_LIST, platform)


@bounded
@given(question=questions)
def test_zstd(choose: Choose, question: tuple[list[Entry], RequestedPlatform]) -> None:
    """Among an OCI index's entries of the chosen platform zstd goes first; in a docker list the first entry does."""
    entries, platform = question
    chosen = choose(entries, media_types.OCI_INDEX, platform)
    assume(chosen)
    equals = [entry for entry in entries if entry["platform"] == _of(entries, chosen or "")["platform"]]
    zstd = [entry for entry in equals if "annotations" in entry]
    assert chosen == (zstd or equals)[0]["digest"]
    assert choose(entries, media_types.DOCKER_LIST, platform) == equals[0]["digest"]


@bounded
@given(entries=entries_of_indexes, media_type=_TYPES)
def test_never_higher(choose: Choose, entries: list[Entry], media_type: str) -> None:
    """For a variant of ARM no higher variant is chosen: a v6 core does not get v7 or v8."""
    order = ("v8", "v7", "v6", "v5", "")
    for wanted in order[:-1]:
        chosen = choose(entries, media_type, RequestedPlatform("linux", "arm", wanted))
        found = _of(entries, chosen)["platform"].get("variant", "") if chosen else ""
        assert order.index(found) >= order.index(wanted)


@bounded
@given(entries=entries_of_indexes, media_type=_TYPES, platform=platforms)
def test_how_it_is_written(choose: Choose, entries: list[Entry], media_type: str, platform: RequestedPlatform) -> None:
    """Members in another order and unknown ones change nothing."""
    rewritten = [json.loads(json.dumps({"x": [1], **dict(reversed(entry.items()))})) for entry in entries]
    assert choose(rewritten, media_type, platform) == choose(entries, media_type, platform)
