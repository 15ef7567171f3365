"""References: the grammar, normalisation and transports of pycoco.configuration.reference."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycoco.configuration.reference import (
    _UNREADABLE_TRANSPORTS,
    domain_and_path,
    parse,
    parse_canonical,
    parse_normalized,
    parse_reference,
)
from pycoco.configuration.values import ParsedReference
from pycoco.errors import InvalidReferenceError

DIGEST = "sha256:" + "a" * 64
SHA512 = "sha512:" + "f" * 128
HEX_64 = "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a"


@pytest.mark.parametrize(
    ("text", "domain", "name", "tag", "digest"),
    [
        ("test_com", "", "test_com", "", ""),
        ("test.com:tag", "", "test.com", "tag", ""),
        ("test.com:5000", "", "test.com", "5000", ""),
        ("test.com/repo:tag", "test.com", "test.com/repo", "tag", ""),
        ("test:5000/repo", "test:5000", "test:5000/repo", "", ""),
        (f"test:5000/repo@{DIGEST}", "test:5000", "test:5000/repo", "", DIGEST),
        (f"test:5000/repo:tag@{DIGEST}", "test:5000", "test:5000/repo", "tag", DIGEST),
        ("lowercase:Uppercase", "", "lowercase", "Uppercase", ""),
        ("Uppercase/lowercase:tag", "Uppercase", "Uppercase/lowercase", "tag", ""),
        ("a/" * 127 + "a:past-255-with-its-tag", "a", "a/" * 127 + "a", "past-255-with-its-tag", ""),
        ("sub-dom1.foo.com/bar/baz/quux:t", "sub-dom1.foo.com", "sub-dom1.foo.com/bar/baz/quux", "t", ""),
        ("xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com", "xn--n3h.com/myimage", "xn--n3h.com", ""),
        (f"xn--7o8h.com/m:t@{SHA512}", "xn--7o8h.com", "xn--7o8h.com/m", "t", SHA512),
        ("foo_bar.com:8080", "", "foo_bar.com", "8080", ""),
        ("foo/foo_bar.com:8080", "foo", "foo/foo_bar.com", "8080", ""),
        ("dock__er/docker---rules", "", "dock__er/docker---rules", "", ""),
        ("a.b_c/x", "", "a.b_c/x", "", ""),
        ("x:" + "t" * 128, "", "x", "t" * 128, ""),
        ("host.example:5000000000/x", "host.example:5000000000", "host.example:5000000000/x", "", ""),
    ],
)
def test_grammar(text: str, domain: str, name: str, tag: str, digest: str) -> None:
    named = parse(text)
    assert (named.domain, named.name, named.tag, named.digest) == (domain, name, tag, digest)
    assert named.text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":justtag",
        f"@{DIGEST}",
        "repo@sha256:" + "f" * 34,
        "repo@sha256:" + "F" * 64,
        "repo@SHA256:" + "f" * 64,
        "repo@sha512:" + "f" * 64,
        "repo@invaliddigest:" + "f" * 64,
        "Uppercase:tag",
        "test:5000/Uppercase/lowercase:tag",
        "a/" * 128 + "a:tag",
        "aa/asdf$$^/aa",
        "repo:" + "t" * 129,
        "repo:-tag",
        "repo:tag\n",
        "repo\n",
        f"repo@{DIGEST}\n",
        " repo",
        "repo ",
        "-docker/docker",
        "docker-/docker",
        "docker///docker",
        "____/____",
        "dock..er/docker",
        "dock_.er/docker",
        "dock-.er/docker",
        "docker/",
        "[::1]:5000/x",
        "host:port/x",
        "repo:tägged",
        "\u212aelvin/x",
        "repo\0",
    ],
)
def test_grammar_refuses(text: str) -> None:
    with pytest.raises(InvalidReferenceError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("ubuntu", "docker.io/library/ubuntu"),
        ("library/ubuntu", "docker.io/library/ubuntu"),
        ("docker.io/ubuntu", "docker.io/library/ubuntu"),
        ("index.docker.io/ubuntu:t", "docker.io/library/ubuntu:t"),
        ("index.docker.io/library/ubuntu", "docker.io/library/ubuntu"),
        ("fooo/bar", "docker.io/fooo/bar"),
        ("library/foo/bar", "docker.io/library/foo/bar"),
        ("127.0.0.1:8000/private/moonbase", "127.0.0.1:8000/private/moonbase"),
        ("localhost/x", "localhost/x"),
        ("localhost", "docker.io/library/localhost"),
        ("host:5000/x", "host:5000/x"),
        ("Example.COM/x", "Example.COM/x"),
        (f"busybox:t@{DIGEST}", f"docker.io/library/busybox:t@{DIGEST}"),
        (f"docker.io/{HEX_64}", f"docker.io/library/{HEX_64}"),
        ("docker.io/" + "a" * 237, "docker.io/library/" + "a" * 237),
    ],
)
def test_normalisation(text: str, full: str) -> None:
    assert parse_normalized(text).text == full
    assert parse_canonical(full).text == full


@pytest.mark.parametrize(
    "text",
    [
        HEX_64,
        "UPPER/x",
        "docker/Docker",
        "docker.io/docker/Docker",
        "https://github.com/docker/docker",
        "docker.io/" + "a" * 238,
        "",
    ],
)
def test_normalisation_refuses(text: str) -> None:
    with pytest.raises(InvalidReferenceError):
        parse_normalized(text)


@pytest.mark.parametrize("text", ["ubuntu", "docker.io/ubuntu:t", "index.docker.io/library/ubuntu"])
def test_canonical_refuses_what_normalising_would_change(text: str) -> None:
    with pytest.raises(InvalidReferenceError, match=r"write docker\.io/library/ubuntu"):
        parse_canonical(text)


def docker(domain: str, path: str, tag: str = "", digest: str = "", *, short: bool = False) -> ParsedReference:
    name = f"{domain}/{path}" if domain else path
    text = f"{name}@{digest}" if digest else f"{name}:{tag}"
    return ParsedReference("docker", text, domain, path, tag, digest, short=short)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # As CRI-O: a name without registry stays short, a digest displaces the tag.
        ("fedora", docker("", "fedora", "latest", short=True)),
        ("fedora:41", docker("", "fedora", "41", short=True)),
        ("library/fedora", docker("", "library/fedora", "latest", short=True)),
        (f"fedora@{DIGEST}", docker("", "fedora", digest=DIGEST, short=True)),
        (f"fedora:41@{DIGEST}", docker("", "fedora", digest=DIGEST, short=True)),
        ("UPPER/x", docker("", "UPPER/x", "latest", short=True)),
        ("localhost", docker("", "localhost", "latest", short=True)),
        ("localhost/x", docker("localhost", "x", "latest")),
        ("host:5000/x", docker("host:5000", "x", "latest")),
        ("index.docker.io/x", docker("docker.io", "library/x", "latest")),
        (f"quay.io/x:tag@{DIGEST}", docker("quay.io", "x", digest=DIGEST)),
        (f"quay.io/x@{SHA512}", docker("quay.io", "x", digest=SHA512)),
        ("docker:dind", docker("", "docker", "dind", short=True)),
        # As skopeo: never short.
        ("docker://fedora", docker("docker.io", "library/fedora", "latest")),
        (f"docker://fedora@{DIGEST}", docker("docker.io", "library/fedora", digest=DIGEST)),
        ("docker://quay.io/a/b:c", docker("quay.io", "a/b", "c")),
        # Local.
        ("oci:dir", ParsedReference("oci", "oci:dir", path="dir")),
        ("oci:dir:", ParsedReference("oci", "oci:dir:", path="dir")),
        ("oci:/a/dir:v1.0-x", ParsedReference("oci", "oci:/a/dir:v1.0-x", path="/a/dir", image="v1.0-x")),
        ("oci:dir:a.b/c:tag", ParsedReference("oci", "oci:dir:a.b/c:tag", path="dir", image="a.b/c:tag")),
        ("oci:dir:@07", ParsedReference("oci", "oci:dir:@07", path="dir", image="@07")),
        ("dir:/a:b", ParsedReference("dir", "dir:/a:b", path="/a:b")),
        ("oci-archive:f.tar:t", ParsedReference("oci-archive", "oci-archive:f.tar:t", path="f.tar", image="t")),
        ("docker-archive:f:x", ParsedReference("docker-archive", "docker-archive:f:x", path="f", image="x")),
        ("docker-archive:f:@0", ParsedReference("docker-archive", "docker-archive:f:@0", path="f", image="@0")),
        ("docker-archive:f", ParsedReference("docker-archive", "docker-archive:f", path="f")),
    ],
)
def test_transports(text: str, expected: ParsedReference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "give the name"),
        (HEX_64, "image's id"),
        ("UPPER", "lower case"),
        ("quay.io/UPPER", "lower case"),
        ("quay.io/x\n", "write REGISTRY"),
        ("https://quay.io/x", "leave out https://"),
        ("quay.io/" + "a" * 248, "at most 255"),
        (f"docker://x:tag@{DIGEST}", "not both"),
        ("docker://x@@unknown-digest@@", "tag or a digest"),
        ("x@@unknown-digest@@", "write REGISTRY"),
        (f"docker://{HEX_64}", "image's id"),
        ("docker://", "not an image reference"),
        ("containers-storage:x", "oci:DIR"),
        ("docker-daemon:x:latest", "oci:DIR"),
        ("sif:x", "oci:DIR"),
        ("tarball:x", "oci:DIR"),
        ("oci:", "path"),
        ("oci::tag", "path"),
        ("dir:", "path"),
        ("oci:dir:@-1", "from 0"),
        ("oci:dir:@x", "from 0"),
        ("oci:dir:bad tag", "tag"),
        ("oci-archive:f:@0", "tag"),
        ("docker-archive:f:", "not an image reference"),
        (f"docker-archive:f:x@{DIGEST}", "digest"),
        (f"docker-archive:f:x:t@{DIGEST}", "digest"),
    ],
)
def test_refusals_say_what_to_do(text: str, advice: str) -> None:
    with pytest.raises(InvalidReferenceError, match=advice):
        parse_reference(text)


@pytest.mark.parametrize("length", [254, 255])
def test_longest_names(length: int) -> None:
    path = "a" * (length - len("quay.io/"))
    assert parse_reference(f"quay.io/{path}").path == path


@pytest.mark.parametrize("text", ["https://user:secret@quay.io/x", "user:secret@quay.io/x", "docker://u:secret@h/x"])
def test_a_password_is_not_repeated(text: str) -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        parse_reference(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("unit", ["a", "a-", "a.a_", "a/", "A", "a--a__"])
def test_a_long_text_is_refused_quickly(unit: str) -> None:
    start = time.perf_counter()
    for length in (250, 900, 100_000):
        with pytest.raises(InvalidReferenceError):
            parse_reference((unit * length)[:length] + "!")
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("test.com/foo", ("test.com", "foo")),
        ("test_com/foo", ("", "test_com/foo")),
        ("test-com:8080/foo", ("test-com:8080", "foo")),
        ("library/fedora", ("library", "fedora")),
        ("fedora", ("", "fedora")),
        ("not a name", ("", "not a name")),
    ],
)
def test_domain_and_path(name: str, parts: tuple[str, str]) -> None:
    assert domain_and_path(name) == parts


TRANSPORTS = {"oci", "oci-archive", "docker-archive", "dir", *_UNREADABLE_TRANSPORTS}


@given(st.text(st.sampled_from("aB0.:/@-_ \n") | st.characters(), max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parsed = parse_reference(text)
    except InvalidReferenceError:
        return
    assert parsed.transport != "docker" or bool(parsed.tag) != bool(parsed.digest)
    if parsed.short and parsed.path in TRANSPORTS:
        return  # "oci" is a name; "oci:latest", as its whole text would be, a layout
    assert parse_reference(parsed.text) == parsed
