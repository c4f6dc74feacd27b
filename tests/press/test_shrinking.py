"""An executed notebook made small: pictures, films, widgets, long results, and places."""

from __future__ import annotations

import base64
import io

import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_output
from PIL import Image

from gancourse.files import CourseError
from gancourse.press import shrinking
from tests.executed import DATA, FOLDER, executed

RNG = np.random.default_rng(0)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8))


def photo(width: int, height: int) -> Image.Image:
    """Smooth colours, of which a palette of 64 takes many bytes."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 40 + y / 90), np.cos(x / 70 - y / 30), np.sin(x * y / 9_000)]
    return Image.fromarray((127 * (1 + np.stack(waves, -1))).astype(np.uint8))


def drawing(width: int, height: int) -> Image.Image:
    """Black bars on white."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[:, ::40] = pixels[::40] = 0
    return Image.fromarray(pixels)


def coded(picture: Image.Image, form: str = "PNG", **how) -> str:
    file = io.BytesIO()
    picture.save(file, form, **how)
    return base64.b64encode(file.getvalue()).decode()


def shown(data: dict, **metadata) -> NotebookNode:
    return new_output("display_data", {"text/plain": "<Picture>", **data}, metadata=metadata)


def printed(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=text)


def outputs_of(*outputs: NotebookNode) -> list[NotebookNode]:
    return shrinking.small(executed(*outputs)).cells[-1].outputs


def only_picture(output: NotebookNode) -> tuple[str, Image.Image]:
    ((kind, text),) = [each for each in output.data.items() if each[0].startswith("image/")]
    return kind, Image.open(io.BytesIO(base64.b64decode(text)))


# --- pictures ---


@pytest.mark.parametrize(
    "made, kind, size",
    [
        (photo(960, 600), "image/jpeg", (480, 300)),
        (photo(300, 200), "image/jpeg", (300, 200)),
        (noise(700, 70), "image/jpeg", (480, 48)),
    ],
)
def test_a_photo_becomes_a_small_jpeg(made, kind, size):
    alt = {"image/png": {"alt": "Waves.", "width": 960}}
    (output,) = outputs_of(shown({"image/png": coded(made)}, **alt))
    found, image = only_picture(output)
    assert (found, image.size, image.format) == (kind, size, "JPEG")
    assert output.metadata == {kind: {"alt": "Waves."}}
    assert np.abs(np.asarray(image, float).mean() - np.asarray(made, float).mean()) < 3


def test_a_drawing_stays_a_png():
    (output,) = outputs_of(shown({"image/png": coded(drawing(400, 300))}))
    kind, image = only_picture(output)
    assert kind == "image/png" and image.size == (400, 300)
    assert np.array_equal(np.asarray(image.convert("RGB")), np.asarray(drawing(400, 300)))


def test_a_picture_that_is_smallest_as_it_was_is_kept():
    made = coded(drawing(480, 300).convert("1"), optimize=True)
    (output,) = outputs_of(shown({"image/png": made}))
    assert output.data["image/png"] == made


def test_what_was_transparent_is_white():
    clear = Image.new("RGBA", (60, 60), (255, 0, 0, 0))
    _, image = only_picture(outputs_of(shown({"image/webp": coded(clear, "WEBP")}))[0])
    assert image.convert("RGB").getpixel((30, 30)) == (255, 255, 255)


@pytest.mark.parametrize("form, kind", [("WEBP", "image/webp"), ("GIF", "image/gif")])
@pytest.mark.parametrize("inside_html", [False, True])
def test_of_a_film_the_last_picture_is_left(form, kind, inside_html):
    first, last = (Image.new("RGB", (600, 300), colour) for colour in ("red", "blue"))
    film = coded(first, form, save_all=True, append_images=[last], duration=99)
    if inside_html:
        (output,) = outputs_of(shown({"text/html": f'<img src="data:{kind};base64,{film}">'}))
        code = output.data["text/html"].partition("base64,")[2].partition('"')[0]
        image = Image.open(io.BytesIO(base64.b64decode(code)))
    else:
        _, image = only_picture(outputs_of(shown({kind: film}))[0])
    assert getattr(image, "n_frames", 1) == 1 and image.size == (480, 240)
    red, _, blue = image.convert("RGB").getpixel((99, 99))
    assert red < 9 and blue > 240


