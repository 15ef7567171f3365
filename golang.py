"""Compiles go/ for build.py, and says whether what came out is good.

It is not about wheels: build.py lays what is compiled here into one; nor about what compiles: toolchain.py finds that.

Two things can come out. The *library* is loaded into Python's process through cffi. The *program*, linked statically
and without C, answers the same requests behind a pipe; it is for where no Go library can be loaded: musl's loader
refuses the thread-local storage that Go's libraries use (golang/go#54805).

setuptools-golang (2.9.0) compiles the library. What of its ways must be mended is mended here and in toolchain.py, and
nowhere else: it copies the whole directory it runs in; it downloads all modules into a new GOPATH; it cannot be given
build tags; it drops Go's own -O2; it has the linker accept unresolved symbols; it runs ``go env CC`` as one word.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain import WITHOUT_GO, Target, go_env, go_environment

GO_SOURCES = Path(__file__).resolve().parent / "go"
GO_MODULE = "github.com/pycoco/pycoco/go"
CONTAINERS_IMAGE = "go.podman.io/image/v5"


# What is changed in containers/image


@dataclass(frozen=True)
class Change:
    """A place in containers/image that no hook reaches: the text there, once, and what the build puts instead.

    `why` is for `pycoco version`, "" where another change says it.
    """

    file: str
    there: str
    instead: str
    why: str


CHANGES = (
    Change(
        "docker/distribution_error.go",  # parseHTTPErrorResponse: manifests, configs, pings, tokens, signatures
        "\tbody, err := io.ReadAll(r)\n",
        "\tbody, err := io.ReadAll(io.LimitReader(r, 64<<10))\n",
        "error bodies are read up to 64 KiB",
    ),
    Change(
        "docker/docker_client.go",  # makeRequestToResolvedURL; the key is what both sides have
        "\t\tattempts++\n",
        """\t\tattempts++
\t\tif answered, ok := ctx.Value(ErrTooManyRequests).(func(*http.Response, time.Duration) bool); ok {
\t\t\tif last := answered(res, min(parseRetryAfter(res, delay), backoffMaxDelay)); last {
\t\t\t\treturn res, nil
\t\t\t}
\t\t}
""",
        "answers with 429 hold back the whole client",
    ),
    Change(
        "docker/errors.go",  # httpResponseToError, for token servers
        "\t\treturn ErrTooManyRequests\n",
        '\t\treturn fmt.Errorf("%w (Retry-After: %q)", ErrTooManyRequests, res.Header.Get("Retry-After"))\n',
        "a token server's Retry-After is told",
    ),
    Change(
        "pkg/docker/config/config.go",  # getCredsFromCredHelper: os/exec's own Output has no bound
        "\tp := helperclient.NewShellProgramFunc(helperName)\n\tcreds, err := helperclient.Get(",
        """\tp := func(args ...string) helperclient.Program { return boundedHelper{exec.Command(helperName, args...)} }
