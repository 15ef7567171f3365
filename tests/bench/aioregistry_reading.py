"""aioregistry, a library for asyncio: reading an image, one after the other or many at once in one event loop.

It has a room of its own because the other libraries are called from threads (see `contenders`). It verifies no digest.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from tests.bench.setting import Access, Setting

Read = Callable[[str], Awaitable[bytes]]

NAME = "aioregistry"


@contextlib.asynccontextmanager
async def opened(setting: Setting, access: Access) -> AsyncIterator[Read]:
    """Open its client, and yield how it reads the config of a reference."""
    warnings.simplefilter("ignore")  # it uses what pydantic calls deprecated
    from aioregistry import AsyncRegistryClient, RegistryBlobRef, RegistryManifestRef, parse_image_name
    from aioregistry.auth import DictCredentialStore

    scheme = "https" if access.secured else "http"
    context = ssl.create_default_context(cafile=setting.authority) if access.secured else None
    credentials = {f"{scheme}://{access.host}": (access.user, access.password)} if access.secured else {}
    authenticated: dict[str, asyncio.Lock] = {}
    ready: set[str] = set()
    async with AsyncRegistryClient(creds=DictCredentialStore(credentials), ssl_context=context) as client:

        async def read_one(top: RegistryManifestRef) -> bytes:
            index = await client.manifest_download(top)
            (chosen,) = [entry for entry in index.manifests if entry.platform.architecture == "amd64"]
            manifest = await client.manifest_download(
                RegistryManifestRef(registry=top.registry, repo=top.repo, ref=chosen.digest)
            )
            blob = RegistryBlobRef(registry=top.registry, repo=top.repo, ref=manifest.config.digest)
            _, chunks = await client.ref_content_stream(blob)
            return b"".join([chunk async for chunk in chunks])

        async def read(reference: str) -> bytes:
            # As the other libraries: one image of a repository gets the token before the others ask.
            top = parse_image_name(f"{scheme}://{reference}")
            name = "/".join(top.repo)
            if name in ready:
                return await read_one(top)
            async with authenticated.setdefault(name, asyncio.Lock()):
                found = await read_one(top)
            ready.add(name)
            return found

        yield read


async def read_all(setting: Setting, access: Access, references: Iterable[str], concurrency: int) -> None:
    """Read every reference, `concurrency` at a time. Raises RuntimeError where a config is missing."""
    waiting = iter(references)

    async def work(read: Read) -> None:
        for reference in waiting:
            if not await read(reference):
                raise RuntimeError(f"{reference} has no config")

    async with opened(setting, access) as read:
        await asyncio.gather(*(work(read) for _ in range(concurrency)))


async def timed(setting: Setting, access: Access, reference: str, loops: int) -> float:
    """Seconds that reading one reference takes, `loops` times, by a client that has read it before."""
    async with opened(setting, access) as read:
        await read(reference)
        start = time.perf_counter()
        for _ in range(loops):
            if not await read(reference):
                raise RuntimeError(f"{reference} has no config")
        return time.perf_counter() - start
