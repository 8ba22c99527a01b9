PYTHON ?= python3
BIN := .venv/bin
PROFILE ?= smoke

.PHONY: help setup book read test test-book lint clean

help:           ## show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/ —/'

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

setup: .venv/ready ## make a virtual environment with everything the project needs

book: setup     ## execute the chapters and build the book: PROFILE=smoke (minutes), cpu or paper
	$(BIN)/gasp experiments run --profile $(PROFILE)
	$(BIN)/gasp book run --profile $(PROFILE)
	$(BIN)/gasp book build --profile $(PROFILE)

read: setup     ## build the book from the committed results, without training
	$(BIN)/gasp book build --profile cpu

lint: setup     ## check style, types and the layers of the package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint      ## lint, then run all tests but those in the browser
	$(BIN)/python -m pytest

test-book: setup ## open every page of the smoke and the published book in headless Chromium
	$(BIN)/gasp experiments run --profile smoke
	$(BIN)/gasp book run --profile smoke
	$(BIN)/gasp book build --profile smoke
	$(BIN)/gasp book build --profile cpu
	$(BIN)/python -m pytest -m browser

clean:          ## remove the environment and the built books; results stay
	rm -rf .venv _build
