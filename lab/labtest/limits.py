"""Every wait of the test has a name and an end. In seconds unless the name says otherwise.

They bound what a machine with two busy cores may need: a limit that is reached is a failure, not a measurement."""

from __future__ import annotations

# The ring that is tested
HOSTS = 4
GUESTS = 12
GUEST_NAMES = [f"vm{number}" for number in range(1, GUESTS + 1)]
# How busy each of two guests of one host is made, in percent of its virtual CPU: together more than configs/lab.yaml
# lets a host have, alone less.
LOAD_PERCENT = 60
BUSY_GUESTS = 2
# What busy guests write meanwhile, so that a page that is lost on the way would show.
DIRTY_KIBPS = 256
DIRTY_MIB = 4

# A copy that can be hit by a fault
SLOW_MIB_PER_SECOND = 5
SLOW_COPY_SECONDS_MIN = 10
# TLS is asked of QEMU while it copies, which takes a few looks.
TLS_MIB_PER_SECOND = 16
# A fault strikes while this much is left to be sent: enough that the copy cannot end between look and blow.
STRIKE_REMAINING_MIB_MIN = 10
STRIKE_REMAINING_MIB_MAX = 55
# A handover is waited for with one agent stopped, so the copy shall be nearly done.
HANDOVER_REMAINING_MIB_MAX = 25

# Waiting
LOOK = 0.2
GUEST_START_MAX = 120
GUESTS_READY_MAX = 180
DAEMON_READY_MAX = 60
DAEMON_STOP_MAX = 60
CONTROL_ANSWER_MAX = 10
JOB_ANSWER_MAX = 30
GUEST_ANSWER_MAX = 60
RING_COMPLETE_MAX = 60
# From load inside guests to memory that flows: smoothing, hold time, reservation of neighbours, solving.
OVERLOAD_SEEN_MAX = 90
# One migration at full speed, and one slowed.
MIGRATION_MAX = 60
SLOW_MIGRATION_MAX = 120
# After the last migration: releases answered, smoothed load below the threshold, nothing in doubt.
QUIET_MAX = 120

# A flight at SLOW_MIB_PER_SECOND: 3 x 96 MiB / 5 MiB/s is below the floor of 60 s, and the destination waits a request
# time-out and a margin longer (docs/protocol.md, T5).
FLIGHT_MAX = 62
LEASE = 10
# A busy machine, and the pauses between looks.
SLACK = 20
SETTLE_MAX = FLIGHT_MAX + LEASE + SLACK
# A doubt that stands for so long is not about to be settled by those who still live.
DOUBT_STANDS = 15
# After everything is mended: a start of a daemon, and one more flight.
MENDED_MAX = SETTLE_MAX + DAEMON_READY_MAX

STALL = 30
# A ring that starts another repair while it is judged is judged again so often.
JUDGEMENTS_MAX = 5
# Between looks for a guest that runs twice.
SENTRY_PAUSE = 1.0
