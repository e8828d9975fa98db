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

.PHONY: setup build test demo ring64 seeds vopr mutants lint ci lab-setup lab-selftest lab-test lab-faults lab-hosts lab-deploy
.PHONY: setup-batch lab-batch lab-deploy-short lab-deaths lab-load lab-bare
.PHONY: transport-benchmark placement-benchmark migration-benchmark simulation-benchmark deploy-scale idle

setup:
	./setup

build:
	$(SWIFT) build $(FLAGS) --build-tests

# The suites that start programs need them built. They run apart from the others: a process that is just being started
# holds the sockets of all tests in its parent for a moment, and a closed one then still answers.
PROGRAM_SUITES := ProcessTests|dvmsTests
# These start shells and sshd, and wait for them while the others keep every thread busy: so they run apart as well.
SHELL_SUITES := LocalShellTests|OpenSSHShellTests|KeptConnectionTests|FileTransferTests|FanOutTests|TreeOverSSHTests|SSHHostsTests|SpreadOverSSHTests|AdmissionTests|PushTests|HostScriptTests|KadeployClientTests
# These measure what the whole test process allocates, so they run alone.
MEASURING_SUITES := MembershipMemoryTests
# These need hosts of a lab: lab/host-test runs them.
LAB_SUITES := LabHostTests
TEST := ./run-tests $(SWIFT) test $(FLAGS) --disable-xctest --skip-build

test: build
ifeq ($(FILTER),.)
	$(TEST) --skip '$(PROGRAM_SUITES)|$(SHELL_SUITES)|$(MEASURING_SUITES)|$(LAB_SUITES)'
	$(TEST) --filter '$(MEASURING_SUITES)'
	$(TEST) --filter '$(SHELL_SUITES)'
	$(TEST) --filter '$(PROGRAM_SUITES)'
else
	$(TEST) --filter '$(FILTER)'
endif

# A ring of NODES daemons with modelled hosts repairs an overload drawn from SEED, and tells how.
demo: setup build
	rings/demo --nodes $(NODES) --vms $(VMS) --seed $(SEED)

# 64 daemons, 640 modelled guests, 8 overloads at once; rings/out/ring64 has the picture.
ring64: build
	rings/ring64 --seed $(SEED)

lint:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests Benchmarks

# One after the other, whatever -j says: each measures times.
ci: lint
	$(MAKE) test
	$(MAKE) demo
	$(MAKE) ring64
	$(MAKE) lab-test ROUNDS=1
	$(MAKE) lab-deploy-short

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

# Needs root. The deployer's scripts on two hosts, over ssh.
lab-hosts: build lab-setup
	lab/host-test

# Needs root. A fleet of 20 guests and its agents on eight hosts that have nothing but an sshd: killed on the way and carried on,
# an overload repaired, one host lost, destroyed.
lab-deploy: build lab-setup
	lab/deploy-test --full --bare sshd

# The same with six guests on four hosts that have libvirt and QEMU.
lab-deploy-short: build lab-setup
	lab/deploy-test

# Needs root. A host dies in each stage of a deployment, and a spare takes its place.
lab-deaths: build lab-setup
	lab/deploy-test --deaths

# Needs root. Load in four guests of two hosts, one of which moves meanwhile.
lab-load: build lab-setup
	lab/load-test

# Needs root. A fleet on hosts that have nothing but an sshd, and on such with systemd.
lab-bare: build lab-setup
	lab/deploy-test --small --bare sshd
	lab/deploy-test --small --bare systemd

# Needs root. OAR and Slurm, for lab-batch alone.
setup-batch:
	lab/setup-batch

# Needs root. A fleet on hosts that a real OAR, and then a real Slurm, give.
lab-batch: build lab-setup setup-batch
	lab/batch-test

# Rings under faults in virtual time: P1-P14 in SEEDS seeds.
seeds:
	$(SWIFT) build $(FLAGS) --product fault-campaign
	.build/release/fault-campaign --count $(SEEDS)

# The same for as long as you let it: rings of 16 to 64 nodes, half an hour each, on all processors.
vopr:
	$(SWIFT) build $(FLAGS) --product fault-campaign
	./vopr --seeds $(SEEDS)

# Each patch of mutants/ must break an invariant within a few seeds.
mutants:
	SWIFT='$(SWIFT)' FLAGS='$(FLAGS)' mutants/run

transport-benchmark: build
	.build/release/transport-benchmark

# The solver beside CP-SAT, hbal (apt ganeti-htools), ProxLB and a naive greedy; fails where it falls short.
placement-benchmark: build
	Benchmarks/Placement/run

# The modelled hosts' migrations beside SimGrid's (apt libsimgrid-dev), and beside real ones between two lab hosts.
migration-benchmark: build
	Benchmarks/Migration/run --lab

# What the simulator takes for 8,000 and 100,000 nodes, and whether decisions stay as they are at 500; fails beyond the limits.
simulation-benchmark:
	$(SWIFT) build $(FLAGS) --product dvms
	Benchmarks/Simulation/run

# What the deployer takes for 8 to 512 modelled hosts with 20 VMs each; fails beyond the limits.
deploy-scale:
	$(SWIFT) build $(FLAGS) --product dvms
	Benchmarks/Deploy/run

# What 64 daemons cost while nothing happens; fails beyond the limits.
idle: build
	rings/idle
