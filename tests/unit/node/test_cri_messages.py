"""The CRI's messages, by the numbers of k8s.io/cri-api: bytes that the kubelet's own library wrote, and back."""

from __future__ import annotations

import base64

import pytest

from pycoco.node.cri_api import messages
from pycoco.node.cri_api.messages import CriImage, MessageError

# PullImageRequest{image: {image: "a/b:c", annotations: {k: v}}, auth: {username: u, password: p},
#   sandbox_config: {metadata: {name: n, uid: i, namespace: s}}}, field by field
WRITTEN = (
    b"\x0a\x0f\x0a\x05a/b:c\x12\x06\x0a\x01k\x12\x01v"
    b"\x12\x06\x0a\x01u\x12\x01p"
    b"\x1a\x0b\x0a\x09\x0a\x01n\x12\x01i\x1a\x01s"
)


def test_a_pull_as_the_kubelet_writes_it() -> None:
    found = messages.pull_request(WRITTEN)

    assert (found.image, found.namespace, found.pod_name, found.pod_uid) == ("a/b:c", "s", "n", "i")
    assert found.creds == ("u", "p")
    assert "u" not in repr(found).replace("Pull", "").replace("pod_uid", "").replace("runtime", "").replace(
        "Request", ""
    )


@pytest.mark.parametrize(
    ("auth", "creds"),
    [("user:pass:word", ("user", "pass:word")), ("user:word\0\0", ("user", "word")), ("no colon", None), (":p", None)],
)
def test_auth_is_taken_apart_as_crio_does(auth: str, creds: tuple[str, str] | None) -> None:
    encoded = base64.b64encode(auth.encode()).decode()
    made = messages._classes()["PullImageRequest"](image={"image": "a"}, auth={"username": "x", "auth": encoded})

    assert messages.pull_request(made.SerializeToString()).creds == creds


def test_bytes_that_are_no_message() -> None:
    for body in (b"\xff\xff", b"\x0a\x05ab"):
        with pytest.raises(MessageError):
            messages.pull_request(body)
    made = messages._classes()["PullImageRequest"](auth={"auth": "!"})
    with pytest.raises(MessageError, match="not base64"):
        messages.pull_request(made.SerializeToString())


def test_another_image_in_a_request_that_keeps_the_rest() -> None:
    unknown = b"\xa2\x06\x03new"  # field 100, which nobody knows
    asked = messages.image_request("ImageStatusRequest", "a:tag", verbose=True) + unknown

    changed = messages.with_image(asked, "a@digest")

    assert messages.asked_image("ImageStatusRequest", changed) == "a@digest"
    assert messages.is_verbose(changed)
    assert changed.endswith(unknown)


def test_an_image_there_and_back() -> None:
    for image in (
        CriImage("id", ("a:b",), ("a@c",), 5, 0, "", {"k": "v"}, True),
        CriImage("id", username="www", size=2**64 - 1),
    ):
        assert messages.status_image(messages.status_response(image, {"info": "x"})) == image
        listed = messages._classes()["ListImagesResponse"].FromString(messages.images_response([image, image])).images
        assert [messages._image(each) for each in listed] == [image, image]
    assert messages.status_image(messages.status_response(None)) is None
