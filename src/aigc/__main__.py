"""``python -m aigc``: the command line."""

from aigc.cli.main import main

if __name__ == "__main__":
    main()
