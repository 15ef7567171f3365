"""The faults to plant in what reads local layouts and the store, as data.

It is not for planting them (see `__main__`).
"""

from __future__ import annotations

from tests.mutation.fault import Fault

# Of either backend, as layouts and the store are read by the same code; the Go library is not in the copy.
LAYOUTS = "tests/boundary/test_local_layouts.py"
STORE = "tests/end_to_end/test_store.py"

LOCAL_FAULTS = (
    Fault(
        "any kind of file read from a layout",
        "layout/files.py",
        'raise LayoutError(f"{path!r} is not a regular file")',
        "pass",
        (f"{LAYOUTS}::test_what_stands_in_a_file_s_place[python-oci index-endless]",),
    ),
    Fault(
        "a layout's files read without a bound",
        "layout/files.py",
        "body = _read_at_most(descriptor, limit + 1)",
        "body = _read_at_most(descriptor, 1 << 26)[: limit + 1]\n        limit += 1",
        ("tests/unit/layout/test_oci.py",),
    ),
    Fault(
        "no deadline for a layout",
        "layout/local.py",
        "if timeout is not None:",
        "if timeout is None and timeout:",
        (f"{LAYOUTS}::test_the_deadline[python]",),
    ),
    Fault(
        "closing a client leaves a layout's reader waiting",
        "layout/local.py",
        "            reading.cancel()",
        "            pass",
        (f"{LAYOUTS}::test_closing_the_client_ends_the_wait[python]",),
    ),
    Fault(
        "the store answers under a policy",
        "backends/flows.py",
        "known if settings.policy is None else None",
        "known",
        (f"{STORE}::test_with_a_policy_the_registry_is_asked[python]",),
    ),
    Fault(
        "a damaged blob of the store believed",
        "layout/store.py",
        "if digests.of(body) != digest:\n            _log.warning",
        "if digests.of(body) == body:\n            _log.warning",
        ("tests/unit/layout/test_store.py",),
    ),
    Fault(
        "what was read is not kept",
        "base_client.py",
        "            self._stored.keep(image)",
        "            pass",
        (f"{STORE}::test_a_tag_costs_one_manifest_and_nothing_by_digest[python]",),
    ),
)
