"""A network as one file of JavaScript."""
