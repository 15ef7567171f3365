"""The faults to plant, as data: where, what becomes what, and the tests that have to notice.

It is not for planting them (see `__main__`). Each is a mistake that somebody could make. `old` must stand in the file
exactly once; when the code has changed, the fault has to be written anew.
"""

from __future__ import annotations

from tests.mutation.container_faults import CONTAINER_FAULTS
from tests.mutation.fault import Fault
from tests.mutation.go_faults import GO_FAULTS
from tests.mutation.local_faults import LOCAL_FAULTS
from tests.mutation.network_faults import NETWORK_FAULTS
from tests.mutation.node_faults import NODE_FAULTS
from tests.mutation.policy_faults import POLICY_FAULTS
from tests.mutation.reading_faults import READING_FAULTS
from tests.mutation.secrecy_faults import SECRECY_FAULTS

_PARITY = "tests/parity/test_pure_operations.py::test_twins_agree"
CHOOSE = f"{_PARITY}[choose_instance]"
MANIFEST = f"{_PARITY}[check_manifest]"
CONFIG = f"{_PARITY}[check_config]"
REFERENCE = f"{_PARITY}[parse_reference]"
CHALLENGES = f"{_PARITY}[parse_challenges]"
SOURCES = f"{_PARITY}[pull_sources]"
NAMES = f"{_PARITY}[short_name_candidates]"
CREDENTIALS = f"{_PARITY}[credentials_for]"
PROPERTIES = "tests/properties/test_choose_instance_properties.py"

