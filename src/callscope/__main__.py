"""``python -m callscope``: the command line, where its program is not on the path."""

from callscope.cli.main import main

if __name__ == "__main__":
    main()
