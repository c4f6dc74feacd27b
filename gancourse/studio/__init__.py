"""The studio: a trained model at work on your own files."""
