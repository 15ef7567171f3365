"""Names for the types that options and arguments take: for those who hand one on, and for type checkers.

It is not for checking values, which is done where each is used, nor loaded for it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from pycoco.documents.descriptor import Platform

BackendName: TypeAlias = Literal["go", "go-process", "python"]
"""A backend by its name, as `Client.backend` has it."""

BackendChoice: TypeAlias = Literal["auto", "go", "go-process", "python"]
"""The option `backend`: a name, or the first that works here."""

ShortNameMode: TypeAlias = Literal["enforcing", "permissive", "disabled"]
"""The option `short_names`, as registries.conf has its short-name-mode."""

Revalidation: TypeAlias = Literal["head"]
"""The option `revalidate`."""

TokenKind: TypeAlias = Literal["identity", "registry"]
"""What a `pycoco.Token` is: an OAuth2 refresh token, or a bearer token used as it is."""

BatchReference: TypeAlias = str | tuple[str, str | Platform | None]
"""What `inspect_many` takes many of: a reference, or a pair of a reference and the platform to choose for it."""
