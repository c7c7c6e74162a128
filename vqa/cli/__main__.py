"""``python -m vqa.cli``: the command where it is not on the path."""

from vqa.cli import main

if __name__ == "__main__":
    main()
