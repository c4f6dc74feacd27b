"""`python -m gancourse.cli`, which `accelerate launch -m` needs."""

from gancourse.cli import main

main()