\tcreds, err := helperclient.Get(""",
        "helpers' answers up to 1 MiB",
    ),
    Change(
        "pkg/docker/config/config.go",
        "type dockerAuthConfig struct {\n",
        """type boundedHelper struct{ *exec.Cmd }

func (b boundedHelper) Input(in io.Reader) { b.Stdin = in }

func (b boundedHelper) Output() ([]byte, error) {
\toutput, err := b.StdoutPipe()
\tif err != nil {
\t\treturn nil, err
\t}
\tif err := b.Start(); err != nil {
\t\treturn nil, err
\t}
\tanswer, err := io.ReadAll(io.LimitReader(output, 1<<20+1))
\tif len(answer) > 1<<20 {
\t\tanswer, err = nil, errors.New("it answered with more than 1 MiB")
\t\t_ = b.Process.Kill()
\t}
\treturn answer, errors.Join(err, b.Wait())
}

type dockerAuthConfig struct {
""",
        "",
    ),
    Change("pkg/docker/config/config.go", '\t"io/fs"\n', '\t"io"\n\t"io/fs"\n', ""),
    Change(
        "docker/docker_image.go",  # GetRepositoryTags
        "json.NewDecoder(res.Body).Decode(&tagsHolder)",
        "json.NewDecoder(http.MaxBytesReader(nil, res.Body, 32<<20)).Decode(&tagsHolder)",
        "pages of tags up to 32 MiB",
    ),
    Change(
        "docker/docker_client.go",  # detectPropertiesHelper: the one client that all requests go by
        "\tc.client = &http.Client{Transport: tr}\n",
        "\ttr.OnProxyConnectResponse = refusedByProxy\n\tc.client = &http.Client{Transport: observed{kept(ctx, tr)}}\n",
        "requests can be seen; connections are kept for a client's next image",
    ),
    Change(
        "docker/docker_client.go",
        "// newDockerClient returns a new dockerClient instance",
        """// observed hands a request over to who made its context, if that wants to see it.
type observed struct{ http.RoundTripper }

func (o observed) RoundTrip(request *http.Request) (*http.Response, error) {
	type see = func(*http.Request, http.RoundTripper) (*http.Response, error)
	if wanted, ok := request.Context().Value(struct{ Exchange string }{"pycoco"}).(see); ok {
		return wanted(request, o.RoundTripper)
	}
	return o.RoundTripper.RoundTrip(request)
}

func (o observed) CloseIdleConnections() {
	if own, ok := o.RoundTripper.(*http.Transport); ok {
		own.CloseIdleConnections()
	}
}

// kept returns what who made the context wants in the place of a client's own transport, if it wants that.
func kept(ctx context.Context, own *http.Transport) http.RoundTripper {
	type instead = func(*http.Transport) http.RoundTripper
	if wanted, ok := ctx.Value(struct{ Transport string }{"pycoco"}).(instead); ok {
		return wanted(own)
	}
	return own
}

// refusedByProxy says that it was the proxy, of whose answer net/http tells the reason phrase alone.
func refusedByProxy(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &net.OpError{Op: "proxyconnect", Net: "tcp", Err: fmt.Errorf("answers with status %d", answer.StatusCode)}
}

// newDockerClient returns a new dockerClient instance""",
        "a proxy's refusal is named as its own",
    ),
    Change("docker/docker_client.go", '\t"net/http"\n', '\t"net"\n\t"net/http"\n', ""),
    Change(
        # importKeysFromBytes. go-crypto (checkMessageSignatureDetails) would go by a self-signature that is not there,
        # and a process that another library has taken Go's signal handlers from, as Ray does, ends by that.
        "signature/mechanism_openpgp.go",
        "\t\tkeyIdentities = append(keyIdentities, strings.ToUpper(",
        """\t\tif selfSignature, _ := entity.PrimarySelfSignature(); selfSignature == nil {
\t\t\tcontinue
\t\t}
\t\tkeyIdentities = append(keyIdentities, strings.ToUpper(""",
        "GPG keys whose user nobody vouches for are passed over",
    ),
)
CHANGED = "; ".join(change.why for change in CHANGES if change.why)


def changed_sources(scratch: Path, go: str) -> Path:
    """A copy of go/ in `scratch` that is compiled with a copy of containers/image, in which CHANGES were made.

    Go has no other way: it refuses `-overlay` below its module cache. The copy lies within the sources, so that its
    path, which gets into the build id, is the same on every machine.
    """
    sources = scratch / "go"
    if sources.is_dir():
        return sources
    download_modules(go)
    listed = [go, "list", "-m", "-f", "{{.Dir}}", CONTAINERS_IMAGE]
    module = Path(subprocess.run(listed, cwd=GO_SOURCES, stdout=subprocess.PIPE, text=True, check=True).stdout.strip())
    unused = shutil.ignore_patterns("*_test.go", "testdata", "fixtures", "docs", ".*")
    copy_writable(GO_SOURCES, sources, unused)
    copy_writable(module, sources / "containers-image", unused)
    for change in CHANGES:
        replace_once(sources / "containers-image" / change.file, change.there, change.instead)
    replace_once(sources / "internal/operations/versions.go", 'changes = ""', f'changes = "{CHANGED}"')
    replaced = f"{CONTAINERS_IMAGE}=./containers-image"
    subprocess.run([go, "mod", "edit", f"-replace={replaced}"], cwd=sources, check=True)
    return sources


def download_modules(go: str) -> None:
    """Has Go fetch the modules that go/ needs, and no others, if they are not in its cache."""
    say(f"looking for Go modules (from {go_env(go, 'GOPROXY')}, kept in {go_env(go, 'GOMODCACHE')})")
    listed = [go, "list", "-deps", "./..."]
    if subprocess.run(listed, cwd=GO_SOURCES, stdout=subprocess.DEVNULL).returncode != 0:
        raise SystemExit(
            "pycoco: the Go modules that go/ is built from could not be had; Go's own words are above. They come from "
            f"the Go module proxy, not from PyPI: let it be reached, or name another by GOPROXY, or {WITHOUT_GO}"
        )


def say(what: str) -> None:
    """Tells whoever watches the build (pip shows it with -v) what takes the time."""
    print(f"pycoco: {what}", file=sys.stderr, flush=True)


def copy_writable(source: Path, target: Path, ignore: Callable[[str, list[str]], set[str]]) -> None:
    """Copies a folder without its modes: those of Go's module cache forbid to write, and so to delete."""
    shutil.copytree(source, target, ignore=ignore, copy_function=shutil.copyfile)
    for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
        folder.chmod(0o755)


def replace_once(file: Path, there: str, instead: str) -> None:
    text = file.read_text("utf-8") if file.is_file() else ""
    if text.count(there) != 1:
        raise SystemExit(
            f"pycoco: {file.name} no longer has the text {there.strip()!r} once, which the build changes: "
            "see what upstream made of it, and mend CHANGES in golang.py"
        )
    file.write_text(text.replace(there, instead), "utf-8")


