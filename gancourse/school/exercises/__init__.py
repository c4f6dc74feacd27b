"""Exercises that check and explain, one module per chapter, after the pattern of `checking`."""
