"""Let `python -m relay` do what `candor` does."""

from relay.cli import main

if __name__ == "__main__":
    main()
