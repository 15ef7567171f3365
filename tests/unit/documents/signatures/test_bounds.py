"""What strangers could send to keep a reader of signatures busy, or to end it, is refused after a little of it."""

from __future__ import annotations

import pytest

pytest.importorskip("pysequoia")

from pycoco.documents.signatures import certificates, openpgp, openpgp_framing, openpgp_keys, openpgp_signature
from pycoco.documents.signatures.invalid import InvalidSignatureError
from tests.support.signing import signers
from tests.support.signing.packets import (
    BINDING,
    LITERAL,
    MARKER,
    SIGNATURE,
    Key,
    announced,
    literal,
    packet,
    subpacket,
    whole,
)

MANY = 200_000
END = b"-----END X-----\n"


def test_packets_without_end() -> None:
    marker = packet(MARKER, b"")
    with pytest.raises(InvalidSignatureError, match="too many packets"):
        openpgp_framing.unwrapped(marker * MANY)
    # What follows a message is nobody's business, however much it is.
    assert len(openpgp_framing.unwrapped(literal(b"x") + marker * MANY)) == 1000


def test_a_packet_in_parts_without_end() -> None:
    with pytest.raises(InvalidSignatureError, match="too many parts"):
        openpgp_framing.unwrapped(bytes((0xC0 | LITERAL,)) + b"\xe0x" * MANY + b"\1x")


def test_signatures_within_signatures() -> None:
    key = Key()
    body = key.sign(b"x", BINDING)
    while len(body) < 60_000:
        body = key.sign(b"x", BINDING, more=subpacket(32, body))
    with pytest.raises(InvalidSignatureError, match="cross-signature has unexpected type"):
        openpgp_signature.parse(body)
    message = announced(key) + literal(b"x") + packet(SIGNATURE, body)
    with pytest.raises(InvalidSignatureError):
        openpgp.verify(message, [openpgp_keys.parse(whole(key))])


def test_certificates_without_end_stop_at_the_first_that_is_none() -> None:
    with pytest.raises(InvalidSignatureError, match="x509: error parsing"):
        certificates.parse_chain((b"-----BEGIN X-----\n" + END) * MANY)
    with pytest.raises(InvalidSignatureError, match="PEM decoding"):
        certificates.parse_chain(b"-----BEGIN X-----\n" * MANY)


def test_thousands_of_certificates_that_have_nothing_to_do_with_it() -> None:
    authority = signers.authority()
    leaf = next(each for each in authority.certified if each.name == "pki")
    chain = certificates.parse_chain(leaf.chain)
    useless = certificates.parse_chain(authority.other_root * 5_000)
    roots = certificates.parse_pool(authority.root)
    known = certificates.Authorities(roots, (*useless, *chain))
    certificates.verify(certificates.parse_leaf(leaf.leaf), known, signers.LOGGED)
