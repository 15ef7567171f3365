"""The shells' scripts: what the grammar says, printed as they lie there, and understood by bash."""

from __future__ import annotations

import subprocess

import pytest

from pycoco.cli import completion, grammar, main
from tests.documentation.completions import FOLDER, script
from tests.support.tools import require_tool

COMPLETED = """
source "$1"
function=$(complete -p pycoco | sed 's/.*-F \\([^ ]*\\).*/\\1/')
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
$function
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("shell", completion.SCRIPTS)
def test_they_are_the_grammars(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert capsys.readouterr().out == script(shell), "write it anew: python -m tests.documentation.command_line"
    for name in grammar.COMMANDS:
        assert name in script(shell)


def test_the_shells_that_the_grammar_names() -> None:
    parsed = [grammar.parse(["completion", shell]).shell for shell in completion.SCRIPTS]
    assert parsed == list(completion.SCRIPTS)
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(completion.SCRIPTS.values())


@pytest.mark.parametrize(
    ("words", "expected"),
    [(("conf",), "config"), (("config", "--tls"), "--tls-verify"), (("config", "--backend", "go-"), "go-process")],
)
def test_bash_completes(words: tuple[str, ...], expected: str) -> None:
    run = [require_tool("bash"), "--norc", "-c", COMPLETED, "bash", str(FOLDER / "pycoco.bash"), "pycoco", *words]
    shown = subprocess.run(run, capture_output=True, text=True, timeout=30, check=True)
    assert shown.stderr == ""
    assert expected in shown.stdout.split()
