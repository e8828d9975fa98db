/* What a lab guest does besides answering: it counts time, makes load, and writes memory. One thread for each. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    PAGE_BYTES = 4096,
    REGION_MIB_DEFAULT = 4,
    REGION_MIB_MAX = 4096,
    WORDS_PER_PAGE = PAGE_BYTES / sizeof(uint64_t),
    /* An idle guest under TCG takes 4.5 % of a core with 20 ms, 3.8 % with 25 ms, 2.2 % with 50 ms. */
    TICK_NANOSECONDS = 25000000,
    /* Real-time priorities: load delays neither the clock nor the answers. */
    PRIORITY_CLOCK = 10,
    PRIORITY_REQUESTS = 5,
};

/* The guest's clock stands still while its virtual machine is stopped, as it is at the end of a live migration, so
 * the guest alone cannot see that time. The lab therefore leaves a reference with it: one instant on the machine's
 * clock and on the guest's, and how far the two may be apart. What the machine's clock has advanced since then and the
 * guest's has not is the time stopped. The reference travels with the guest. */
extern struct counters {
    pthread_mutex_t lock;
    int64_t ticks, last, longest_gap;
    int64_t host_reference, guest_reference, reference_error;
} counters;

/* A busy loop for a share of each period. */
extern struct load {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int percent;
    int64_t work;
} load;

/* The first word of a page counts how often the page was written, all others hold a mix of their address and the seed.
 * Pages are written in order: those before `next` have been written once more than those behind it. A lost, stale or
 * foreign page therefore shows, and so does a page of another guest. */
extern struct region {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t *words, seed, passes;
    size_t pages, next;
    int64_t kibps;
} region;

/* Each body of a thread; the argument is not used. */
void *count_time(void *unused);
void *make_load(void *unused);
void *dirty_memory(void *unused);

int64_t now(clockid_t clock);
void run_before_others(int priority);

/* The three below need the region's lock. */
uint64_t expected_word(size_t index);
size_t region_mib_max(void);
bool resize_region(size_t mib);
