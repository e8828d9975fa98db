/* Agent of a lab guest: makes load, dirties memory, checks memory, counts time; steered by JSON lines on virtio ports.
 *
 * It serves every port named on the command line alike: org.qemu.guest_agent.0 belongs to libvirt, the other one to the
 * lab, which must be able to ask a guest while its libvirtd is dead. Requests are flat JSON objects of one line, made
 * by libvirt or by the lab: members are found by name, nothing else of JSON is understood. A request may carry an
 * integer "request", which the reply repeats.
 *
 *   lab-load    percent        busy share of the virtual CPU, 0 to 100
 *   lab-dirty   kibps, mib     memory written per second, and the size of the region that it is written to
 *   lab-stat                   all counters
 *   lab-reset   host_ns, guest_ns, error_ns   starts the longest gap anew, and keeps the reference: see struct counters
 *   lab-verify                 compares the whole region with what must stand in it
 *   guest-ping, guest-sync, guest-sync-delimited, guest-info, guest-shutdown as in the QEMU guest agent
 */
#define _GNU_SOURCE
#include "activity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/reboot.h>
#include <unistd.h>

enum {
    PORTS_MAX = 2,
    LINE_BYTES_MAX = 4096,
};

static void start(void *(*body)(void *)) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, body, NULL);
    if (error != 0) {
        fprintf(stderr, "agent: no thread: %s\n", strerror(error));
        exit(1);
    }
}

/* ---- Requests ---- */

struct reply {
    char text[1024];
    size_t length;
};

static void append(struct reply *reply, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(reply->text + reply->length, sizeof reply->text - reply->length, format, arguments);
    va_end(arguments);
    if (count > 0 && reply->length + (size_t)count < sizeof reply->text)
        reply->length += (size_t)count;
}

/* The integer member `name` of a request, or `absent`. */
static int64_t integer(const char *request, const char *name, int64_t absent) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    const char *found = strstr(request, quoted);
    if (found == NULL)
        return absent;
    found += strlen(quoted);
    found += strspn(found, " \t:");
    char *end;
    long long value = strtoll(found, &end, 10);
    return end == found ? absent : value;
}

static void refuse(struct reply *reply, const char *class, const char *format, ...) {
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    append(reply, "\"error\": {\"class\": \"%s\", \"desc\": \"%s\"}", class, text);
}

static void set_load(const char *request, struct reply *reply) {
    int64_t percent = integer(request, "percent", -1);
    if (percent < 0 || percent > 100) {
        refuse(reply, "GenericError", "percent must be 0 to 100");
        return;
    }
    pthread_mutex_lock(&load.lock);
    load.percent = (int)percent;
    pthread_cond_signal(&load.changed);
    pthread_mutex_unlock(&load.lock);
    append(reply, "\"return\": {\"load_percent\": %d}", (int)percent);
}

static void set_dirty(const char *request, struct reply *reply) {
    int64_t kibps = integer(request, "kibps", -1), mib = integer(request, "mib", REGION_MIB_DEFAULT);
    if (kibps < 0 || mib < 1 || mib > REGION_MIB_MAX) {
        refuse(reply, "GenericError", "kibps must be at least 0, mib 1 to %d", REGION_MIB_MAX);
        return;
    }
    pthread_mutex_lock(&region.lock);
    if (resize_region((size_t)mib)) {
        region.kibps = kibps;
        pthread_cond_signal(&region.changed);
        append(reply, "\"return\": {\"dirty_kibps\": %lld, \"region_mib\": %lld}", (long long)kibps, (long long)mib);
    } else {
        refuse(reply, "GenericError", "%lld MiB do not fit in this guest, %zu would", (long long)mib, region_mib_max());
    }
    pthread_mutex_unlock(&region.lock);
}

static void report_counters(struct reply *reply) {
    pthread_mutex_lock(&region.lock);
    int64_t kibps = region.kibps, mib = (int64_t)(region.pages * PAGE_BYTES >> 20);
    pthread_mutex_unlock(&region.lock);
    pthread_mutex_lock(&load.lock);
    int percent = load.percent;
    int64_t work = load.work;
    pthread_mutex_unlock(&load.lock);
    pthread_mutex_lock(&counters.lock);
    append(reply,
           "\"return\": {\"load_percent\": %d, \"dirty_kibps\": %lld, \"region_mib\": %lld, \"ticks\": %lld, "
           "\"work\": %lld, \"cpu_ns\": %lld, \"tick_ns\": %d, \"longest_gap_ns\": %lld, \"guest_ns\": %lld, "
           "\"guest_reference_ns\": %lld, \"host_reference_ns\": %lld, \"reference_error_ns\": %lld}",
           percent, (long long)kibps, (long long)mib, (long long)counters.ticks, (long long)work,
           (long long)now(CLOCK_PROCESS_CPUTIME_ID), TICK_NANOSECONDS, (long long)counters.longest_gap,
           (long long)now(CLOCK_MONOTONIC), (long long)counters.guest_reference, (long long)counters.host_reference,
           (long long)counters.reference_error);
    pthread_mutex_unlock(&counters.lock);
}

