"""The live figures in real browsers."""
