# Thin: each target is the command a person would type.
SWIFT ?= swift
LIBVIRT ?= 1
TRAITS := $(if $(filter 0,$(LIBVIRT)),--disable-default-traits,)
FLAGS := -c release $(TRAITS)
FILTER ?= .

.PHONY: setup build test lint ci lab-selftest transport-benchmark

setup:
	./setup

build:
	$(SWIFT) build $(FLAGS) --build-tests

# The suites that start programs need them built; a run of no test is a failure.
test: build
	./run-tests $(SWIFT) test $(FLAGS) --disable-xctest --skip-build --filter '$(FILTER)'

lint:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests Benchmarks

ci: lint test

lab-selftest:
	lab/selftest

transport-benchmark: build
	.build/release/transport-benchmark