static void reset_counters(const char *request, struct reply *reply) {
    pthread_mutex_lock(&counters.lock);
    counters.longest_gap = 0;
    counters.host_reference = integer(request, "host_ns", 0);
    counters.guest_reference = integer(request, "guest_ns", 0);
    counters.reference_error = integer(request, "error_ns", 0);
    pthread_mutex_unlock(&counters.lock);
    append(reply, "\"return\": {}");
}

static void verify_memory(struct reply *reply) {
    size_t stale = 0, bad = 0;
    pthread_mutex_lock(&region.lock);
    for (size_t i = 0; i < region.pages * WORDS_PER_PAGE; i++) {
        if (region.words[i] == expected_word(i))
            continue;
        if (i % WORDS_PER_PAGE == 0)
            stale++;
        else
            bad++;
    }
    append(reply, "\"return\": {\"pages\": %zu, \"passes\": %llu, \"stale_pages\": %zu, \"bad_words\": %zu}",
           region.pages, (unsigned long long)region.passes, stale, bad);
    pthread_mutex_unlock(&region.lock);
}

static bool asks(const char *request, const char *command) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", command);
    return strstr(request, quoted) != NULL;
}

static void answer(const char *request, struct reply *reply) {
    if (asks(request, "guest-sync-delimited"))
        append(reply, "\xff");
    append(reply, "{");
    if (asks(request, "lab-load"))
        set_load(request, reply);
    else if (asks(request, "lab-dirty"))
        set_dirty(request, reply);
    else if (asks(request, "lab-stat"))
        report_counters(reply);
    else if (asks(request, "lab-reset"))
        reset_counters(request, reply);
    else if (asks(request, "lab-verify"))
        verify_memory(reply);
    else if (asks(request, "guest-sync") || asks(request, "guest-sync-delimited"))
        append(reply, "\"return\": %lld", (long long)integer(request, "id", 0));
    else if (asks(request, "guest-ping"))
        append(reply, "\"return\": {}");
    else if (asks(request, "guest-info"))
        append(reply, "\"return\": {\"version\": \"1\", \"supported_commands\": []}");
    else if (asks(request, "guest-shutdown"))
        reboot(asks(request, "reboot") ? RB_AUTOBOOT : RB_POWER_OFF);
    else
        refuse(reply, "CommandNotFound", "this agent does not know that command");
    if (asks(request, "request"))
        append(reply, ", \"request\": %lld", (long long)integer(request, "request", 0));
    append(reply, "}\n");
}

/* ---- Ports ---- */

static struct port {
    int file;
    size_t length;
    char input[LINE_BYTES_MAX];
} ports[PORTS_MAX];

/* Gives up when nobody takes the bytes: a reply whose reader has gone must not stop the agent. */
static void send_reply(int file, const struct reply *reply) {
    size_t sent = 0;
    for (int attempts = 0; sent < reply->length && attempts < 200; attempts++) {
        ssize_t count = write(file, reply->text + sent, reply->length - sent);
        if (count > 0)
            sent += (size_t)count;
        else if (count < 0 && errno != EAGAIN && errno != EINTR)
            return;
        else
            usleep(5000);
    }
}

static void take_lines(struct port *port) {
    char *line = port->input, *end;
    while ((end = memchr(line, '\n', (size_t)(port->input + port->length - line))) != NULL) {
        struct reply reply = {.length = 0};
        *end = 0;
        if (strchr(line, '{') != NULL) {
            answer(line, &reply);
            send_reply(port->file, &reply);
        }
        line = end + 1;
    }
    port->length -= (size_t)(line - port->input);
    memmove(port->input, line, port->length);
    if (port->length == sizeof port->input)
        port->length = 0;
}

static void serve(struct port *port) {
    for (;;) {
        ssize_t count = read(port->file, port->input + port->length, sizeof port->input - port->length);
        if (count <= 0) {
            /* Zero: nobody is connected at the other end. What the last one left half-said is void. */
            if (count == 0)
                port->length = 0;
            return;
        }
        port->length += (size_t)count;
        take_lines(port);
    }
}

int main(int count, char **arguments) {
    if (count < 2 || count > 2 + PORTS_MAX) {
        fprintf(stderr, "usage: agent PERCENT [PORT]...\n");
        return 2;
    }
    region.seed = (uint64_t)now(CLOCK_REALTIME) ^ (uint64_t)now(CLOCK_MONOTONIC) << 20;
    if (!resize_region(REGION_MIB_DEFAULT))
        return 1;
    load.percent = atoi(arguments[1]);
    start(count_time);
    start(make_load);
    start(dirty_memory);
    run_before_others(PRIORITY_REQUESTS);

    /* Edge-triggered: a port with nobody at the other end reports a hang-up for ever, which would be a busy loop. */
    int poller = epoll_create1(0);
    for (int i = 2; i < count; i++) {
        struct port *port = &ports[i - 2];
        struct epoll_event interest = {.events = EPOLLIN | EPOLLET, .data.ptr = port};
        port->file = open(arguments[i], O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (port->file < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, port->file, &interest) != 0) {
            fprintf(stderr, "agent: %s: %s\n", arguments[i], strerror(errno));
            return 1;
        }
    }
    for (;;) {
        struct epoll_event events[PORTS_MAX];
        int ready = epoll_wait(poller, events, PORTS_MAX, -1);
        for (int i = 0; i < ready; i++)
            serve(events[i].data.ptr);
    }
}
