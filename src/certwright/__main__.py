"""`python -m certwright`: the same as the `certwright` command."""

from certwright.cli import main

main()
