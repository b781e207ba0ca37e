# jamd: two commands are the whole set-up, `make jam` to play and `make test`. Repeating either is quick.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

.PHONY: help jam all test
.DELETE_ON_ERROR:

help: ## list what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

jam: $(VENV)/jam.stamp ## set up, and hear jamd answer a bundled call: jam.mid, jam.png, with FluidSynth jam.wav
	$(BIN)/jamd jam

all: $(VENV)/all.stamp ## set up what more there is: training (torch, gigabytes of it) and Ableton Link
	@echo "jamd train and jamd listen --sync link are ready: $(BIN)/jamd"

test: $(VENV)/test.stamp ## set up with the real parts that tests play on, then check everything
	@command -v jackd >/dev/null || { $(call packages,$(REAL_PARTS)); }
	@command -v fluidsynth >/dev/null || { $(call packages,$(REAL_PARTS)); }
	@command -v chromium >/dev/null || { $(call packages,$(REAL_PARTS)); }
	@ls /usr/share/sounds/sf2/TimGM6mb.sf2 >/dev/null 2>&1 || { $(call packages,$(REAL_PARTS)); }
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest
	$(BIN)/python -m tests.fuzz.fuzz live page midi bundle config session --cases 100000

REAL_PARTS := jackd2 fluidsynth timgm6mb-soundfont chromium libasound2
# What python-rtmidi is built with, on a Python that it has no wheel for.
BUILDING := g++ pkg-config python3-dev libasound2-dev libjack-jackd2-dev

$(VENV)/venv.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11; name a newer one: make jam PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(call packages,python3-venv); }
	@[ "$$(uname)" != Linux ] || $(PYTHON) -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || \
		pkg-config --exists alsa jack 2>/dev/null || { $(call packages,$(BUILDING)); }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/jam.stamp: $(VENV)/venv.stamp pyproject.toml constraints.txt
	$(PIP) -e .
	@$(BIN)/python -c 'import rtmidi' 2>/dev/null || { $(call packages,libasound2); }
	@$(BIN)/python -c 'import rtmidi'
	@touch $@

$(VENV)/all.stamp: $(VENV)/jam.stamp
	$(PIP) -e '.[all]'
	@touch $@

$(VENV)/test.stamp: $(VENV)/jam.stamp
	$(PIP) -e '.[test]'
	-@! command -v npm >/dev/null || npm install --fetch-timeout=20000 --fetch-retries=1 --silent --no-audit --no-fund --no-package-lock --prefix tests/web
	@touch $@

# $(call packages,NAMES): install Debian packages where the caller may, else say the one line to run and fail.
# libasound2 is called libasound2t64 since Debian 13 and Ubuntu 24.04; apt knows which once it has its lists.
packages = \
	if [ "$$(id -u)" = 0 ]; then as_root=""; \
	elif sudo -n true 2>/dev/null; then as_root="sudo -n"; \
	else as_root=no; fi; \
	if [ "$$as_root" = no ] || ! command -v apt-get >/dev/null; then \
		echo "missing; run this, then make again: sudo apt-get install --no-install-recommends $(1)" >&2; exit 1; \
	fi; \
	names() { echo "$(1)" | sed "s/libasound2$$/$$(apt-cache pkgnames libasound2t64 | grep . || echo libasound2)/"; }; \
	install() { $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$(names); }; \
	install || { $$as_root apt-get update && install; }
