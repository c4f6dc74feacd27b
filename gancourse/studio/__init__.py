"""The studio: a trained game put to work on somebody's files."""
