# Thin: each target is the command a person would type.
SWIFT ?= swift
LIBVIRT ?= 1
TRAITS := $(if $(filter 0,$(LIBVIRT)),--disable-default-traits,)
FLAGS := -c release $(TRAITS)
FILTER ?= .
NODES ?= 8
VMS ?= 64
SEED ?= 7
ROUNDS ?= 1
SEEDS ?= 1000

.PHONY: setup build test demo ring64 seeds mutants lint ci lab-setup lab-selftest lab-test lab-faults
.PHONY: transport-benchmark

setup:
	./setup

build:
	$(SWIFT) build $(FLAGS) --build-tests

# The suites that start programs need them built; a run of no test is a failure.
test: build
	./run-tests $(SWIFT) test $(FLAGS) --disable-xctest --skip-build --filter '$(FILTER)'

# A ring of NODES daemons with modelled hosts repairs an overload drawn from SEED, and tells how.
demo: setup build
	rings/demo --nodes $(NODES) --vms $(VMS) --seed $(SEED)

# 64 daemons, 640 modelled guests, 8 overloads at once; rings/out/ring64 has the picture.
ring64: build
	rings/ring64 --seed $(SEED)

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

# Rings under faults in virtual time: P1-P11 in SEEDS seeds.
seeds:
	$(SWIFT) build $(FLAGS) --product fault-campaign
	.build/release/fault-campaign --count $(SEEDS)

# Each patch of mutants/ must break an invariant within a few seeds.
mutants:
	SWIFT='$(SWIFT)' FLAGS='$(FLAGS)' mutants/run

transport-benchmark: build
	.build/release/transport-benchmark
