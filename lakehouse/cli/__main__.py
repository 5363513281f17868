"""`python -m lakehouse.cli`."""

from lakehouse.cli.program import main

main()
