from __future__ import annotations

import json

import pytest
import torch
from PIL import Image

from gancourse.files import CourseError
from gancourse.training.record import Record, log_spaced, mean_terms, read_metrics

LINES = [{"step": step, "discriminator/real": step / 10} for step in (1, 2, 3)]


def written(folder) -> Record:
    record = Record(folder)
    for line in LINES:
        record.log(line)
    return record


def test_lines_go_to_memory_and_disk(tmp_path):
    record = written(tmp_path)
    assert record.metrics == LINES == read_metrics(tmp_path)
    assert [
        json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()
    ] == LINES


def test_a_line_that_cannot_be_written_is_said_in_words(tmp_path):
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(
        CourseError, match=r"metrics.jsonl cannot be written \((Is a directory|Permission denied)\)"
    ):
        Record(tmp_path).log(LINES[0])


def test_a_record_without_a_folder_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = written(None)
    record.pictures(1, torch.zeros(4, 1, 8, 8))
    record.write("summary", {})
    record.rewind(1)
    assert record.metrics == LINES and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [1, 5, 38])
def test_a_line_that_a_killed_process_left_half_written_is_passed_over(tmp_path, cut):
    written(tmp_path)
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert read_metrics(tmp_path) == LINES[:2]


def test_no_metrics_are_an_empty_list(tmp_path):
    assert read_metrics(tmp_path / "nowhere") == []


def test_rewind_forgets_what_the_checkpoint_has_not_seen(tmp_path):
    written(tmp_path)
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 4, "disc')
    record = Record(tmp_path)
    record.rewind(2)
    record.log({"step": 3})
    assert record.metrics == [*LINES[:2], {"step": 3}] == read_metrics(tmp_path)


def test_pictures_become_a_square_grid_with_white_gaps(tmp_path):
    images = torch.linspace(-1, 1, 5)[:, None, None, None].expand(5, 1, 8, 8)
    Record(tmp_path).pictures(7, images)
    (path,) = (tmp_path / "samples").iterdir()
    assert path.name == "step-00000007.png"
    with Image.open(path) as picture:
        assert picture.size == (3 * 9 + 1, 2 * 9 + 1)  # columns, then rows, of 8 px and gaps of 1
        levels = [picture.getpixel((5 + 9 * (i % 3), 5 + 9 * (i // 3)))[0] for i in range(5)]
        assert levels == pytest.approx([0, 63.75, 127.5, 191.25, 255], abs=1)
        assert picture.getpixel((0, 0))[0] == 255


def test_colours_stay_and_points_are_left_to_the_watchers(tmp_path):
    record = Record(tmp_path)
    record.pictures(1, torch.zeros(4, 2))
    assert not (tmp_path / "samples").exists()
    red = torch.tensor([1.0, -1, -1])[:, None, None].expand(1, 3, 8, 8)
    record.pictures(2, red)
    with Image.open(tmp_path / "samples" / "step-00000002.png") as picture:
        assert picture.getpixel((4, 4)) == (255, 0, 0)


@pytest.mark.parametrize("steps", [1, 2, 10, 300, 40_000])
def test_looks_are_dense_at_the_start_and_include_both_ends(steps):
    looks = log_spaced(steps)
    assert looks[0] == 0 and looks[-1] == steps and looks == sorted(set(looks))
    assert len(looks) <= 25
    assert looks[1] == 1
    assert looks[len(looks) // 2] <= 2 * steps**0.5 + 1, "half of them in the first square root"
    late = [after / before for before, after in zip(looks, looks[1:], strict=False) if before > 30]
    assert late == pytest.approx([steps ** (1 / 23)] * len(late), rel=0.03), (
        "and evenly on a logarithmic axis"
    )


def test_means_are_sums_over_counts():
    sums = {"discriminator/real": torch.tensor(3.0), "generator/fake": torch.tensor(1.0)}
    assert mean_terms(sums, {"discriminator/real": 2, "generator/fake": 4}) == {
        "discriminator/real": 1.5,
        "generator/fake": 0.25,
    }
    assert mean_terms({}, {}) == {}
