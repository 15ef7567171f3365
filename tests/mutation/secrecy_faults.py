"""The faults to plant in what keeps secrets out of messages and one document from passing as another, as data.

It is not for planting them (see `__main__`).
"""

from __future__ import annotations

from tests.mutation.fault import Fault

SECRETS = "tests/end_to_end/test_secrets_unseen.py"
MANIFESTS = "tests/unit/documents/test_manifest.py"
GIVEN = "tests/boundary/test_given_credentials.py"
ADVICE = "tests/boundary/test_advice.py"
OPTIONS = "tests/unit/test_options.py"

SECRECY_FAULTS = (
    Fault(
        "a user and a password repeated with a reference",
        "configuration/reference.py",
        'head = transport + "***"',
        "pass",
        (f"{SECRETS}::test_a_reference",),
    ),
    Fault(
        "a query repeated with a reference",
        "configuration/reference.py",
        're.split("[?#]", text, maxsplit=1)',
        're.split("[#]", text, maxsplit=1)',
        (f"{SECRETS}::test_a_reference",),
    ),
    Fault(
        "a proxy gone without where its variable cannot be parsed",
        "configuration/proxies.py",
        "    if proxy is None or not _is_proxy(proxy):",
        "    if proxy is None:\n        return None\n    if not _is_proxy(proxy):",
        ("tests/unit/configuration/test_proxies.py",),
    ),
    Fault(
        "any port for a proxy",
        "configuration/proxies.py",
        "int(port[1][:6]) <= 65535",
        "True",
        ("tests/unit/configuration/test_proxies.py",),
    ),
    Fault(
        "signatures that cover another manifest believed",
        "documents/schema1.py",
        'if not _are_equal(served, strict_json.loads(covered, "part of the manifest that its signatures cover")):',
        "if False:",
        (f"{MANIFESTS}::test_a_payload_that_is_another_manifest",),
    ),
    Fault(
        "signatures in any manifest",
        "documents/manifest.py",
        "name not in _ALLOWED[media_type] and document.get(name) is not None",
        'name not in (*_ALLOWED[media_type], "signatures") and document.get(name) is not None',
        ("tests/parity/matrix/test_types.py::test_manifests",),
    ),
    Fault(
        "a token server's answer quoted",
        "backends/python/registry/token.py",
        'else "it is not the JSON object that it should be"',
        "else body.decode(errors='replace')",
        (f"{SECRETS}::test_a_token_answer_that_is_none",),
    ),
    Fault(
        "a URL shown with its user",
        "backends/python/network/redirects.py",
        "return f\"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}\"",
        'return f"{parts.scheme}://{parts.netloc}{parts.path}"',
        ("tests/unit/python/registry/test_registry.py::test_redacted",),
    ),
    Fault(
        "whatever a helper says repeated",
        "configuration/auth/credential_helper.py",
        '    if len(line.split()) < 2 or line.startswith(("{", "[", \'"\')):\n        return ""\n',
        "    return line\n",
        (f"{SECRETS}::test_a_credential_helper_that_fails",),
    ),
    Fault(
        "secrets left among the variables of an error's frames",
        "base_client.py",
        "        finally:\n            del options\n",
        "        finally:\n            pass\n",
        (f"{GIVEN}::test_no_secret_is_among_the_variables_of_an_errors_frames[python]",),
    ),
    Fault(
        "a client pickled with its secrets",
        "base_client.py",
        "def __reduce__(self) -> NoReturn:",
        "def reduced(self) -> NoReturn:",
        (f"{GIVEN}::test_a_client_does_not_pickle[python]",),
    ),
    Fault(
        "messages of any length",
        "printable.py",
        "    if len(text) > limit:\n        text = _shortened(text, limit)\n    if _UNFIT",
        "    if _UNFIT",
        ("tests/unit/test_printable.py",),
    ),
    Fault(
        "a helper's answer of any length",
        "configuration/auth/credential_helper.py",
        "OUTPUT_LIMIT = 1024 * 1024",
        "OUTPUT_LIMIT = 1 << 40",
        ("tests/boundary/test_host_files.py::test_a_credential_helper_that_answers_without_end[python]",),
    ),
    Fault(
        "any number of an answer's warnings logged",
        "backends/python/registry/warning_header.py",
        "for text in new[:_OF_AN_ANSWER]:",
        "for text in new:",
        ("tests/boundary/test_logs.py::test_the_warnings_of_an_answer_are_bounded[python-30]",),
    ),
    Fault(
        "an error's body read to its end",
        "backends/python/network/transport.py",
        "ERROR_BODY_LIMIT = 64 * 1024",
        "ERROR_BODY_LIMIT = 1 << 40",
        (
            "tests/end_to_end/test_unbounded_answers.py::test_an_error_body_that_inflates[python-/token-401-unauthorized]",
        ),
    ),
    Fault(
        "a parameter of a challenge without a value taken",
        "backends/python/network/challenge.py",
        'and (value := parameter[2] or _unquoted(parameter[3] or "")):',
        'and ((value := parameter[2] or _unquoted(parameter[3] or "")) or True):',
        ("tests/parity/test_pure_operations.py",),
    ),
    Fault(
        "any 2xx taken for a proxy's tunnel",
        "backends/python/network/proxies/http_proxy.py",
        "if answer.status_code != 200:",
        "if not 200 <= answer.status_code < 300:",
        (f"{ADVICE}::test_a_proxys_failure_is_named_as_the_proxys[python-204]",),
    ),
    Fault(
        "a text taken for a flag",
        "options.py",
        "    if not isinstance(value, bool):",
        "    if value is None:",
        (OPTIONS,),
    ),
    Fault(
        "a half number of retries",
        "options.py",
        "if isinstance(count, bool) or not isinstance(count, int) or count < 0:",
        "if count < 0:  # type: ignore[operator]",
        (OPTIONS,),
    ),
    Fault(
        "a named file that is missing passed over",
        "options.py",
        '        raise ConfigurationError(f"{name} is {text}, which does not exist", file=text) from None',
        "        return text",
        (OPTIONS,),
    ),
    Fault(
        "half a surrogate pair sent as a password",
        "options.py",
        'return isinstance(text, str) and not any("\\ud800" <= character <= "\\udfff" for character in text)',
        "return isinstance(text, str)",
        (OPTIONS,),
    ),
    Fault(
        "one text taken for many references",
        "batch.py",
        "    if isinstance(references, (str, bytes)):",
        "    if isinstance(references, bytes):",
        (OPTIONS,),
    ),
    Fault(
        "lines made with other options continued",
        "cli/batch/resume.py",
        "        if made_with.get(name) != options.get(name):",
        "        if made_with.get(name) is options:",
        ("tests/boundary/test_command_line.py::test_a_file_of_other_options_is_refused[python]",),
    ),
    Fault(
        "calls that never return keep others waiting",
        "daemon_threads.py",
        "return self._threads - stuck < _THREADS and",
        "return self._threads < _THREADS and",
        ("tests/unit/test_daemon_threads.py",),
    ),
)
