"""`python -m filiberto` is the command `filiberto`."""

from filiberto.cli import main

if __name__ == "__main__":
    main()
