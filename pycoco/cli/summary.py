"""An image on a few lines, for a person. Nothing is shown that was not read."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from pycoco.image import Image
from pycoco.printable import printable

_OCI = "org.opencontainers.image"


def summary(image: Image, *, colour: bool = False) -> str:
    """Return the summary of one image, several lines without a final newline; with `colour`, names are dim."""
    dim, bold, plain = ("\x1b[2m", "\x1b[1m", "\x1b[0m") if colour else ("", "", "")
    lines = [f"{bold}{printable(image.reference)}{plain}"]
    lines += [f"  {dim}{name:<10}{plain} {printable(text)}" for name, text in _rows(image)]
    return "\n".join(lines)


def colour_wanted() -> bool:
    """Whether standard output is a terminal that shows colours, and nobody asked for none (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _rows(image: Image) -> Iterator[tuple[str, str]]:
    if image.index is None:
        yield "manifest", image.digest
        yield "platform", str(image.platform)
    else:
        platforms = [str(entry.platform or "") for entry in image.index.manifests if not entry.is_attestation]
        yield "index", "  ".join([image.digest, *filter(None, platforms)])
        yield "chosen", f"{image.platform}  {image.instance_digest}"
        others = _others(image)
        if others:
            yield "besides", others
    if image.config_digest:
        yield "config", image.config_digest
    if image.config.created:
        yield "created", image.config.created
    source = " ".join(filter(None, (image.labels.get(f"{_OCI}.{name}") for name in ("source", "revision", "version"))))
    if source:
        yield "source", source
    yield "runs", _runs(image)
    yield "layers", _layers(image)
    if image.index is not None and len(image.index.platforms) > 1:
        yield "size", f"{readable_size(image.layers_size)} for {image.platform}; --all-platforms has every platform's"
    if image.pull_source != image.reference:
        yield "served by", image.pull_source
    yield "policy", image.policy or "none checked; --policy checks one"
    if image.pinned:
        yield "pinned", image.pinned


def _others(image: Image) -> str:
    """What the index has besides images for a platform: attestations, artifacts by type, others without a platform."""
    found: Counter[str] = Counter()
    for entry in image.index.manifests if image.index else ():
        if entry.is_attestation:
            found["attestation"] += 1
        elif not str(entry.platform or ""):
            kind = f"artifact of type {entry.artifact_type}" if entry.artifact_type else "manifest without a platform"
            found[kind] += 1
    return ", ".join(_counted(count, name) for name, count in found.items())


def sizes(images: Sequence[tuple[str, Image | None]]) -> str:
    """Return the size of each platform's image, on lines; None is one that could not be read."""
    shown = [(name, readable_size(image.layers_size) if image else "not read", image) for name, image in images]
    wide, high = (max(map(len, column)) for column in zip(*((name, size) for name, size, _ in shown), strict=True))
    lines = [
        f"  {name:<{wide}}  {size:>{high}}" + (f"  {_counted(len(image.layers), 'layer')}" if image else "")
        for name, size, image in shown
    ]
    return "\n".join(["size by platform", *map(printable, lines)])


def _counted(count: int, name: str) -> str:
    first, _, rest = name.partition(" ")
    return f"{count} {first}{'' if count == 1 else 's'} {rest}".rstrip()


def _runs(image: Image) -> str:
    config = image.config
    command = " ".join([*(config.entrypoint or ()), *(config.cmd or ())]) or "no command"
    where = f" in {config.working_dir}" if config.working_dir else ""
    who = f" as {config.user}" if config.user else ""
    return f"{command}{where}{who}"


def _layers(image: Image) -> str:
    layers = image.layers
    encrypted = [layer for layer in layers if layer.encrypted]
    text = f"{len(layers)}, {readable_size(image.layers_size)}"
    if not encrypted:
        return f"{text}, none encrypted"
    how_many = "all" if len(encrypted) == len(layers) else str(len(encrypted))
    protocols: dict[str, None] = {}
    key_ids: dict[str, None] = {}
    for layer in encrypted:
        if layer.encryption is not None:
            protocols.update(dict.fromkeys(layer.encryption.protocols))
            key_ids.update(dict.fromkeys(layer.encryption.key_ids))
    text += f", {how_many} encrypted: {', '.join(protocols) or 'unknown protocol'}"
    if key_ids:
        text += f", key {', '.join(key_ids)}"
    if any(layer.encryption is not None and not layer.encryption.guest_can_decrypt for layer in encrypted):
        text += " (some of a type that a CoCo guest cannot decrypt)"
    return text


def readable_size(size: int) -> str:
    """Return a size in bytes with a decimal unit."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
