// SPDX-License-Identifier: MIT
// Delayed requests that end a transaction (KAFKA-17754), made to happen on a real broker: the proxy
// (PROXY_CONTROL) holds a request of transaction N back until the client has repeated it on another
// connection, and lets it go while transaction M is open. With the producer's guard what its calls
// have said must be what readers see; system-guard-planted is the same, and has no guard with
// PLANT=guard-off: it must come to harm.
//
// usage: system-guard TRIES, of each schedule. Prints for each: its name, the tries, in how many a
// request was held, how many were wrong, and the median and the longest time in ms that N's end
// took after the repeated request.
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/program.h"
#include "bus/admin.h"
#include "bus/producer.h"
#include "bus/reader.h"

enum {
    PARTITIONS = 2,
    RECORDS = 10, // of a transaction, in each partition that it writes to
    WAIT_MS = 30000,
    FLUSH_MS = 5000,
    LATE_MS = 60, // between a request and the release of a held one, where both must be under way
    TRIES_MAX = 1000,
    END_TXN = 26,
    TXN_OFFSET_COMMIT = 28
};

static const struct schedule {
    const char *name;
    int held;         // request of N
    bool n_commits;   // else it aborts
    bool m_writes_on; // to the other partition, after the release
    bool m_commits;
    bool m_has_offsets;
} schedules[] = {
    {"commit-held-abort", END_TXN, true, false, false, false},
    {"commit-held-more-abort", END_TXN, true, true, false, false},
    {"abort-held-more-commit", END_TXN, false, true, true, false},
    {"abort-held-offsets-commit", END_TXN, false, false, true, true},
    {"offsets-held-commit", TXN_OFFSET_COMMIT, true, false, true, true},
};

struct
try {
    enum err n_told, m_told;
    int64_t n_offset, m_offset, found_offset; // of the group; 0: not looked at
    int64_t pause_ms;
    bool was_held;
    int m_sent;
    int n_seen[PARTITIONS], m_seen[PARTITIONS];
};

static struct {
    struct bus_config direct, proxied;
    struct bus_admin *admin;
    struct bus_consumer *consumer;
    char *in, *out, *group, *id;
    int proxy, watcher; // its control port, for two threads
    int64_t offset;     // last one that was committed or tried
} run;

static void must(enum err err, const char *what, const struct why *why)
{
    if (err == ERR_OK)
        return;
    printf("cannot %s: %s\n", what, why->text);
    exit(1);
}

// ---- the proxy

static int control_open(void)
{
    int64_t port = 0;
    struct why why = {0};
    must(parse_i64(bytes_from_string(getenv("PROXY_CONTROL")), 1, 65535, &port, &why),
         "read PROXY_CONTROL", &why);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        perror("proxy");
        exit(1);
    }
    return fd;
}

// The number behind `name=` in its answer, 0 where there is none.
static long long tell(int control, const char *command, const char *name)
{
    char line[4096] = " ";
    size_t len = 1;
    dprintf(control, "%s\n", command);
    while (line[len - 1] != '\n') {
        ssize_t got = read(control, line + len, sizeof line - 1 - len);
        if (got <= 0 || strncmp(line, " ok ", 4) != 0) {
            printf("the proxy does not obey \"%s\": %s\n", command, line);
            exit(1);
        }
        len += (size_t)got;
        line[len] = '\0';
    }
    char key[32];
    snprintf(key, sizeof key, " %s=", name);
    const char *at = strstr(line, key);
    return at == NULL ? 0 : atoll(at + strlen(key));
}

static long long proxy_tell(const char *command, const char *name)
{
    return tell(run.proxy, command, name);
}

static void wait_until(const char *name, long long at_least)
{
    int64_t end_ms = clock_mono_ms() + WAIT_MS;
    while (proxy_tell("status", name) < at_least) {
        if (clock_mono_ms() > end_ms) {
            printf("the proxy has no %s=%lld\n", name, at_least);
            exit(1);
        }
        IGNORE(program_wait_ms(1));
    }
}

