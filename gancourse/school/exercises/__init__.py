"""Checkers for the classroom, one module a chapter, all after the pattern of `gancourse.school.exercises.checking`."""
