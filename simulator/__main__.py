"""`python -m simulator`: the venue alone."""

from simulator.cli import main

if __name__ == "__main__":
    main()