FAULTS = (
    Fault(
        "two variants swapped",
        "documents/platforms.py",
        '"arm": ("v8", "v7", "v6", "v5")',
        '"arm": ("v7", "v8", "v6", "v5")',
        (CHOOSE,),
    ),
    Fault(
        "two variants swapped, by the properties alone",
        "documents/platforms.py",
        '"arm": ("v8", "v7", "v6", "v5")',
        '"arm": ("v7", "v8", "v6", "v5")',
        (PROPERTIES,),
    ),
    Fault(
        "zstd not preferred",
        "documents/choose.py",
        "return best is None or (_is_zstd(entry) and not _is_zstd(best))",
        "return best is None",
        (CHOOSE,),
    ),
    Fault(
        "zstd not preferred, by the properties alone",
        "documents/choose.py",
        "return best is None or (_is_zstd(entry) and not _is_zstd(best))",
        "return best is None",
        (PROPERTIES,),
    ),
    Fault(
        "entries without a platform never chosen",
        "documents/choose.py",
        "next((entry for entry in matching if entry is not None), self._without_platform)",
        "next((entry for entry in matching if entry is not None), None)",
        (CHOOSE,),
    ),
    Fault(
        "the last of equal entries chosen from a docker list",
        "documents/choose.py",
        'self._by_platform.setdefault(_key(entry.get("platform") or {}), entry)',
        'self._by_platform[_key(entry.get("platform") or {})] = entry',
        (CHOOSE,),
    ),
    Fault(
        "an exact variant required",
        "documents/platforms.py",
        'return (*lower, "")',
        "return lower[:1]",
        (CHOOSE,),
    ),
    Fault(
        "a duplicate key accepted",
        "documents/syntax/strict_json.py",
        "if len(found) != len(pairs):",
        "if len(found) > len(pairs):",
        (MANIFEST,),
    ),
    Fault(
        "a known field in another case accepted",
        "documents/syntax/strict_json.py",
        "                if fold(key) in by_folded:",
        "                if fold(key) in fields:",
        (MANIFEST,),
    ),
    Fault(
        "NaN accepted as a number",
        "documents/syntax/strict_json.py",
        '    raise ValueError(f"{name} is not a JSON value")',
        "    return 0.0",
        (MANIFEST, CONFIG),
    ),
    Fault(
        "a size that is a float accepted",
        "documents/syntax/strict_json.py",
        "if value is None or (type(value) is int and -(2**63) <= value < 2**63):",
        "if value is None or (type(value) in (int, float) and -(2**63) <= value < 2**63):",
        (CHOOSE, MANIFEST),
    ),
    Fault(
        "half a surrogate pair accepted",
        "documents/syntax/strict_json.py",
        "    if _has_lone_surrogate(text):",
        '    if _has_lone_surrogate("") and text:',
        (CONFIG, MANIFEST),
    ),
    Fault(
        "a digest not compared",
        "documents/manifest.py",
        '    if actual != digest:\n        raise mismatch("the manifest", digest, actual)',
        '    if len(actual) != len(digest):\n        raise mismatch("the manifest", digest, actual)',
        (MANIFEST,),
    ),
    Fault(
        "fields of another type of manifest accepted",
        "documents/manifest.py",
        "    if foreign:",
        "    if len(foreign) > 1:",
        (MANIFEST,),
    ),
    Fault(
        "a digest with upper-case hexadecimal accepted",
        "documents/digest.py",
        "sha256:[a-f0-9]{64}|",
        "sha256:[a-fA-F0-9]{64}|",
        (MANIFEST, CHOOSE),
    ),
    Fault(
        "a time in lower case accepted",
        "documents/syntax/timestamps.py",
        "(?:Z|([+-])",
        "(?:Z|z|([+-])",
        (CONFIG,),
    ),
    Fault(
        "a line end after a reference accepted",
        "configuration/reference.py",
        "match = _REFERENCE.fullmatch(text) if len(text) <= _TEXT_LIMIT else None",
        "match = _REFERENCE.fullmatch(text.rstrip()) if len(text) <= _TEXT_LIMIT else None",
        (REFERENCE,),
    ),
    Fault(
        "a tag kept beside a digest",
        "configuration/reference.py",
        'tag = "" if named.digest else named.tag or DEFAULT_TAG',
        'tag = named.tag or ("" if named.digest else DEFAULT_TAG)',
        (REFERENCE,),
    ),
    Fault(
        "a backslash in a quoted value not understood",
        "backends/python/network/challenge.py",
        'return "\\\\".join(part.replace("\\\\", "") for part in text.split("\\\\\\\\"))',
        "return text",
        (CHALLENGES,),
    ),
    Fault(
        "prefixes matched unanchored",
        "configuration/registries/registries_match.py",
        "    return _if_separated(reference, len(prefix))",
        "    return len(prefix)",
        (SOURCES,),
    ),
    Fault(
        "the first instead of the longest prefix",
        "configuration/registries/registries_conf.py",
        "longer = len(registry.prefix) > (len(found.prefix) if found else 0)",
        "longer = found is None",
        (SOURCES,),
    ),
    Fault(
        "mirrors of a blocked registry blocked",
        "configuration/registries/registries_conf.py",
        "own_entry = self.find_registry(physical.name)",
        "own_entry = registry",
        (SOURCES,),
    ),
    Fault(
        "mirrors for tags asked for digests",
        "configuration/registries/registries_conf.py",
        'if mirror.pull_from_mirror == "tag-only" and digested:',
        'if mirror.pull_from_mirror == "never" and digested:',
        (SOURCES,),
    ),
    Fault(
        "a drop-in file's search registries added instead of replacing",
        "configuration/registries/registries_conf.py",
        "search, search_file = file.unqualified_search_registries, path",
        "search, search_file = search + file.unqualified_search_registries, path",
        (NAMES,),
    ),
    Fault(
        "an alias applied to a digest with its tag",
        "configuration/registries/short_names.py",
        'suffix = f"@{given.digest}" if given.digest else f":{given.tag}"',
        'suffix = f":{given.tag}"',
        (NAMES,),
    ),
    Fault(
        "unpadded base64 accepted in an auth file",
        "configuration/auth/auth_files.py",
        "(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
        "(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=)?",
        (CREDENTIALS,),
    ),
    Fault(
        "NULs kept around a password",
        "configuration/auth/auth_files.py",
        'password.strip(b"\\0")',
        "password",
        (CREDENTIALS,),
    ),
    Fault(
        "credentials of a parent namespace not looked up",
        "configuration/auth/auth_files.py",
        "        if not slash:\n            return",
        "        if not slash or slash:\n            return",
        (CREDENTIALS,),
    ),
    *NETWORK_FAULTS,
    *POLICY_FAULTS,
    *LOCAL_FAULTS,
    *READING_FAULTS,
    *SECRECY_FAULTS,
    *CONTAINER_FAULTS,
    *NODE_FAULTS,
    *GO_FAULTS,
)