def test_what_is_no_picture_is_said():
    with pytest.raises(CourseError, match="an output is no readable picture .*run the notebook ag"):
        outputs_of(shown({"image/png": base64.b64encode(b"no picture").decode()}))


# --- what is left out ---


def test_a_widget_is_left_out_and_a_line_says_so():
    data = {shrinking.WIDGET: {"model_id": "1"}, "text/plain": "VBox(children=())"}
    made = shrinking.small(executed(shown(data)))
    (output,) = made.cells[-1].outputs
    assert output.data == {"text/plain": "[left out: a widget, which needs a running notebook]"}
    assert "widgets" not in made.metadata and shrinking.WIDGET not in nbformat.writes(made)


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml"])
def test_a_large_drawing_is_left_out_and_a_small_one_kept(kind):
    small, large = ("<svg>" + "<path/>" * count + "</svg>" for count in (9, 9_000))
    first, second = outputs_of(shown({kind: small}), shown({kind: large}))
    assert first.data == {kind: small, "text/plain": "<Picture>"}
    assert second.data == {"text/plain": f"[left out: 63,011 bytes of {kind}]"}


def test_a_kind_that_viewers_do_not_show_is_left_out():
    data = {"application/javascript": "alert(1)", "text/plain": "<Javascript>"}
    (output,) = outputs_of(shown(data))
    assert output.data == {"text/plain": "[left out: 8 characters of application/javascript]"}


def test_a_long_text_keeps_its_beginning_and_end():
    (output,) = outputs_of(printed("a" * 5_000 + "b" * 5_000))
    assert output.text == "a" * 2_000 + "\n[left out: 7,000 characters]\n" + "b" * 1_000
    (output,) = outputs_of(shown({"image/png": coded(drawing(9, 9)), "text/plain": "x" * 900}))
    assert "[left out: 701 characters]" in output.data["text/plain"]


def test_of_a_bar_its_last_state_is_left_without_colours():
    bar = "  0%| | 0/9\r\x1b[32m 50%|█| 5/9\x1b[0m\r100%|██| 9/9 [00:07<00:00]\r\nready\r\n"
    (output,) = outputs_of(printed(bar, "stderr"))
    assert output.text == "100%|██| 9/9 [00:07<00:00]\nready\n"


def test_a_text_that_says_nothing_is_no_output():
    assert outputs_of(printed("\r\n")) == []


# --- the whole ---


def test_a_small_notebook_is_valid_and_keeps_what_was_typed():
    notebook = executed(shown({"image/png": coded(photo(900, 600))}))
    before = nbformat.writes(notebook)
    made = shrinking.small(notebook)
    nbformat.validate(made)
    assert nbformat.writes(notebook) == before, "the original is as it was"
    assert [cell.execution_count for cell in made.cells[1:]] == [1, 2, 3]
    assert [cell.cell_type for cell in made.cells] == ["markdown", "code", "code", "code"]
    assert made.cells[1] == {**notebook.cells[1], "metadata": {"tags": ["parameters"]}}
    assert made.cells[2].source == (
        "# Parameters\nscale = 'full'\nfolder = 'RUN'\ndata_root = 'DATA'"
    )
    assert made.metadata.papermill == {
        "parameters": {"scale": "full", "folder": "RUN", "data_root": "DATA"},
        "start_time": "2026-03-01T10:00:00.500000+00:00",
        "end_time": "2026-03-01T10:01:00+00:00",
        "duration": 59.5,
        "version": "2.7.0",
    }


