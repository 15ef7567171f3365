"""Codes become exceptions: each class with the fields and the builtin that a caller would look for."""

from __future__ import annotations

import pytest

from pycoco import errors
from pycoco.errors import from_code


@pytest.mark.parametrize(
    ("code", "builtin"),
    [
        ("invalid_reference", ValueError),
        ("short_name", LookupError),
        ("configuration", ValueError),
        ("not_found", LookupError),
        ("unauthorized", PermissionError),
        ("denied", PermissionError),
        ("unavailable", ConnectionError),
        ("blocked", PermissionError),
        ("manifest", ValueError),
        ("no_matching_platform", LookupError),
        ("policy_rejected", PermissionError),
        ("layout", OSError),
        ("container_config", ValueError),
        ("timeout", TimeoutError),
        ("backend", RuntimeError),
    ],
)
def test_a_code_gives_a_class_that_the_builtin_catches_too(code: str, builtin: type[Exception]) -> None:
    error = from_code(code, "why")
    assert error.code == code
    assert isinstance(error, builtin)
    assert str(error) == "why"


def test_fields_go_where_the_class_has_them_and_nowhere_else() -> None:
    error = from_code("rate_limited", "slow down", status=429, retry_after=3.5, retryable=True, file="x", line=2)
    assert isinstance(error, errors.RateLimitedError)
    assert (error.status, error.retry_after, error.retryable, error.spec_code) == (429, 3.5, True, None)
    configuration = from_code("configuration", "bad", file="/etc/x.conf", line=7, status=429)
    assert isinstance(configuration, errors.ConfigurationError)
    assert (configuration.file, configuration.line) == ("/etc/x.conf", 7)
    assert from_code("manifest", "bad", status=1).args == ("bad",)


def test_an_unknown_code_is_a_fault_of_the_backend() -> None:
    error = from_code("from_the_future", "why")
    assert type(error) is errors.BackendError
    assert "from_the_future" in str(error)


def test_every_class_has_a_code_of_its_own() -> None:
    classes = _tree(errors.PycocoError)
    assert len({cls.code for cls in classes}) == len(classes)


def _tree(root: type[errors.PycocoError]) -> list[type[errors.PycocoError]]:
    return [root, *(found for child in root.__subclasses__() for found in _tree(child))]