// Sees the request with this ApiKey pass that is number `at_least`: from watch_begin to watch_end.
struct watch {
    pthread_t thread;
    char key[8];
    long long at_least;
    atomic_bool is_over;
    int64_t seen_ms; // 0: it did not come
    void (*then)(void);
};

static void *watch_run(void *argument)
{
    struct watch *watch = argument;
    // A last look when it is over: all may have happened since the one before.
    for (bool is_last = false; !is_last;) {
        is_last = atomic_load(&watch->is_over);
        if (tell(run.watcher, "status", watch->key) >= watch->at_least) {
            watch->seen_ms = clock_mono_ms();
            if (watch->then != NULL)
                watch->then();
            return NULL;
        }
        IGNORE(program_wait_ms(1));
    }
    return NULL;
}

static void watch_begin(struct watch *watch, int key, int more, void (*then)(void))
{
    *watch = (struct watch){.then = then};
    snprintf(watch->key, sizeof watch->key, "%d", key);
    watch->at_least = proxy_tell("status", watch->key) + more;
    if (pthread_create(&watch->thread, NULL, watch_run, watch) != 0)
        exit(1);
}

static int64_t watch_end(struct watch *watch)
{
    atomic_store(&watch->is_over, true);
    pthread_join(watch->thread, NULL);
    return watch->seen_ms;
}

// The broker has the delayed request, and has answered it.
static void release(void)
{
    long long late = proxy_tell("status", "late");
    proxy_tell("release", "held");
    wait_until("late", late + 1);
}

// ---- one try

static void send_records(struct bus_producer *producer, int32_t partition, const char *value)
{
    struct why why = {0};
    for (int i = 0; i < RECORDS; i++) {
        const struct bus_record record = {
            run.out, partition, bytes_from_string("key"), bytes_from_string(value), NULL, 0};
        // A transaction that is lost already says so at its end.
        IGNORE(bus_producer_send(producer, &record, &why));
    }
    IGNORE(bus_producer_flush(producer, FLUSH_MS, &why));
}

static enum err end(struct bus_producer *producer, bool commits, int64_t offset, struct why *why)
{
    if (!commits)
        return bus_producer_abort(producer, why);
    const struct bus_position position = {
        .topic = run.in, .partition = 0, .offset = offset, .metadata = "gen=1"};
    return bus_producer_commit(producer, offset > 0 ? run.consumer : NULL, &position, offset > 0,
                               why);
}

static void release_late(void)
{
    IGNORE(program_wait_ms(LATE_MS));
    tell(run.watcher, "release", "held");
}

// Lets the held request go between M's offsets and its end: each of its requests takes twice
// LATE_MS.
static enum err end_m(const struct schedule *schedule, struct bus_producer *producer,
                      const struct try *try, struct why *why)
{
    if (schedule->held != TXN_OFFSET_COMMIT)
        return end(producer, schedule->m_commits, try->m_offset, why);
    char delay[24];
    struct watch watch;
    snprintf(delay, sizeof delay, "delay %d", LATE_MS);
    proxy_tell(delay, "held");
    watch_begin(&watch, TXN_OFFSET_COMMIT, 1, release_late);
    enum err err = end(producer, schedule->m_commits, try->m_offset, why);
    watch_end(&watch);
    proxy_tell("delay 0", "held");
    return err;
}

