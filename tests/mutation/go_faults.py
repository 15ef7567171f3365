"""Faults of the Go library: what surrounds containers/image there, planted in a copy of go/ and compiled.

It is not for faults of the Python package (see `faults`). It takes seconds to compile each.
"""

from __future__ import annotations

from tests.mutation.fault import Fault

_PARITY = "tests/parity/test_pure_operations.py::test_twins_agree"
_ADVICE = "tests/boundary/test_advice.py"
_MATRIX = "tests/parity/matrix"
_UNBOUNDED = "tests/end_to_end/test_unbounded_answers.py"

GO_FAULTS = (
    Fault(
        "Go: attestations taken for images",
        "go/internal/documents/choose.go",
        'if about || (each.Platform.OS == "unknown"',
        'if about && (each.Platform.OS == "unknown"',
        (f"{_MATRIX}/test_other_readings.py",),
    ),
    Fault(
        "Go: a digest that is only the payload's",
        "go/internal/documents/manifests.go",
        'if got := digest.FromBytes(body).String(); wanted != "" && got != wanted {',
        'if got := digest.FromBytes(body).String(); wanted == "" && got == wanted {',
        (f"{_PARITY}[check_manifest]",),
    ),
    Fault(
        "Go: a body that calls itself something else",
        "go/internal/documents/manifests.go",
        'if claimed.MediaType != "" && claimed.MediaType != mediaType {',
        'if claimed.MediaType == "x" && claimed.MediaType != mediaType {',
        (f"{_PARITY}[check_manifest]",),
    ),
    Fault(
        "Go: a layer's digest unchecked",
        "go/internal/documents/manifests.go",
        'if err := validateDigest("a layer", layer.Digest); err != nil {',
        'if err := validateDigest("a layer", layer.Digest); err != nil && layer.Size < -1 {',
        (f"{_PARITY}[check_manifest]",),
    ),
    Fault(
        "Go: nesting without a bound",
        "go/internal/documents/strict_json.go",
        "const depthLimit = 200",
        "const depthLimit = 9000",
        (f"{_PARITY}[check_config]",),
    ),
    Fault(
        "Go: labels that differ by case",
        "go/internal/documents/strict_json.go",
        '"annotations": true, "Labels": true,',
        '"annotations": true, "labels": true,',
        (f"{_PARITY}[check_config]",),
    ),
    Fault(
        "Go: a Kelvin sign is no k",
        "go/internal/documents/strict_json.go",
        "case r == '\\u212a':",
        "case r == '\\u212b':",
        (f"{_PARITY}[check_config]",),
    ),
    Fault(
        "Go: numbers beyond a float64",
        "go/internal/documents/strict_json.go",
        '(len(text) < 300 && !strings.ContainsAny(text, "eE"))',
        '(len(text) < 300000 && !strings.ContainsAny(text, "eE"))',
        ("tests/parity/test_pure_operations.py::test_kept_cases",),
    ),
    Fault(
        "Go: a tag kept beside a digest",
        "go/internal/configuration/references.go",
        "!tagged || !digested {",
        "!tagged || digested {",
        (f"{_PARITY}[parse_reference]",),
    ),
    Fault(
        "Go: localhost is no registry",
        "go/internal/configuration/references.go",
        ' || domain == "localhost") {',
        ") {",
        (f"{_PARITY}[parse_reference]",),
    ),
    Fault(
        "Go: whose block counts",
        "go/internal/configuration/pull_sources.go",
        "own != nil && own.Blocked,",
        "own != nil && registry.Blocked,",
        (f"{_PARITY}[pull_sources]",),
    ),
    Fault(
        "Go: which source is no mirror",
        "go/internal/configuration/pull_sources.go",
        "at < len(found)-1,",
        "at < 1,",
        (f"{_PARITY}[pull_sources]",),
    ),
    Fault(
        "Go: a lone registry token hides the password in a file",
        "go/internal/configuration/credentials.go",
        'h.Settings.IdentityToken != "" || h.Settings.RegistryToken == "" {',
        'h.Settings.IdentityToken != "" || h.Settings.RegistryToken != "" {',
        (f"{_MATRIX}/test_credentials.py", f"{_PARITY}[credentials_for]"),
    ),
    Fault(
        "Go: what DENIED means",
        "go/internal/failure/classify.go",
        "found.Code, found.Status = CodeDenied, 403",
        "found.Code, found.Status = CodeUnauthorized, 403",
        (f"{_MATRIX}/test_protocol.py",),
    ),
    Fault(
        "Go: a HEAD that is not allowed taken for an error",
        "go/internal/images/resolve.go",
        "known.Status == 405",
        "known.Status == 501",
        (f"{_MATRIX}/test_other_readings.py",),
    ),
    Fault(
        "Go: a digest told by HEAD against the reference believed",
        "go/internal/images/resolve.go",
        'pinned != "" && pinned != told.String()',
        'pinned != "" && told == ""',
        (f"{_MATRIX}/test_other_readings.py",),
    ),
    Fault(
        "Go: a password for the registry sent to a mirror by HEAD",
        "go/internal/images/resolve.go",
        'own.DockerAuthConfig, own.DockerBearerRegistryToken = nil, ""',
        "own.OSChoice = system.OSChoice",
        (f"{_MATRIX}/test_other_readings.py",),
    ),
    Fault(
        "Go: pages of tags in a circle",
        "go/internal/images/tags.go",
        "if p.asked[page] || len(p.asked) >= tagPagesLimit {",
        "if len(p.asked) >= tagPagesLimit/1000 {",
        (f"{_MATRIX}/test_tag_lists.py",),
    ),
    Fault(
        "Go: a proxy's failure taken for the registry's",
        "go/internal/process/last_request.go",
        'return w.address, w.address != "" && w.reached == nobody',
        "return w.address, false",
        (f"{_ADVICE}::test_a_proxys_failure_is_named_as_the_proxys[go-gone]",),
    ),
    Fault(
        "Go: a credential helper that has none is said to have some",
        "go/internal/configuration/credentials.go",
        "if nothing {",
        'if nothing && note != "" {',
        (f"{_ADVICE}::test_a_helper_that_has_none[go]",),
    ),
    Fault(
        "Go: the index's bytes sent with each of its errors",
        "go/internal/operations/operations.go",
        "\t\t\ttold.RawManifest = nil\n",
        "",
        (f"{_UNBOUNDED}::test_an_index_of_a_thousand_that_are_no_images[go]",),
    ),
    Fault(
        "Go: a directory in a file's place taken for a registry that cannot be reached",
        "go/internal/images/diagnose.go",
        "!errors.As(err, &file) && failure",
        "(errors.As(err, &file) || true) && failure",
        ("tests/boundary/test_host_files.py::test_a_directory_in_its_place[go-docker's config.json]",),
    ),
    Fault(
        "Go: images of an index of any size",
        "go/internal/images/instances.go",
        "size > instancesSize {",
        "size > 100*instancesSize {",
        (f"{_UNBOUNDED}::test_images_of_an_index_that_are_large_together[go]",),
    ),
)
