#define _GNU_SOURCE
#include "activity.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NANOSECONDS_PER_SECOND = 1000000000,
    LOAD_PERIOD_NANOSECONDS = 100000000,
    DIRTY_PERIOD_NANOSECONDS = 50000000,
    /* Left to the guest: an allocation would succeed, and kill it when the memory is touched. */
    RESERVE_MIB = 8,
};

int64_t now(clockid_t clock) {
    struct timespec value;
    clock_gettime(clock, &value);
    return value.tv_sec * (int64_t)NANOSECONDS_PER_SECOND + value.tv_nsec;
}

static void sleep_until(int64_t instant) {
    struct timespec value = {instant / NANOSECONDS_PER_SECOND, instant % NANOSECONDS_PER_SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &value, NULL) == EINTR)
        ;
}

/* Lets the calling thread run before every thread of lower priority, so that load does not delay it. */
void run_before_others(int priority) {
    struct sched_param parameter = {.sched_priority = priority};
    int error = pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameter);
    if (error != 0)
        fprintf(stderr, "agent: no real-time priority: %s\n", strerror(error));
}

/* ---- Time: ticks, and the longest time in which the guest did not run ---- */

struct counters counters = {.lock = PTHREAD_MUTEX_INITIALIZER};

void *count_time(void *unused) {
    (void)unused;
    /* First of all: a gap shall mean that the virtual CPU got no time, not that the guest was busy. */
    run_before_others(PRIORITY_CLOCK);
    int64_t next = now(CLOCK_MONOTONIC);
    counters.last = next;
    for (;;) {
        next += TICK_NANOSECONDS;
        sleep_until(next);
        int64_t instant = now(CLOCK_MONOTONIC);
        pthread_mutex_lock(&counters.lock);
        int64_t gap = instant - counters.last;
        if (gap > counters.longest_gap)
            counters.longest_gap = gap;
        counters.last = instant;
        counters.ticks++;
        pthread_mutex_unlock(&counters.lock);
        if (instant - next > TICK_NANOSECONDS)
            next = instant;
    }
    return NULL;
}

/* ---- Load: a busy loop for a share of each period ---- */

struct load load = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

void *make_load(void *unused) {
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&load.lock);
        while (load.percent == 0)
            pthread_cond_wait(&load.changed, &load.lock);
        int percent = load.percent;
        pthread_mutex_unlock(&load.lock);

        int64_t begin = now(CLOCK_MONOTONIC), end = begin + LOAD_PERIOD_NANOSECONDS;
        int64_t busy_until = begin + LOAD_PERIOD_NANOSECONDS / 100 * percent, done = 0;
        while (now(CLOCK_MONOTONIC) < busy_until) {
            for (volatile int i = 0; i < 2000; i++)
                ;
            done++;
        }
        pthread_mutex_lock(&load.lock);
        load.work += done;
        pthread_mutex_unlock(&load.lock);
        if (percent < 100)
            sleep_until(end);
    }
    return NULL;
}

/* ---- Memory: a region whose every word is known ---- */

struct region region = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

uint64_t expected_word(size_t index) {
    if (index % WORDS_PER_PAGE == 0)
        return region.passes + (index / WORDS_PER_PAGE < region.next ? 1 : 0);
    return (index ^ region.seed) * UINT64_C(0x9E3779B97F4A7C15);
}

/* The largest region that this guest has memory for, in MiB. */
size_t region_mib_max(void) {
    long free_bytes = sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);
    long most = ((free_bytes + (long)(region.pages * PAGE_BYTES)) >> 20) - RESERVE_MIB;
    return most > 0 ? (size_t)most : 0;
}

/* Sets the size of the region. False when the guest has not enough memory. */
bool resize_region(size_t mib) {
    size_t pages = mib * 1024 * 1024 / PAGE_BYTES;
    if (pages == region.pages)
        return true;
    uint64_t *words = NULL;
    if (mib > region_mib_max())
        return false;
    free(region.words);
    if (posix_memalign((void **)&words, PAGE_BYTES, pages * PAGE_BYTES) != 0) {
        region.words = NULL;
        region.pages = 0;
        return false;
    }
    region.words = words;
    region.pages = pages;
    region.next = region.passes = 0;
    for (size_t i = 0; i < pages * WORDS_PER_PAGE; i++)
        words[i] = expected_word(i);
    return true;
}

static void write_pages(int64_t count) {
    for (; count > 0 && region.pages > 0; count--) {
        region.words[region.next * WORDS_PER_PAGE]++;
        if (++region.next == region.pages) {
            region.next = 0;
            region.passes++;
        }
    }
}

void *dirty_memory(void *unused) {
    (void)unused;
    int64_t last = now(CLOCK_MONOTONIC), owed_bytes = 0;
    for (;;) {
        pthread_mutex_lock(&region.lock);
        if (region.kibps == 0) {
            while (region.kibps == 0)
                pthread_cond_wait(&region.changed, &region.lock);
            last = now(CLOCK_MONOTONIC);
            owed_bytes = 0;
        }
        int64_t instant = now(CLOCK_MONOTONIC), passed = instant - last;
        /* What a starved guest could not write in time is not written later in one burst. */
        if (passed > 4 * DIRTY_PERIOD_NANOSECONDS)
            passed = 4 * DIRTY_PERIOD_NANOSECONDS;
        owed_bytes += region.kibps * 1024 / 1000 * (passed / 1000) / 1000;
        write_pages(owed_bytes / PAGE_BYTES);
        owed_bytes %= PAGE_BYTES;
        last = instant;
        pthread_mutex_unlock(&region.lock);
        sleep_until(instant + DIRTY_PERIOD_NANOSECONDS);
    }
    return NULL;
}
