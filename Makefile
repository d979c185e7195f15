# SPDX-License-Identifier: GPL-2.0-or-later
# Two commands matter: `make run` boots a router, `make test` proves it. `make help` lists the rest.
PYTHON  ?= python3
PROFILE ?= standard
VERSION := $(shell cat image/version)
SUITES  ?= lint unit unit-device golden bpf netns web vm
export PATRONUS_CACHE PATRONUS_MIRROR KEYS
export PYTHONDONTWRITEBYTECODE = 1

.DEFAULT_GOAL := help
.PHONY: help run stop image release keys flash test test-unit test-vm lint bench soak schema bpf venv trees clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  PROFILE=minimal|standard|full|debug  KEYS=folder  PATRONUS_CACHE=folder  PATRONUS_MIRROR=url"

run: image  ## build the image and boot it in QEMU; WAN=user opens its WAN, KEEP=1 keeps the disk
	$(PYTHON) -m qemu.run $(if $(WAN),--wan $(WAN)) $(if $(KEEP),--keep) $(if $(filter minimal,$(PROFILE)),--no-page) \
		build/image/$(PROFILE)/patronus_$(VERSION).raw

stop:  ## end the router that `make run` started
	$(PYTHON) -m qemu.run --stop

image: venv trees  ## build the disk image of PROFILE in build/image/PROFILE, with PLUGINS=folder, OWN=folder; FORMAT=qcow2|vmdk
	$(PYTHON) -m image.build $(PROFILE) $(if $(PLUGINS),--plugins $(PLUGINS)) $(if $(OWN),--own $(OWN)) \
		$(if $(FORMAT),--format $(FORMAT))

release: image  ## write the signed files of an update of PROFILE into build/release/PROFILE
	$(PYTHON) -m image.release $(PROFILE)

keys: venv trees  ## make your Secure Boot and update keys in KEYS (never in the checkout); NEXT=1, TURN=1: the next update key
	$(PYTHON) -m image.keys $(if $(NEXT),--next) $(if $(TURN),--turn)

flash: image  ## write the image to DEVICE=/dev/sdX, after asking, and read it back
	$(PYTHON) -m image.flash --profile $(PROFILE) $(DEVICE)

test: venv trees image  ## everything: lint, unit, golden, bpf, netns, web, vm
	$(PYTHON) -m tests.suites $(SUITES)

test-unit: venv  ## the unit and golden tests on this machine's Python, under a minute
	$(PYTHON) -m tests.suites unit golden

test-vm: venv trees image  ## only what boots the image
	$(PYTHON) -m tests.suites vm

lint: venv trees  ## ruff, mypy --strict, import-linter, clang-format, shellcheck
	$(PYTHON) -m tests.suites lint

bench: venv trees image bpf  ## measure all, or ONLY="NAME …": python3 -m tests.bench --help
	$(PYTHON) -m tests.bench $(ONLY)

soak: venv trees image bpf  ## the full counts, for hours, or ONLY="NAME …": python3 -m tests.soak --help
	$(PYTHON) -m tests.soak $(ONLY)

schema: venv  ## write docs/schema anew from the models
	$$($(PYTHON) -c 'from image.host import cache; print(cache() / "venv/bin/python")') -m tests.golden.schema

bpf: venv trees  ## compile the XDP programs into build/bpf
	$(PYTHON) -m image.build --bpf

venv:
	@$(PYTHON) -m image.bootstrap

trees: venv
	@$(PYTHON) -m image.trees

clean:  ## remove what was built; downloads, trees and keys stay in the cache
	$(PYTHON) -m image.build --clean