static void try_once(const struct schedule *schedule, size_t number, struct try *ret)
{
    char n_value[64], m_value[64], hold[24];
    struct why why = {0};
    CLEANUP(bus_producer_close_p) struct bus_producer *producer = NULL;
    const struct bus_producer_options options = {.transactional_id = run.id};
    must(bus_producer_open(&run.proxied, &options, &producer, &why), "open a producer", &why);
    snprintf(n_value, sizeof n_value, "%s/%zu/N", schedule->name, number);
    snprintf(m_value, sizeof m_value, "%s/%zu/M", schedule->name, number);
    snprintf(hold, sizeof hold, "hold %d", schedule->held);
    bool n_has_offsets = schedule->held == TXN_OFFSET_COMMIT;
    ret->n_offset = n_has_offsets ? ++run.offset : 0;
    ret->m_offset = schedule->m_has_offsets ? ++run.offset : 0;

    must(bus_producer_begin(producer, &why), "begin", &why);
    send_records(producer, 0, n_value);
    proxy_tell(hold, "held");
    struct watch watch;
    watch_begin(&watch, schedule->held, 2, NULL);
    ret->n_told = end(producer, schedule->n_commits, ret->n_offset, &why);
    int64_t ended_ms = clock_mono_ms(), repeated_ms = watch_end(&watch);
    ret->was_held = repeated_ms > 0 && proxy_tell("status", "held") == 1;
    ret->pause_ms = repeated_ms > 0 && repeated_ms < ended_ms ? ended_ms - repeated_ms : 0;

    must(bus_producer_begin(producer, &why), "begin again", &why);
    send_records(producer, 0, m_value);
    if (schedule->held == END_TXN && ret->was_held)
        release();
    if (schedule->m_writes_on)
        send_records(producer, 1, m_value);
    ret->m_sent = schedule->m_writes_on ? 2 * RECORDS : RECORDS;
    ret->m_told = end_m(schedule, producer, ret, &why);
    proxy_tell("heal", "held");
    if (schedule->m_has_offsets) {
        struct bus_position committed[1];
        must(bus_admin_group_offsets(run.admin, run.group, run.in, committed, 1, &why),
             "read the offsets", &why);
        ret->found_offset = committed[0].offset;
    }
}

// ---- what came of it

static void count_seen(struct bytes value, int32_t partition, const char *name, struct try *tries)
{
    char text[64];
    size_t name_len = strlen(name);
    if (value.len >= sizeof text || value.len <= name_len)
        return;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    if (strncmp(text, name, name_len) != 0 || text[name_len] != '/')
        return;
    char *rest = NULL;
    struct try *try = &tries[strtoul(text + name_len + 1, &rest, 10)];
    (strcmp(rest, "/N") == 0 ? try->n_seen : try->m_seen)[partition]++;
}

static void read_output(const char *name, struct try *tries)
{
    CLEANUP(bus_reader_close_p) struct bus_reader *reader = NULL;
    struct why why = {0};
    bool is_at_end = false;
    const struct bus_reader_options all = {
        .topic = run.out, .partition = BUS_ALL_PARTITIONS, .from = BUS_OFFSET_BEGINNING};
    must(bus_reader_open(&run.direct, &all, &reader, &why), "read the output", &why);
    while (!is_at_end) {
        struct bus_block block;
        must(bus_reader_poll(reader, 1000, 100, &block, &is_at_end, &why), "read the output", &why);
        for (size_t i = 0; i < block.count; i++)
            count_seen(block.messages[i].value, block.messages[i].partition, name, tries);
        bus_reader_release(reader, &block);
    }
}

// Told that it was committed: all of it is there; aborted: nothing; nobody knows: one of the two.
static bool is_as_told(bool commits, enum err told, int seen, int sent)
{
    if (told == ERR_OK)
        return seen == (commits ? sent : 0);
    return seen == 0 || seen == sent;
}

static bool is_right(const struct schedule *schedule, const struct try *try)
{
    int n_seen = try->n_seen[0] + try->n_seen[1], m_seen = try->m_seen[0] + try->m_seen[1];
    if (!is_as_told(schedule->n_commits, try->n_told, n_seen, RECORDS) ||
        !is_as_told(schedule->m_commits, try->m_told, m_seen, try->m_sent))
        return false;
    // Output and offsets go together.
    return try->m_offset == 0 || (try->found_offset == try->m_offset) == (m_seen == try->m_sent);
}