# The library and the program


def compile_library(target: Target, command: Any, extension: Any, library: Path, scratch: Path) -> None:
    """Has setuptools-golang compile go/ into `library`; `command` is setuptools' build_ext."""
    import setuptools_golang
    from setuptools import Distribution, Extension

    # It offers its build_extension only as a command class, put into a Distribution.
    carrier = Distribution()
    setuptools_golang.set_build_ext(carrier, "build_golang", {"root": GO_MODULE})
    golang: Any = carrier.cmdclass["build_ext"]

    command.compiler.include_dirs = []  # Python's headers: unused, and their path would get into the build id
    # It copies the current directory: go/ alone, not .git and .venv.
    with go_environment(scratch, target) as go, working_directory(changed_sources(scratch, go)):
        say_what_compiles(go, target)
        try:
            golang.build_extension(command, Extension(extension.name, [Path(extension.sources[0]).name]))
        except subprocess.CalledProcessError as error:
            raise SystemExit("pycoco: Go could not compile go/; its own words are above") from error
    library.with_suffix(".h").unlink(missing_ok=True)  # cgo's header, which nobody includes


def say_what_compiles(go: str, target: Target) -> None:
    what = "library" if target.has_library else "program"
    cache = go_env(go, "GOCACHE")
    where = target.tag or "this machine"
    say(f"compiling the {what} for {where} with {go}: one to three minutes, or seconds with what {cache} keeps")


def package(target: Target) -> str:
    """The main package in go/ for what is compiled for `target`."""
    return "." if target.has_library else "./cmd/pycoco-go"


def compile_program(target: Target, program: Path, scratch: Path) -> None:
    """Compiles the program. It needs no C: no C compiler, and not setuptools-golang, which makes libraries only."""
    with go_environment(scratch, target) as go:
        sources = changed_sources(scratch, go)
        say_what_compiles(go, target)
        command = [go, "build", "-ldflags=-s -w", "-o", str(program), package(target)]
        if subprocess.run(command, cwd=sources).returncode != 0:
            raise SystemExit("pycoco: Go could not compile go/; its own words are above")
    told = read_elf(program) if target.tag else ""
    if re.search(r"\bINTERP\b|\(NEEDED\)", told):
        raise SystemExit("pycoco: the program was built and is not linked statically")


def check_library(library: Path, functions: Sequence[str], target: Target) -> None:
    """Refuses a library that would not load or lacks one of `functions`."""
    if target.tag:
        check_foreign_library(library, functions, target)
    else:
        check_by_loading(library, functions)


def check_by_loading(library: Path, functions: Sequence[str]) -> None:
    """Loads the library in a process of its own and looks for every function.

    setuptools-golang lets unresolved symbols pass the linker: only loading finds them.
    """
    program = (
        f"import ctypes, os; l = ctypes.CDLL({str(library)!r}, os.RTLD_NOW); "
        f"[getattr(l, f) for f in {list(functions)!r}]; print(l.pycoco_abi_version())"
    )
    loaded = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=120)
    if loaded.returncode != 0:
        reason = (loaded.stderr.strip().splitlines() or [f"exit status {loaded.returncode}"])[-1]
        raise SystemExit(f"pycoco: the library was built but does not load: {reason}")


def check_foreign_library(library: Path, functions: Sequence[str], target: Target) -> None:
    """What loading would find, and what the platform tag promises, by readelf: it cannot be loaded here."""
    told = read_elf(library)
    faults = [f"it does not export {name}" for name in functions if not re.search(rf" FUNC .* \d+ {name}$", told, re.M)]
    # No version, no glibc function: nothing would resolve it. Weak ones may stay unresolved.
    unresolved = re.findall(r" GLOBAL +DEFAULT +UND (\w+)$", told, re.M)
    faults += [f"nothing provides {name}" for name in unresolved]
    newest = max((tuple(map(int, each.split("."))) for each in re.findall(r"\bGLIBC_([\d.]+)", told)), default=(0,))
    if newest > tuple(map(int, target.glibc.split("."))):
        faults.append(f"it needs glibc {'.'.join(map(str, newest))}")
    if re.search(r"\bTEXTREL\b", told):
        faults.append("it has text relocations, which hardened systems refuse")
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", told)
    faults += [f"it needs {name}" for name in needed if not re.match(r"(libc|libpthread|libresolv|ld.*)\.so\.", name)]
    if faults:
        raise SystemExit(f"pycoco: the library was built and is not fit for {target.tag}: {'; '.join(faults[:5])}")


def read_elf(file: Path) -> str:
    readelf = shutil.which("readelf")
    if not readelf:
        raise SystemExit("pycoco: readelf is needed to check what was built for another platform: install binutils")
    command = [readelf, "--wide", "--dynamic", "--dyn-syms", "--version-info", "--program-headers", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@contextlib.contextmanager
def working_directory(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
