"""The school: what notebooks and classrooms need, and nothing else does."""
