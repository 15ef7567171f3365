"""Faults in what is less than an image, or more: digests by HEAD, tags, manifests, platforms, referrers, credentials.

It is not for planting them (see `__main__`).
"""

from __future__ import annotations

from tests.mutation.fault import Fault

MATRIX = "tests/parity/matrix/test_other_readings.py"
TAGS = "tests/parity/matrix/test_tag_lists.py"
PYTHON = "tests/unit/python/test_other_readings.py"
REFERRERS = "tests/unit/python/test_referrers.py"
KUBERNETES = "tests/unit/configuration/auth/test_kubernetes.py"
STORE = "tests/end_to_end/test_store.py"
UNBOUNDED = "tests/end_to_end/test_unbounded_answers.py"
VALUES = "tests/unit/test_image_values.py"
PROPERTIES = "tests/properties/test_image_properties.py"
GIVEN = "tests/boundary/test_given_credentials.py"
CRIO = "tests/unit/configuration/auth/test_crio.py"
REAL = "tests/end_to_end/test_other_readings.py"
ADVICE = "tests/boundary/test_advice.py"

READING_FAULTS = (
    Fault(
        "a digest of any algorithm believed of a HEAD",
        "backends/python/registry/docker_source.py",
        'if not digest.startswith("sha256:") or not digests.is_valid(digest):',
        "if not digests.is_valid(digest):",
        (MATRIX,),
    ),
    Fault(
        "a HEAD that is not allowed taken for an error",
        "backends/python/registry/docker_source.py",
        "if answer.status == 405:",
        "if answer.status == 501:",
        (MATRIX,),
    ),
    Fault(
        "a size told by HEAD of any length believed",
        "backends/python/registry/docker_source.py",
        'pattern(r"[0-9]{1,15}", re.ASCII)',
        'pattern(r"[0-9]+", re.ASCII)',
        (MATRIX,),
    ),
    Fault(
        "a media type told by HEAD kept as it was sent",
        "backends/python/registry/docker_source.py",
        'media_types.simplified(answer.header("content-type") or "")',
        '(answer.header("content-type") or "")',
        (MATRIX,),
    ),
    Fault(
        "a digest told against the reference believed",
        "backends/python/reading.py",
        "if parsed.digest and told.digest != parsed.digest:",
        "if False:",
        (MATRIX,),
    ),
    Fault(
        "a namespace-proxy forgotten by HEAD",
        "backends/python/reading.py",
        "if any(source.namespace_proxy for source in sources):",
        "if False:",
        (MATRIX,),
    ),
    Fault(
        "tags asked of a mirror",
        "backends/python/reading.py",
        "endpoint = await endpoints.endpoint(own, parsed, time.monotonic())",
        "endpoint = await endpoints.endpoint("
        "self._configuration.get().pull_sources(parsed)[0], parsed, time.monotonic())",
        (TAGS,),
    ),
    Fault(
        "a Link that is no whole path followed",
        "configuration/urls.py",
        'if not found.path.startswith("/") or found.path == "/":',
        'if found.path == "/":',
        (TAGS,),
    ),
    Fault(
        "a digest listed among tags",
        "backends/python/registry/tag_list.py",
        "if not text or digests.is_valid(text):",
        "if not text:",
        (TAGS,),
    ),
    Fault(
        "pages of tags followed in a circle",
        "answers/tag_pages.py",
        "if key in self._asked or len(self._asked) >= TAG_PAGES_LIMIT:",
        "if len(self._asked) >= 3 * TAG_PAGES_LIMIT:",
        ("tests/unit/test_tag_pages.py",),
    ),
    Fault(
        "a repository's tag ignored",
        "answers/tag_pages.py",
        'if "@" in text or ":" in text.rpartition("/")[2]:',
        'if "@" in text:',
        ("tests/unit/test_tag_pages.py",),
    ),
    Fault(
        "an attestation read as an image",
        "documents/choose.py",
        "if unknown or ATTESTATION in annotations:",
        "if unknown:",
        (MATRIX,),
    ),
    Fault(
        "a shared config read again",
        "documents/read_image.py",
        "known = self._configs.get(need.digest) or self._from_known(need)",
        "known = self._from_known(need)",
        (MATRIX,),
    ),
    Fault(
        "one broken image of an index fails them all",
        "documents/read_image.py",
        "if not top.is_index or isinstance(error, (DeadlineError, OperationCancelledError)):",
        "if True:",
        (MATRIX,),
    ),
    Fault(
        "errors that do not say which manifest was read",
        "documents/read_image.py",
        "error.digest, error.media_type, error.raw_manifest = top.digest, top.media_type, top.body",
        "pass",
        (MATRIX,),
    ),
    Fault(
        "an ambiguous top-level manifest handed out",
        "documents/read_image.py",
        "        top.parse()\n",
        "",
        (MATRIX,),
    ),
    Fault(
        "referrers of every type",
        "documents/referrers.py",
        "if artifact_type is None or each.artifact_type == artifact_type)",
        ")",
        (REFERRERS,),
    ),
    Fault(
        "a referrer's type forgotten that another place tells",
        "documents/referrers.py",
        "artifact_type=known.artifact_type or other.artifact_type,",
        "artifact_type=known.artifact_type,",
        (REFERRERS,),
    ),
    Fault(
        "a mirror asked for the rest of a stored image that may not have it",
        "backends/python/registry/docker_source.py",
        "if self._current is None and len(self._remaining) == 1:",
        "if self._current is None:",
        (f"{STORE}::test_what_is_not_there_comes_from_the_pull_source_that_has_the_image[python-without the image]",),
    ),
    Fault(
        "a mirror asked for referrers that may not have the image",
        "backends/python/registry/docker_source.py",
        "if self._current is None and len(self._remaining) == 1:",
        "if self._current is None and self._remaining:",
        (REFERRERS,),
    ),
    Fault(
        "referrers of any size",
        "backends/python/registry/referrers_api.py",
        "if size > SIZE_LIMIT:",
        "if False:",
        (f"{REFERRERS}::test_a_list_may_not_be_of_any_size",),
    ),
    Fault(
        "a page of referrers that is not there taken for no API",
        "backends/python/registry/referrers_api.py",
        "if len(seen) == 1 and (answer.status",
        "if not found and (answer.status",
        (REFERRERS,),
    ),
    Fault(
        "a namespace-proxy told behind a second question mark",
        "backends/python/registry/registry.py",
        """f"{'&' if '?' in self.path else '?'}ns=""",
        'f"?ns=',
        (REFERRERS,),
    ),
    Fault(
        "a page of tags of any number of values",
        "backends/python/registry/tag_list.py",
        'if body.count(b",") > PAGE_VALUES:',
        "if False:",
        (PYTHON,),
    ),
    Fault(
        "images of an index of any size",
        "documents/read_image.py",
        "if sum(held.values()) > INSTANCES_SIZE:",
        "if False:",
        (f"{UNBOUNDED}::test_images_of_an_index_that_are_large_together[python]",),
    ),
    Fault(
        "no referrers without the API",
        "backends/python/registry/referrers_api.py",
        "_NO_API = frozenset({400, 404, 406})",
        "_NO_API = frozenset({404})",
        (REFERRERS,),
    ),
    Fault(
        "a list of referrers that is not whole",
        "backends/python/registry/referrers_api.py",
        "    except NotFoundError:\n        return None",
        "    except RegistryError:\n        return None",
        (REFERRERS,),
    ),
    Fault(
        "pages of referrers followed in a circle",
        "backends/python/registry/referrers_api.py",
        "if page in seen or len(seen) >= PAGES_LIMIT:",
        "if len(seen) >= 10**9:",
        (REFERRERS,),
    ),
    Fault(
        "a stored tag taken for current without asking",
        "answers/revalidation.py",
        'found = stored.find(f"{repository}@{resolved.digest}", platform)',
        "found = None",
        (f"{REAL}::test_an_unchanged_tag_is_one_head_and_no_get",),
    ),
    Fault(
        "a glob that fits several parts of a host",
        "configuration/auth/kubernetes.py",
        "if key_port != port or len(globs) != len(parts) or not path.startswith(slash + key_path):",
        "if key_port != port or len(globs) > len(parts) or not path.startswith(slash + key_path):",
        (KUBERNETES,),
    ),
    Fault(
        "the shortest key first",
        "configuration/auth/kubernetes.py",
        "key=lambda entry: entry.key.encode(), reverse=True)",
        "key=lambda entry: entry.key.encode())",
        (KUBERNETES,),
    ),
    Fault(
        "user and password before auth",
        "configuration/auth/kubernetes.py",
        'if texts.get("auth"):',
        'if texts.get("auth") and not username:',
        (KUBERNETES,),
    ),
    Fault(
        "a pull secret's identity token forgotten beside its user",
        "configuration/auth/given.py",
        "if entry.identity_token and not entry.password:",
        "if entry.identity_token and not entry.username:",
        (f"{GIVEN}::test_of_a_pull_secret_counts_what_there_is_to_send[python]",),
    ),
    Fault(
        "a credential provider's answer taken that the kubelet takes nothing of",
        "configuration/auth/kubernetes.py",
        'if fields.get("cacheKeyType") not in _CACHE_KEY_TYPES:',
        "if False:",
        (KUBERNETES,),
    ),
    Fault(
        "what docker's manifests have not read as if they had it",
        "documents/manifest.py",
        "more = document if is_oci else {}",
        "more = document",
        (VALUES,),
    ),
    Fault(
        "an index's empty platform taken for none",
        "documents/descriptor.py",
        "platform = {} if self.platform is None else",
        "platform = {} if not str(self.platform or '') else",
        (PROPERTIES,),
    ),
    Fault(
        "a time told that UTC has no datetime for",
        "documents/image_config.py",
        "        made.astimezone(timezone.utc)  # as tables want it\n",
        "",
        (VALUES,),
    ),
    Fault(
        "a namespace that is a path",
        "configuration/auth/crio.py",
        "if not isinstance(namespace, str) or _NAMESPACE.fullmatch(namespace) is None:",
        "if not namespace:",
        (CRIO,),
    ),
    Fault(
        "a layer of a build cache taken for an image",
        "documents/choose.py",
        "if media_types.BUILD_CACHE_CONFIG in kinds and not any",
        "if media_types.BUILD_CACHE_CONFIG in kinds and any",
        (f"{ADVICE}::test_a_build_cache_in_the_place_of_an_image[python-OCI index]",),
    ),
    Fault(
        "an image's id taken for a repository and a tag",
        "configuration/reference.py",
        'removeprefix("docker://").removeprefix("sha256:")',
        'removeprefix("docker://")',
        (f"{ADVICE}::test_an_images_id_in_the_place_of_its_name[python-sha256:{{}}]",),
    ),
    Fault(
        "an image for another platform taken without a word",
        "client.py",
        "return self._image_for(platform, reference, read,",
        "return self._image(reference, read,",
        (f"{ADVICE}::test_a_single_image_for_another_platform[python]",),
    ),
    Fault(
        "a connection that is closed, perhaps for want of a client certificate, without that being said",
        "backends/registry_errors.py",
        'url.startswith("https:")',
        'url.startswith("http:")',
        (f"{ADVICE}::test_a_client_certificate_that_is_demanded[python]",),
    ),
)
