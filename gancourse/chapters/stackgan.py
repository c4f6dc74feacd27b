"""Chapter 4. StackGAN: from words to a picture in two stages (Zhang et al. 2016).

arXiv 1612.03242. A sentence is one condition more than a label: nobody has ever drawn most of the
pictures that it may ask for. Stage I draws a small one, with its things in their places and
colours. Stage II takes it, reads the sentence again, and draws the large one.

words   the text encoder: sentences and pictures that belong together get vectors that are alike
stage1  sentence -> small picture
stage2  small picture and sentence -> large picture
free    the text encoder's vectors, for sentences of any words
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from gancourse.chapters.stackgan_networks import (
    Augmentation,
    ConditionalNorm,
    Discriminator,
    Generator,
    PaperDiscriminator,
    PaperGenerator,
    PaperRefiner,
    Refiner,
)
from gancourse.chapters.stackgan_words import (
    KEPT,
    FreeWords,
    StateEncoder,
    WordEncoder,
    Words,
    adam,
    known_facts,
    mismatch,
    require_captions,
    tell_apart,
)
from gancourse.conditions import Condition, latents
from gancourse.files import CourseError
from gancourse.game import Batch, Drawing, Game, Phase, Terms, every_text, in_parts, sampling
from gancourse.layers import gaussian_latents, halvings, unmoved
from gancourse.losses import LOSSES, zero_centred
from gancourse.recipe import Recipe, setting
from gancourse.text import words

__all__ = [
    "Augmentation",
    "ConditionalNorm",
    "Config",
    "Discriminator",
    "FreeWords",
    "Generator",
    "PaperDiscriminator",
    "PaperGenerator",
    "PaperRefiner",
    "Refiner",
    "StageOne",
    "StageTwo",
    "StateEncoder",
    "WordEncoder",
    "Words",
    "between",
    "mismatch",
    "spoiled",
    "tell_apart",
]

# What a CPU can do in hours; each part of the lean form stands with its source below.
LEAN = {
    "network": "compact", "loss": "hinge", "latent": 32, "condition": 64, "kl": 0.02,
    "contrast": 1.0, "r1": 2.0, "lr": 8e-4, "beta1": 0.0, "beta2": 0.99, "anneal": 0.35,
    "ema": 0.998, "temperature": 0.5,
}  # fmt: skip
STAGE1 = {
    **LEAN, "shape": (3, 32, 32), "width": 32, "width_d": 40, "batch_size": 64, "resize": True,
}  # fmt: skip
STAGE2 = {
    **LEAN, "shape": (3, 64, 64), "small": 32, "width": 48, "width_d": 32, "batch_size": 16,
    "restore": 2.0, "text": "stackgan-words", "first": "stackgan-stage1",
}  # fmt: skip
FORMS: dict[str, dict] = {
    "words": {"shape": (3, 32, 32), "batch_size": 256, "lr": 2e-3, "anneal": 0.5, "steps": 2_000},
    "stage1": {**STAGE1, "text": "stackgan-words", "steps": 13_000},
    "stage2": {**STAGE2, "steps": 6_000},
    "free": {
        "shape": (3, 32, 32), "batch_size": 128, "lr": 2e-3, "anneal": 0.5, "steps": 1_500,
        "text": "stackgan-words",
    },
}  # fmt: skip
SHORT, FEW = {"ema": 0.98}, {"rows": 2_000}
# The paper takes its encoder from others, so that words and free have no larger recipe.
PAPERS = {
    "network": "paper", "loss": "non-saturating", "latent": 100, "condition": 128, "kl": 2.0,
    "contrast": 0.0, "r1": 0.0, "lr": 2e-4, "beta1": 0.5, "beta2": 0.999, "anneal": 0.0,
    "ema": 0.0, "temperature": 1.0, "width": 128, "width_d": 64, "batch_size": 64,
    "steps": 82_000,
}  # fmt: skip
FACE_WORDS = {"text": "stackgan-faces-words"}
PORTRAITS = {
    "stage1 portraits": FACE_WORDS,
    "stage2 portraits": {**FACE_WORDS, "first": "stackgan-faces-stage1"},
}
SCALES: dict[str, dict[str, dict]] = {
    "check": {
        "words": {**FEW, "steps": 60, "batch_size": 128},
        "stage1": {**FEW, **SHORT, "steps": 60, "width": 16, "width_d": 16},
        "stage2": {**FEW, **SHORT, "steps": 20, "width": 16, "width_d": 16},
        "free": {"rows": 300, "steps": 20, "batch_size": 32},
        **PORTRAITS,
    },
    "class": {
        "words": {"steps": 600},
        "stage1": {**SHORT, "steps": 800},
        "stage2": {**SHORT, "steps": 400},
        "free": {"rows": 6_000, "steps": 400},
        **PORTRAITS,
    },
    "full": {
        "stage1 portraits": {**PORTRAITS["stage1 portraits"], "steps": 6_000},
        "stage2 portraits": {**PORTRAITS["stage2 portraits"], "steps": 2_000},
    },
    "gpu": {
        "stage1": {**PAPERS, "shape": (3, 64, 64), "resize": False},
        "stage2": {
            **PAPERS,
            "shape": (3, 256, 256),
            "small": 64,
            "restore": 0.0,
            "first": "stage1-gpu",
        },
        "stage1 portraits": FACE_WORDS,
        "stage2 portraits": FACE_WORDS,
    },
}
STAGES, FREE = {"form": ("stage1", "stage2")}, {"form": ("free",)}
COMPACT = {"network": ("compact",)}
LETTERS = 240  # bytes of a caption that are kept


@dataclass(frozen=True)
class Config(Recipe):
    """Every number of a run. The defaults are the paper's and its code's (birds, section 4)."""

    chapter, FORMS, SCALES, DEFAULT = "stackgan", FORMS, SCALES, "stage1"
    takes, OWN = "captions", {"split": "train"}

    form: str = "stage1"
    shape: tuple[int, ...] = (3, 64, 64)
    pictures: str = "scenes"
    steps: int = 82_000
    batch_size: int = 64
    rows: int = setting(0, "pictures that are drawn; 0: all", least=0)
    vocabulary: int = setting(160, "words that the encoder has room for", least=1)
    embedding: int = setting(128, "length of a sentence's vector", least=1)
    text: str = setting(
        "", "published encoder or run of form words", only={"form": ("stage1", "stage2", "free")}
    )
    reader: str = setting("minilm", "of gancourse.language", only=FREE)
    states: int = setting(384, "length of the reader's vectors", least=1, only=FREE)
    drop: float = setting(
        0.3, "fraction of a reader's numbers that are hidden in training", least=0, below=1,
        only=FREE,
    )  # fmt: skip
    first: str = setting("", "published Stage I or run of it", only={"form": ("stage2",)})
    small: int = setting(64, "side of Stage I's pictures", least=8, only={"form": ("stage2",)})
    network: str = setting(
        "paper", "the paper's or a lean one", choices=("paper", "compact"), only=STAGES
    )
    width: int = setting(128, "G's channels at its last map but one", least=1, only=STAGES)
    width_d: int = setting(64, "D's channels at its first map", least=1, only=STAGES)
    condition: int = setting(128, "numbers of c, the sentence as G gets it", least=1, only=STAGES)
    latent: int = setting(100, "numbers of z", least=1, only=STAGES)
    augmentation: bool = setting(True, "draw c; False: c is its mean", only=STAGES)
    kl: float = setting(2.0, "weight of the augmentation's divergence", least=0, only=STAGES)
    wrong: str = setting(
        "true", "captions that D must refuse: truly wrong ones, the next picture's, or none",
        choices=("true", "next", "none"), only=STAGES,
    )  # fmt: skip
    restore: float = setting(
        0.0, "weight of restoring real pictures that were shrunk and spoiled", least=0,
        only={**COMPACT, "form": ("stage2",)},
    )  # fmt: skip
    resize: bool = setting(
        False, "G enlarges its maps by neighbours and a convolution, not by a transposed one",
        only={**COMPACT, "form": ("stage1",)},
    )  # fmt: skip
    reads: bool = setting(True, "Stage II gets the sentence", only={"form": ("stage2",)})
    loss: str = setting(
        "non-saturating", "of gancourse.losses", choices=("non-saturating", "hinge"), only=STAGES
    )
    contrast: float = setting(
        0.0, "weight of telling pairs of a batch apart", least=0, only=COMPACT
    )
    between: float = setting(
        0.0, "weight of G's pictures halfway between two sentences", least=0, only=COMPACT
    )
    r1: float = setting(0.0, "weight of D's slope on real pictures", least=0, only=COMPACT)
    temperature: float = setting(
        1.0, "deviation of the noise that pictures are drawn from", least=0, only=STAGES,
        trains=False,
    )  # fmt: skip
    lr: float = setting(2e-4, "Adam's rate", above=0)
    beta1: float = setting(0.5, "Adam's first moment", least=0, below=1)
    beta2: float = setting(0.999, "Adam's second moment", least=0, below=1)
    anneal: float = setting(
        0.0, "last part of the steps, over which rates fall to 0", least=0, most=1
    )

    def __post_init__(self):
        super().__post_init__()
        if self.form != "words" and not self.text:
            raise CourseError(
                f"text='': form={self.form!r} reads sentences by an encoder; give the name of a "
                "published one, or the folder of a run of form=words."
            )
        if self.form == "stage2" and not self.first:
            raise CourseError(
                "first='': form='stage2' repaints what Stage I draws; give the name of a published "
                "one, or the folder of a run of form=stage1."
            )
        if self.form in STAGES["form"]:
            halvings(self.shape)
        if self.form == "stage2":
            times = [self.small << i for i in ((2,) if self.network == "paper" else (1, 2, 3))]
            if self.shape[1] not in times:
                raise CourseError(
                    f"shape={self.shape}: Stage I draws small={self.small} px; give a side of "
                    f"{' or '.join(map(str, times))} px."
                )

    @property
    def options(self) -> dict:
        """Pictures are drawn at the size, and in the number, that is asked for."""
        return {"size": self.shape[1], "n": self.rows or None}

    @property
    def borrows(self) -> dict[str, str]:
        names = {"words": (), "stage2": ("text", "first")}.get(self.form, ("text",))
        return {name: getattr(self, name) for name in names}

    @property
    def readers(self) -> dict[str, str]:
        return {"reader": self.reader} if self.form == "free" else {}

    def build(self) -> Words | FreeWords | StageOne:
        """The game with fresh weights, drawn from torch's global random state."""
        games = {"words": Words, "stage1": StageOne, "stage2": StageTwo, "free": FreeWords}
        return games[self.form](self)

    def suited(self, data) -> Self:
        known = {word for text in every_text(data, "caption") for word in words(text)}
        return replace(super().suited(data), vocabulary=max(1, len(known)))


