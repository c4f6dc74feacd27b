"""Your own pictures on the command line: `--data FOLDER`, and how a run finds them again.

A run that was trained on them keeps data.json in its folder: where they were, and how they were
read. Whether they are still the same is decided by the checksum in its config.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from gancourse.files import CourseError, read_json, write_json
from gancourse.recipe import Recipe, spell, split_pair

RECORD = "data.json"
HOLDS = {
    "pictures": "pictures",
    "classes": "one folder of pictures for each class",
    "pairs": "files with A left of B, or folders A and B (give --direction); or photos (give "
    "--make)",
    "captions": "pictures and captions.json, or cat.txt beside each cat.jpg; or CUB-200-2011 or "
    "Oxford-102 flowers, with their captions in text_c10",
    "photos": "photos of any size",
}


@dataclass(frozen=True)
class Own:
    """A folder of your own pictures, and how its pairs are read.

    Attributes:
        direction: "AtoB" or "BtoA", of pairs that lie there.
        make: "grey", "edges" or "hole": the inputs are made from photos.
    """

    folder: Path
    direction: str | None = None
    make: str | None = None

    @classmethod
    def given(cls, folder: Path | None, direction: str | None, make: str | None) -> Self | None:
        """What the options say; None without any.

        Raises:
            CourseError: an option that is for your own pictures, and no folder of them.
        """
        if folder:
            return cls(folder, direction, make)
        for name, value in (("direction", direction), ("make", make)):
            if value:
                raise CourseError(
                    f"--{name} {value}: is for pictures of your own; add --data FOLDER, or leave "
                    "it out."
                )
        return None

    @classmethod
    def of_run(cls, run: str | Path) -> Self | None:
        """What a run's folder says that it was trained on; None if it does not say."""
        path = Path(run) / RECORD
        if not path.is_file():
            return None
        known = read_json(path)
        return cls(Path(known["folder"]), known["direction"], known["make"])

    def write(self, run: Path, pictures: Any) -> None:
        """Note them in a run's folder, with the words that its labels stand for."""
        known = {**asdict(self), "folder": str(self.folder.resolve())}
        write_json(run / RECORD, {**known, "words": words(pictures)})

    def how(self, config: Recipe) -> str:
        """What is done to each picture, in words."""
        from gancourse.data.folders import HOW, HOW_PHOTOS

        return HOW_PHOTOS if config.takes == "photos" else HOW

    def read(self, config: Recipe, *, learning: bool = True) -> Any:
        """The pictures in the shape of a config: see `gancourse.data.folders.own`."""
        from gancourse.data import folders

        how = {"direction": self.direction, "make": self.make, "learning": learning}
        shape = config.shape
        if side := config.options.get("side"):  # crops with a border that the game cuts off
            shape = shape[0], side, side
        return folders.own(config.takes, self.folder, shape=shape, **how)

    def suit(self, recipe: type[Recipe], scale: str, changes: Sequence[str]) -> tuple[Recipe, Any]:
        """(config, pictures): a chapter's recipe for the pictures, and the pictures for the recipe.

        Args:
            changes: such as "steps=500"; they outrank what the chapter sets for a reader's own
                pictures.

        Raises:
            CourseError: the form draws no pictures, a change contradicts the pictures, or they
                cannot be read.
        """
        asked = dict(map(split_pair, changes))
        refuse_other_games(recipe, scale, asked.get("form"))
        usual = [f"{name}={spell(value)}" for name, value in recipe.OWN.items()]
        config = recipe.read(scale, [*usual, *changes])
        pictures = self.read(config)
        suited = config.suited(pictures)
        for name in asked:
            found = getattr(suited, name)
            if found != getattr(config, name):
                raise CourseError(
                    f"{name}={asked[name]}: with --data it is {spell(found)}; leave it out."
                )
        return suited, pictures


def refuse_other_games(recipe: type[Recipe], scale: str, form: str | None) -> None:
    """Raise a CourseError unless a chapter's form learns from pictures that a reader may bring."""
    if not recipe.OWN:
        raise CourseError(
            f"--data: chapter {recipe.chapter} cannot learn from pictures of your own; leave it "
            "out."
        )
    config = recipe.at(scale, form)
    if len(config.shape) != 3:
        able = [each for each in recipe.FORMS if len(recipe.at(scale, each).shape) == 3]
        raise CourseError(
            f"--data: form={config.form} draws points, not pictures; choose -s "
            f"form={' or '.join(able)}."
        )


def words(pictures: Any) -> dict[str, tuple[str, ...]]:
    """Column -> the words that its numbers 0, 1, ... stand for, such as the names of classes."""
    return getattr(pictures, "words", {})


def of_model(model: str, given: Own | None) -> Own | None:
    """The pictures to measure a run against: those given, read as its own were; else its own."""
    known = Own.of_run(model)
    if not given or not known:
        return given or known
    as_before = not (given.direction or given.make)
    return replace(known, folder=given.folder) if as_before else given
