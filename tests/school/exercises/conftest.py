"""What pytest must know before it imports this folder's tests."""

import pytest

# pytest explains a failed `assert` in test files only, unless it is told of a helper too.
pytest.register_assert_rewrite("tests.school.exercises.answers")
