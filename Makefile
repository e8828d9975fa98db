# Thin: each target is the command a person would type.
SWIFT ?= swift
LIBVIRT ?= 1
TRAITS := $(if $(filter 0,$(LIBVIRT)),--disable-default-traits,)
FLAGS := -c release $(TRAITS)
FILTER ?= .
ROUNDS ?= 1

.PHONY: setup build test lint ci lab-setup lab-selftest lab-test lab-faults transport-benchmark

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

lab-setup:
	lab/lab setup

lab-selftest:
	lab/selftest

# Needs root. Rounds without a fault, one over TLS, and a short choice of faults.
lab-test: build lab-setup
	lab/test --rounds $(ROUNDS)

# Every fault, ROUNDS times.
lab-faults: build lab-setup
	lab/test --faults $(ROUNDS)

transport-benchmark: build
	.build/release/transport-benchmark