def test_pictures_shrink_until_the_notebook_fits(monkeypatch):
    notebook = executed(shown({"image/png": coded(photo(960, 600))}))
    widths = []
    for _ in shrinking.LEVELS:
        made = shrinking.small(notebook)
        size = len(nbformat.writes(made).encode()) + 1
        assert size <= shrinking.LIMIT
        widths.append(only_picture(made.cells[-1].outputs[0])[1].width)
        monkeypatch.setattr(shrinking, "LIMIT", size - 1)
    assert widths == [480, 480, 400, 320]


def test_a_notebook_that_stays_too_large_is_refused_with_its_largest_cell(monkeypatch):
    monkeypatch.setattr(shrinking, "LIMIT", 6_000)
    notebook = executed(*[shown({"image/png": coded(photo(500, 300))})] * 2, source="\nshow(all)")
    with pytest.raises(
        CourseError,
        match=r"notebook: \d\d,\d+ bytes, even with pictures of 320 px, and at most 6,000 are kept;"
        r" let the notebook show less, first in the cell `show\(all\)`",
    ):
        shrinking.small(notebook)


# --- places of the machine ---

HOME, USERS, ROOT = "/home" + "/ann", "/Users" + "/ann", "/root" + "/venv"
SAID = [
    f"kept in {FOLDER}/srgan, and not in {FOLDER}-2",
    f"PosixPath('{FOLDER}')",
    f'{{"root": "{DATA}/photos"}}',
    f"{HOME}/.cache/torch/model.pt is missing",
    f"'{HOME}/my holiday photos/beach.jpg'",
    f"see file://{HOME}/x/report.html",
    f"{USERS}/lab/x.py:12: UserWarning",
    f"({ROOT}/lib/python3.11/site-packages/torch/nn.py)",
    "/tmp/" + "ipykernel_31/12.py",
    "C:\\" + r"Users\ann\lab\x.py",
    r"PATH='D:\\data of ann\\pictures\\a.png'",
    "--root=/scratch/ann/other",
    "<td>/work/ann/pictures</td>",
]  # fmt: skip


def test_no_absolute_path_of_the_machine_remains():
    told = [printed(f"{text}\n") for text in SAID]
    told += [shown({"text/plain": text, "text/html": f"<p>{text}</p>"}) for text in SAID]
    told += [shown({"text/markdown": "\n\n".join(SAID)})]
    notebook = executed(*told, photo=f"{HOME}/my photos/cat.png", source=f"open('{FOLDER}/a')")
    text = nbformat.writes(shrinking.small(notebook))
    for secret in ("ann", "scratch", "gpfs", "/root", "Users", "holiday", "ipykernel_", "/home"):
        assert secret not in text, secret
    assert "kept in RUN/srgan" in text and "open('RUN/a')" in text and "DATA/photos" in text
    assert "photo = '…/cat.png'" in text and "…/beach.jpg" in text


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/a/b/c.html and //cdn/x",
        "text/html and image/svg+xml, and/or/not",
        "<svg><path d='M1/2/3'/></svg></p></div>",
        "gancourse/chapters/srgan.py, line 3; ../runs/x/film.webp; ~/.cache/x",
        "1 / 2 / 3, 9/10, (N, C, H/2, W/2), 17.5 step/s",
        "ratio a:b, 10:30, std::vector",
    ],
)
def test_what_is_no_absolute_path_stays(text):
    assert outputs_of(printed(text))[0].text == text


def test_the_notebooks_of_the_course_name_no_absolute_path(repository):
    """So that nothing they show is taken for one."""
    found = []
    for path in sorted((repository / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, 4).cells:
            for output in cell.get("outputs", []):
                texts = [output.get("text", "")]
                texts += [v for k, v in output.get("data", {}).items() if k.startswith("text/")]
                found += [match[0] for text in texts for match in shrinking.PATHS.finditer(text)]
    assert found == []
