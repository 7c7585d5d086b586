"""The command line as a user meets it: a real process for each call."""

import subprocess
import sys

import pytest

from certwright.cli.program import VERBS, run

HEAVY = ("aiohttp", "apsw", "asyncio", "cryptography", "msgspec", "rich", "yaml")


def certwright(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "certwright", *arguments], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    "arguments",
    [["--help"], *([verb, "--help"] for verb in ("up", "controller", "plan")), ["version"], []],
    ids=str,
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import sys
from certwright.cli.program import run
assert run({arguments!r}) == 0
print(",".join(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert process.stderr.strip() == ""
    assert process.stdout


def test_help_lists_every_verb_with_a_whole_sentence() -> None:
    text = certwright("--help").stdout
    for verb in VERBS:
        line = next(line for line in text.splitlines() if line.strip().startswith(f"{verb} "))
        assert line.endswith("."), line
        assert not line.endswith("..."), line


def test_without_a_verb_the_help_is_shown_and_nothing_fails() -> None:
    process = certwright()
    assert process.returncode == 0
    assert process.stdout.startswith("Usage: certwright")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "No such command 'nonsense' (see: certwright --help)"),
        (["up", "--nonsense"], "No such option '--nonsense'"),
        (["up", "--listen", "localhost"], "'localhost' is not HOST:PORT"),
        (["up", "--listen", "localhost:70000"], "'localhost:70000' is not HOST:PORT"),
        (["up", "--timeout", "5 minutes"], "'5 minutes' is not a duration such as 90s, 5m or 1h30m"),
        (["up", "--timeout", "-5m"], "'-5m' is negative"),
        (
            ["up", "--controllers=trigger"],
            "no such controller: trigger; there are cert",
        ),
        (["controller", "--feature-gates=Magic=true"], "unrecognized feature gate: Magic; there are "),
        (["controller", "--enable-certificate-owner-ref=2"], "'2' is neither true nor false"),
        (["up", "surplus"], "Got unexpected extra argument (surplus)"),
        (["why"], "Missing argument 'KIND/NAME'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("certwright: error: ")
    assert message in output.err
    assert output.err.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.run(
        f"{sys.executable} -m certwright crds | head -1",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.stderr == ""
    assert process.stdout.count("\n") == 1