static int compare_times(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

static void judge(const struct schedule *schedule, struct try *tries, size_t count)
{
    int64_t pauses[TRIES_MAX];
    size_t wrong = 0, held = 0;
    read_output(schedule->name, tries);
    for (size_t i = 0; i < count; i++) {
        wrong += !is_right(schedule, &tries[i]);
        held += tries[i].was_held;
        pauses[i] = tries[i].pause_ms;
    }
    qsort(pauses, count, sizeof *pauses, compare_times);
    printf("%s %zu %zu %zu %lld %lld\n", schedule->name, count, held, wrong,
           (long long)pauses[count / 2], (long long)pauses[count - 1]);
}

// ---- the run

static void make_topic(const char *name)
{
    static const char *const no_settings[] = {NULL};
    bool is_created = false;
    struct why why = {0};
    must(bus_admin_create_topic(run.admin, name, PARTITIONS, 1, no_settings, &is_created, &why),
         "make a topic", &why);
}

static void open_run(void)
{
    // A request without an answer is repeated after so long.
    static char name[] = "socket.timeout.ms", value[] = "400";
    static char *const impatient[] = {name, value, NULL};
    struct why why = {0};
    const char *prefix = getenv("TOPIC_PREFIX");
    run.direct = (struct bus_config){getenv("KAFKA_BOOTSTRAP_SERVERS"), "system-guard", NULL, NULL};
    run.proxied = (struct bus_config){getenv("PROXIED_SERVERS"), "system-guard", impatient, NULL};
    run.proxy = control_open();
    run.watcher = control_open();
    must(bus_admin_open(&run.direct, WAIT_MS, &run.admin, &why), "reach Kafka", &why);
    run.in = mem_printf("%sin", prefix);
    run.out = mem_printf("%sout", prefix);
    run.group = mem_printf("%sgroup", prefix);
    run.id = mem_printf("%sid", prefix);
    make_topic(run.in);
    make_topic(run.out);
    const struct bus_position start[PARTITIONS] = {{run.in, 0, 0, "gen=1"},
                                                   {run.in, 1, 0, "gen=1"}};
    must(bus_admin_set_group_offsets(run.admin, run.group, start, PARTITIONS, &why),
         "set the offsets", &why);
    const char *const topics[] = {run.in};
    const struct bus_consumer_options options = {
        .group = run.group, .topics = topics, .topic_count = 1};
    must(bus_consumer_open(&run.direct, &options, &run.consumer, &why), "join the group", &why);
}

// Serves the group; until it has its partitions.
static void keep_membership(void)
{
    size_t count = 0;
    do {
        struct bus_block block;
        struct bus_position *held = NULL;
        struct why why = {0};
        must(bus_consumer_poll(run.consumer, 1, count == 0 ? 50 : 0, &block, &why), "poll", &why);
        bus_block_release(run.consumer, &block);
        count = bus_consumer_assignment(run.consumer, &held);
        free(held);
    } while (count == 0);
}

static void close_run(void)
{
    bus_consumer_close(run.consumer);
    bus_admin_close(run.admin);
    free(run.in);
    free(run.out);
    free(run.group);
    free(run.id);
    close(run.proxy);
    close(run.watcher);
}

int main(int argc, char **argv)
{
    int64_t tries = 0;
    if (argc != 2 || parse_i64(bytes_from_string(argv[1]), 1, TRIES_MAX, &tries, NULL) != ERR_OK)
        return EXIT_USAGE;
    open_run();
    keep_membership();
    struct try *all = mem_array((size_t)tries, sizeof *all);
    for (size_t i = 0; i < ARRAY_LEN(schedules); i++) {
        memset(all, 0, (size_t)tries * sizeof *all);
        for (size_t number = 0; number < (size_t)tries; number++) {
            keep_membership();
            try_once(&schedules[i], number, &all[number]);
        }
        judge(&schedules[i], all, (size_t)tries);
        fflush(stdout);
    }
    free(all);
    close_run();
    return EXIT_OK;
}
