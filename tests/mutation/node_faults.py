"""Faults of what a node has: records in CRI-O's storage, and the image service.

It is not for what is read of an image (see `faults` and its other tables).
"""

from __future__ import annotations

from tests.mutation.fault import Fault

_UNIT = "tests/unit/node"
_STORE = f"{_UNIT}/test_image_store.py"

NODE_FAULTS = (
    Fault(
        "a record without the mark that others have to read anew",
        "node/storage/image_store.py",
        "                    lock.record_write()\n                    self._replace_images_json(changed)\n",
        "                    self._replace_images_json(changed)\n",
        (f"{_STORE}::test_other_users_of_the_store_are_told_to_read_again",),
    ),
    Fault(
        "a record in the place of an image with layers",
        "node/storage/image_store.py",
        "                if full is not None:\n",
        "                if full is not None and not full.layer:\n",
        (f"{_STORE}::test_an_image_with_layers_of_that_name_and_config_stays",),
    ),
    Fault(
        "the config's id for an encrypted image",
        "node/storage/image_record.py",
        '        id=instance.partition(":")[2],\n',
        '        id=config_digest.partition(":")[2],\n',
        (f"{_STORE}::test_c_storage_reads_what_it_would_have_written",),
    ),
    Fault(
        "signatures forgotten by a namespace that wants none",
        "node/storage/image_record.py",
        '            if SIGNATURES_KEY in self.items or SIGNATURES_KEY not in (fields.get("big-data-names") or ()):\n',
        "            if True:\n",
        (f"{_STORE}::test_signatures_stay_when_a_policy_that_wants_none_reads_the_image_again",),
    ),
    Fault(
        "a name that two images have",
        "node/storage/images_json.py",
        "_without_names(each, taken)",
        "each",
        (f"{_STORE}::test_an_image_with_layers_of_another_config_loses_the_name",),
    ),
    Fault(
        "a time that Go cannot read",
        "node/storage/images_json.py",
        '    "created": timestamp,\n',
        '    "created": string,\n',
        (f"{_STORE}::test_a_file_that_is_not_as_c_storage_writes_it_is_refused_and_left",),
    ),
    Fault(
        "a lock that threads share",
        "node/storage/images_lock.py",
        "_OFD_SETLK = 37",
        "_OFD_SETLK = 6",
        (f"{_STORE}::test_the_lock_excludes_threads_and_outlives_a_descriptor_of_its_file",),
    ),
    Fault(
        "workers that look into one another",
        "node/service/confinement.py",
        "    _prctl(libc, _PR_SET_DUMPABLE, 0)\n",
        "    _prctl(libc, _PR_SET_DUMPABLE, 1)\n",
        (f"{_UNIT}/test_confinement.py",),
    ),
    Fault(
        "root's groups kept",
        "node/service/confinement.py",
        "    os.setgroups([])\n",
        "",
        (f"{_UNIT}/test_confinement.py",),
    ),
    Fault(
        "a worker believed that answers a digest with another image",
        "node/service/reader.py",
        "    if asked and asked != fetched.digest:\n",
        "    if asked and not fetched.digest:\n",
        (f"{_UNIT}/test_reader.py",),
    ),
    Fault(
        "modules of the working directory run by the worker",
        "node/service/reader.py",
        "sys.path[:] = sys.argv[4:]; from",
        "from",
        (f"{_UNIT}/test_reader.py::test_modules_in_the_working_directory_are_not_run",),
    ),
    Fault(
        "a caller that goes and takes the others' read along",
        "node/service/shared_calls.py",
        "                if not self._waiting[key]:\n",
        "                if self._waiting[key] < 2:\n",
        (f"{_UNIT}/test_shared_calls.py",),
    ),
    Fault(
        "a pod's older sandbox",
        "node/service/sandboxes.py",
        "    newest = max(sandboxes,",
        "    newest = min(sandboxes,",
        (f"{_UNIT}/test_sandboxes.py",),
    ),
    Fault(
        "credentials of a file that CRI-O does not look at",
        "node/service/pull_credentials.py",
        "{} if missing else",
        "{} if not sources else",
        (f"{_UNIT}/test_pull_credentials.py",),
    ),
    Fault(
        "a record removed whose image is just being pulled",
        "node/service/server.py",
        "suspected & broken",
        "broken",
        (f"{_UNIT}/test_crio_watch.py",),
    ),
    Fault(
        "images of an imagestore looked for in the root",
        "node/crio_config.py",
        "self.imagestore or self.root",
        "self.root",
        (f"{_UNIT}/test_crio_config.py",),
    ),
)