class StageOne(Game):
    """Sentence -> small picture. D judges pairs: a real picture with a wrong sentence is a fake.

    A batch holds "image" (N, C, H, W) in [-1, 1] and "caption", a list of N strings; "facts" and
    "said" where the data know what is shown and what is said.
    """

    conditions = (Condition("text", str, "a sentence"),)
    averaged = ("generator",)

    def __init__(self, config: Config):
        super().__init__(config)
        self.generator, self.discriminator = self.networks()
        self.rules = LOSSES[config.loss]
        self.register_buffer("captions", torch.zeros(KEPT, LETTERS, dtype=torch.uint8))

    def networks(self) -> tuple[nn.Module, nn.Module]:
        if self.config.network == "paper":
            return PaperGenerator(self.config), PaperDiscriminator(self.config)
        return Generator(self.config), Discriminator(self.config)

    @property
    def latent_size(self) -> int:
        """Numbers that one picture takes: noise for c, then z."""
        return self.config.condition + self.config.latent

    def noise(self, n: int, size: int, dice: torch.Generator) -> Tensor:
        """Latents (n, size) as `sample` draws them."""
        return self.config.temperature * gaussian_latents(n, size, dice)

    def begin(self, data: Mapping) -> None:
        require_captions(data, self.config.shape)
        rows = torch.arange(KEPT) * len(data["caption"]) // KEPT
        for row, i in zip(self.captions, rows.tolist(), strict=True):
            letters = data["caption"][i].encode()[:LETTERS]
            row[: len(letters)] = torch.tensor(list(letters), dtype=torch.uint8)

    @property
    def kept(self) -> list[str]:
        """Captions of training pictures, which the pictures of progress show."""
        texts = [bytes(row).rstrip(b"\0").decode(errors="ignore") for row in self.captions.tolist()]
        return [text for text in texts if text] or ["a"]

    def phases(self) -> list[Phase]:
        how = adam(self.config)
        judging = self.turn(
            "discriminator", self.discriminator_loss, *how, twice=self.config.r1 > 0
        )
        return [judging, self.turn("generator", self.generator_loss, *how)]

    def share(self, batch: Batch) -> Batch:
        """What both turns need: the sentences as vectors, which fit which picture, and G's
        pictures of them.
        """
        with torch.no_grad():
            text = self.borrowed["text"].read(batch["caption"])
        latent = gaussian_latents(len(text), self.latent_size, device=text.device)
        made, divergence = self.draw(text, latent)
        wrong = mismatch(*known_facts(batch))
        return {**batch, "text": text, "made": made, "kl": divergence, "wrong": wrong}

    def draw(self, text: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors (N, T), latents (N, latent_size) -> pictures (N, *shape), divergence."""
        return self.generator(text, latent)

    def discriminator_loss(self, batch: Batch) -> Terms:
        config, text, image = self.config, batch["text"], batch["image"]
        d = self.discriminator
        seen = d.picture(image)
        real, fake = d(seen, text), d(d.picture(batch["made"].detach()), text)
        terms = self.rules.discriminator(real, fake)
        if config.wrong != "none":
            other = d(seen, text[self.others(batch["wrong"])])
            wrong = self.rules.discriminator(real, other)["fake"]
            terms |= {"fake": terms["fake"] / 2, "wrong": wrong / 2}
        if config.contrast:
            apart = tell_apart(d.agreement(seen, text), batch["wrong"])
            terms["contrast"] = config.contrast * apart
        if config.r1:
            # One step in eight, eight times as strong (Karras et al. 2020, appendix B).
            terms["r1"] = text.new_zeros(())
            if torch.rand(()) < 1 / 8:
                slope = zero_centred(lambda x: d(d.picture(x), text), image)
                terms["r1"] = 8 * config.r1 * slope
        return terms

    def others(self, wrong: Tensor) -> Tensor:
        """For each picture of a batch the row of a caption that D must refuse, (N,) int64."""
        if self.config.wrong == "next":
            return torch.arange(len(wrong), device=wrong.device).roll(1)
        return torch.multinomial(wrong + 1e-6, 1).squeeze(1)  # in a batch where all fit, any

    def generator_loss(self, batch: Batch) -> Terms:
        config, text, d = self.config, batch["text"], self.discriminator
        seen = d.picture(batch["made"])
        terms = self.rules.generator(d(seen, text), None)
        if config.contrast:
            apart = tell_apart(d.agreement(seen, text), batch["wrong"])
            terms["contrast"] = config.contrast * apart
        if config.between:
            mean = between(text)
            latent = gaussian_latents(len(mean), self.latent_size, device=mean.device)
            made, _ = self.draw(mean, latent)
            fooled = self.rules.generator(d(d.picture(made), mean), None)
            terms["between"] = config.between * sum(fooled.values())
        if config.augmentation and config.kl:
            terms["kl"] = config.kl * batch["kl"]
        return terms

    def encode(self, text: str | Sequence[str], n: int | None = None) -> Tensor:
        """Sentences as vectors (n, T); see `Words.encode`."""
        return self.borrowed["text"].encode(text, n)

    def unknown(self, text: str) -> dict[str, str]:
        """The words of a sentence that are not known, each with the nearest that is, or ""."""
        return self.borrowed["text"].unknown(text)

    def drawing(self) -> Drawing:
        sizes = {"text": self.config.embedding, "latent": self.latent_size}
        return Drawing(self.generator, {name: torch.zeros(1, n) for name, n in sizes.items()})

    def sample(
        self,
        n: int | None = None,
        *,
        text: str | Sequence[str] | Tensor | None = None,
        seed: int = 0,
        latent: Tensor | None = None,
    ) -> Tensor:
        """`n` pictures of what a sentence says, (n, *shape) in [-1, 1].

        Args:
            text: a sentence for all, one per picture, or vectors (n, T) as `encode` makes them.
                None: the kept captions in turn.
            seed: of the latents. Their deviation is the Config's temperature: below 1 fewer
                pictures are odd, and they differ less (Kingma & Dhariwal 2018, Glow, section 6).
            latent: your own, (n, latent_size): noise of the augmentation, then z.

        Raises:
            CourseError: no word of a sentence is known, or shapes that do not fit each other.
        """
        if n is None and latent is None and text is not None and not isinstance(text, str):
            n = len(text)
        z = latents(latent, n, self.latent_size, seed, self.noise)
        if text is None:
            kept = self.kept
            text = [kept[i % len(kept)] for i in range(len(z))]
        vectors = text if isinstance(text, Tensor) else self.encode(text, len(z))
        size = self.config.embedding
        if vectors.shape != (len(z), size):
            raise CourseError(f"text: shape {tuple(vectors.shape)}; give ({len(z)}, {size}).")
        with sampling(self):
            made = in_parts(self.picture, vectors.to(self.device), z.to(self.device))
        return made.clamp(-1, 1)

    def picture(self, text: Tensor, latent: Tensor) -> Tensor:
        return self.draw(text, latent)[0]

    def preview(self) -> Tensor:
        return self.sample(KEPT)


def between(text: Tensor) -> Tensor:
    """Vectors (N, T) -> those halfway between two neighbours, as long as they, (N / 2, T),
    rounded up where N is odd.

    Nobody has pictures of these, but D can say whether one would fit (Reed et al. 2016,
    arXiv 1605.05396, section 4.3).
    """
    pairs = (text + text.roll(1, 0))[::2]
    return normalize(pairs, dim=1) * text.shape[1] ** 0.5


def spoiled(pictures: Tensor, side: int) -> Tensor:
    """Pictures (N, C, H, W) as a poor Stage I might draw them, (N, C, side, side).

    They are shrunk to that side, a half or a third of it, and made noisy, each to
    another degree.
    """
    part = int(torch.randint(1, 4, ()))
    small = interpolate(pictures, side // part, mode="bilinear", antialias=True)
    small = interpolate(small, side, mode="bilinear")
    amount = 0.4 * torch.rand(len(small), 1, 1, 1, device=small.device)
    return small + amount * torch.randn_like(small)


class StageTwo(StageOne):
    """Small picture and sentence -> large picture (section 3.3.2).

    Stage I is borrowed: frozen and in eval mode, it draws what this stage repaints. D is a new one,
    for large pictures.
    """

    def networks(self) -> tuple[nn.Module, nn.Module]:
        config = self.config
        if config.network == "paper":
            return PaperRefiner(config), PaperDiscriminator(config)
        return Refiner(config), Discriminator(config)

    def borrow(self, name: str, network: nn.Module) -> None:
        config = self.config
        if name == "first" and network.config.shape[1] != config.small:
            raise CourseError(
                f"small={config.small}: Stage I draws {network.config.shape[1]} px; give "
                f"small={network.config.shape[1]}, or another Stage I."
            )
        super().borrow(name, network)

    @property
    def latent_size(self) -> int:
        """Numbers that one picture takes: those of Stage I, then noise for this stage's c."""
        return self.borrowed["first"].latent_size + self.config.condition

    def drawing(self) -> Drawing:
        small = torch.zeros(1, self.config.shape[0], self.config.small, self.config.small)
        text, noise = (torch.zeros(1, n) for n in (self.config.embedding, self.config.condition))
        return Drawing(self.generator, {"small": small, "text": text, "noise": noise})

    def draw(self, text: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        size = self.borrowed["first"].latent_size
        with torch.no_grad():
            small, _ = self.borrowed["first"].draw(text, latent[:, :size])
        read = text if self.config.reads else torch.zeros_like(text)
        return self.generator(small, read, latent[:, size:])

    def generator_loss(self, batch: Batch) -> Terms:
        """The game's terms, and one with an answer: real pictures, spoiled.

        Cascades of diffusion models learn their later stages in this way (Ho et al. 2021,
        section 4). What noise has made unreadable, only the sentence can tell.
        """
        terms, config = super().generator_loss(batch), self.config
        if config.restore:
            image, text = batch["image"], batch["text"]
            read = text if config.reads else torch.zeros_like(text)
            noise = gaussian_latents(len(text), config.condition, device=text.device)
            with unmoved(self.generator):  # it will never be given spoiled pictures
                made, _ = self.generator(spoiled(image, config.small), read, noise)
            terms["restore"] = config.restore * (made - image).abs().mean()
        return terms

    def stages(self, n: int, **how) -> tuple[Tensor, Tensor]:
        """The same pictures after each stage: (n, *small), (n, *shape) in [-1, 1]."""
        if not isinstance(how.get("text"), (Tensor, type(None))):
            how["text"] = self.encode(how["text"], n)  # by one encoder for both
        first, size = self.borrowed["first"], self.borrowed["first"].latent_size
        seed = how.pop("seed", 0)
        z = latents(how.pop("latent", None), n, self.latent_size, seed, self.noise)
        return first.sample(n, latent=z[:, :size], **how), self.sample(n, latent=z, **how)
