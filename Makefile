# The project's verbs. Each makes what it needs in .venv/ and nothing outside the project (but the caches of pip and Go); a
# second run starts at once. `make help` lists them; ARGS="..." goes to the command behind a verb.
#
# Needed beforehand: Linux, make, and Python 3.10 or newer with venv. Go and a C compiler come from PyPI when PATH has none.

VENV := .venv
PY := $(VENV)/bin/python
ARGS ?=
# The extras that are installed into .venv.
EXTRAS ?= test,check
STATICCHECK := v0.8.2

ifndef PYTHON
PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo $$python && break; done)
endif

# Before the user's own: on a machine without them, .venv/bin holds go and gcc too.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Never download another Go because some go.mod asks for it.
export GOTOOLCHAIN := local

GO_MODULES := $(patsubst %/go.mod,%,$(wildcard go/go.mod tests/*/go.mod tests/*/*/go.mod))
# [build-system] requires, as words for the shell.
BUILD_REQUIRES := $(shell sed -n 's/^requires = \[\(.*\)\]/\1/p' pyproject.toml | tr -d ,)
# With these installed in .venv, changes to Python files need no install at all.
INSTALL_SOURCES := pyproject.toml build.py golang.py licenses.py toolchain.py pycoco/_version.py $(filter-out %_test.go,$(wildcard go/* go/*/* go/*/*/*))
# What Go builds the library with.
SET_GOFLAGS = export GOFLAGS="$$($(PY) -c 'import build; print(*build.GO_FLAGS)')"
# The tests' own programs are static (tests/support/tools.py): what they import is then free of C as well.
STATIC_PROGRAMS = case $$module in tests/*) export CGO_ENABLED=0;; esac

# What `make wheels` builds for; the pure wheel is for all others.
PLATFORMS ?= manylinux_2_17_x86_64 manylinux_2_17_aarch64 manylinux_2_17_s390x musllinux_1_2_x86_64 musllinux_1_2_aarch64
# The time of the files in what is built: a commit's wheels are the same bytes, whenever and wherever they are built.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)

.DEFAULT_GOAL := dev
.PHONY: dev demo test check bench fuzz race mutation soak upstream wheel wheels big-endian docs clean help

dev: $(VENV)/installed ## build pycoco and install it, editable, into .venv (what plain `make` does)

demo: dev ## a real registry, an encrypted multi-arch image, and pycoco reading its metadata
	$(PY) tests/demo/demo.py $(ARGS)

test: dev ## the tests of Go and Python; ARGS="-m ''" adds Python's slow ones, ARGS="-k NAME" picks
	@$(SET_GOFLAGS); for module in $(GO_MODULES); do ($(STATIC_PROGRAMS); cd $$module && go test ./...) || exit 1; done
	$(PY) -m pytest $(ARGS)

check: dev $(VENV)/staticcheck-$(STATICCHECK) $(VENV)/types ## linters, formats and types, of Python and Go
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	@found="$$(PYTHONPATH=. basedpyright --verifytypes pycoco --ignoreexternal)" || { echo "$$found" | grep -B 1 -A 3 error:; exit 1; }; \
	echo "$$found" | grep completeness
	@$(SET_GOFLAGS); \
	gofmt="$$(go env GOROOT)/bin/gofmt"; \
	for module in $(GO_MODULES); do \
		(set -e; $(STATIC_PROGRAMS); cd $$module; echo "gofmt, go vet, staticcheck: $$module"; \
		unformatted="$$($$gofmt -l .)"; \
		test -z "$$unformatted" || { echo "not formatted as gofmt does: $$unformatted" >&2; exit 1; }; \
		go vet ./...; staticcheck ./...) || exit 1; \
	done

bench: dev $(VENV)/benchmarks ## compare pycoco with its peers, and with the run before; seven minutes; ARGS="--quick" takes two and a half
	$(PY) -m tests.bench $(ARGS)

fuzz: dev ## look for input on which the two backends differ, for MINUTES=10
	MINUTES="$(MINUTES)" $(PY) -m tests.fuzz $(ARGS)

race: dev ## Go's race detector over the saved corpus and cancelled traffic (needs a real gcc, not zig's)
	@if gcc --version 2>/dev/null | grep -q 'Free Software Foundation'; then \
		$(SET_GOFLAGS); cd go && go test -race ./...; \
	else echo "skipped: the race detector needs gcc"; fi

mutation: dev ## plant faults in both backends and see that the tests notice each
	$(PY) -m tests.mutation $(ARGS)

upstream: dev ## which upstreams have newer releases, what those change of what pycoco mirrors, and parity with them
	$(PY) -m tests.upstream $(ARGS)

soak: dev ## run for long and watch memory, descriptors and threads
	$(PY) -m tests.soak $(ARGS)

wheel: dev ## an sdist and a wheel into dist/
	$(PY) build.py --no-isolation $(ARGS)

wheels: $(VENV)/cross ## every wheel of a release into dist/, cross-compiled by zig, each with auditwheel's verdict; ten minutes
	@for platform in $(PLATFORMS); do \
		PYCOCO_WHEEL_PLATFORM=$$platform $(PY) build.py --wheel --no-isolation --outdir dist $(ARGS) || exit 1; \
		$(VENV)/bin/auditwheel show dist/pycoco_oci-*-py3-none-$$platform.whl || exit 1; \
	done
	PYCOCO_NO_NATIVE=1 $(PY) build.py --no-isolation --outdir dist $(ARGS)

docs: dev $(VENV)/documentation ## the documentation's site into site/; links that lead nowhere are errors
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet $(ARGS)

big-endian: $(VENV)/cross ## the unit tests on s390x, under qemu: half an hour
	$(PY) -m tests.packaging.big_endian $(ARGS)

clean: ## remove all that was made
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/.cache
	rm -f pycoco/backends/go/_ffi.py pycoco/backends/go/_pycoco.* pycoco/backends/go/pycoco-go
	find . -name __pycache__ -prune -exec rm -rf {} +

help:
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST)

# What the verbs need. Each file says that a step was done, and is older than what would make it necessary again.

$(VENV)/made:
	@test -n "$(PYTHON)" || { echo "pycoco: Python 3.10 or newer is needed: install it, or name it by make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "pycoco: $(PYTHON) has no venv: install it (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@touch $@

$(VENV)/tools: $(VENV)/made pyproject.toml
	@echo "Installing what builds pycoco into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check $(BUILD_REQUIRES)
	@missing="$$($(PY) -c 'import build; print(*build.get_requires_for_build_editable(), sep="\n")')"; \
	test -z "$$missing" || { echo "and, as PATH lacks them:" $$missing; \
		$(PY) -m pip install --quiet --disable-pip-version-check $$missing; }
	@command -v gcc >/dev/null || $(PY) -c 'import pathlib, toolchain; \
		zig = toolchain.find_zig(toolchain.target()); zig and toolchain.write_c_compiler(zig, pathlib.Path("$(VENV)/bin/gcc"))'
	@touch $@

$(VENV)/installed: $(VENV)/tools $(INSTALL_SOURCES)
	@echo "Building pycoco and installing it into $(VENV) (the first time Go compiles for one to three minutes)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[$(EXTRAS)]'
	@touch $@

$(VENV)/cross: $(VENV)/installed
	@echo "Installing zig and auditwheel into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[wheels]'
	@touch $@

$(VENV)/documentation: $(VENV)/installed
	@echo "Installing what builds the documentation into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[docs]'
	@touch $@

$(VENV)/types: $(VENV)/installed
	@echo "Installing what checks that every public name has a type into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[types]'
	@touch $@

$(VENV)/benchmarks: $(VENV)/installed
	@echo "Installing what the benchmarks compare with into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[bench]'
	@touch $@

$(VENV)/staticcheck-$(STATICCHECK): $(VENV)/tools
	@echo "Installing staticcheck $(STATICCHECK) into $(VENV)"
	@GOBIN="$(CURDIR)/$(VENV)/bin" GOFLAGS= go install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK)
	@touch $@
