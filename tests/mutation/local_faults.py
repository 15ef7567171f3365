"""The faults to plant in what reads local layouts and the store, as data.

It is not for planting them (see `__main__`).
"""

from __future__ import annotations

from tests.mutation.fault import Fault

# Of either backend, as layouts and the store are read by the same code; the Go library is not in the copy.
LAYOUTS = "tests/boundary/test_local_layouts.py"
STORE = "tests/end_to_end/test_store.py"
LOCK = "tests/unit/layout/test_lock.py"
LOCKS = "tests/boundary/test_locks.py"

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
        "            self._stored.keep(image, timeout)",
        "            pass",
        (f"{STORE}::test_a_tag_costs_one_manifest_and_nothing_by_digest[python]",),
    ),
    Fault(
        "a lock waited for beyond its time",
        "layout/lock.py",
        "deadline = time.monotonic() + patience",
        "deadline = time.monotonic() + patience + 4",
        (LOCK,),
    ),
    Fault(
        "what is left of the deadline is not what the store's lock is waited for",
        "client.py",
        "self._image_for(platform, reference, read, left_of(deadline, began))",
        "self._image_for(platform, reference, read, None)",
        (f"{LOCKS}::test_an_image_is_there_within_the_deadline[python]",),
    ),
    Fault(
        "the same under asyncio",
        "async_client.py",
        "await self._kept(platform, reference, read, left_of(deadline, began))",
        "await self._kept(platform, reference, read, None)",
        (f"{LOCKS}::test_an_image_is_there_within_the_deadline_under_asyncio[python]",),
    ),
    Fault(
        "the store's lock waited for in asyncio's own threads",
        "async_client.py",
        "return await outcome(self._opened.here().threads.submit(blocking))",
        "import asyncio\n\n        return await asyncio.to_thread(blocking)",
        (f"{LOCKS}::test_a_lock_holds_up_neither_the_loops_threads_nor_its_end[python]",),
    ),
    Fault(
        "a lock that is held costs the image that was read",
        "layout/store.py",
        "        except DeadlineError as error:\n",
        "        except ZeroDivisionError as error:\n",
        (LOCK,),
    ),
    Fault(
        "a lock followed through a link",
        "layout/lock.py",
        "os.O_CLOEXEC | os.O_NOFOLLOW, 0o600",
        "os.O_CLOEXEC, 0o600",
        (LOCK,),
    ),
    Fault(
        "anybody can hold a layout's lock",
        "layout/lock.py",
        "os.O_NOFOLLOW, 0o600",
        "os.O_NOFOLLOW, 0o644",
        (LOCK,),
    ),
    Fault(
        "the lock of a node's images waited for without end",
        "node/storage/images_lock.py",
        "left = max(0.0, deadline - time.monotonic())",
        "left = 1e6",
        ("tests/unit/node/test_image_store.py::test_a_lock_that_another_process_keeps_is_waited_for_in_time",),
    ),
    Fault(
        "a bundle's parent waited for without the time there is",
        "cri/bundle.py",
        "new_directory(place, replace=replace, timeout=timeout)",
        "new_directory(place, replace=replace)",
        (f"{LOCKS}::test_the_command_ends_in_time[python-bundle]",),
    ),
)
