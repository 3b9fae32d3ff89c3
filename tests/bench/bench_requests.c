// SPDX-License-Identifier: MIT
// What tests/bench/requests is made of. `load` asks: it sends the records of a file at fixed times,
// whatever has been answered so far, and measures from the time that a record was due to the moment
// when a reader of committed data has its reply. `pass` is the floor: a lane that scores nothing.
// It sends each value back to its reply address (and, as a lane does, to a topic by its key, when
// one is named), with the source offsets in one transaction and by the commit rule of the request
// lane; it makes its topics itself.
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/program.h"
#include "bus/admin.h"
#include "bus/consumer.h"
#include "bus/producer.h"
#include "bus/reader.h"
#include "bus/sender.h"

enum { LINE_MAX_BYTES = 16384, RECORDS_MAX = 10000, BLOCK = 2000, WAIT_MS = 30000, IDLE_MS = 200 };

static struct bus_config config = {.client_id = "bench-requests"};

static int fail(const char *what, const struct why *why)
{
    fprintf(stderr, "bench-requests: %s: %s\n", what, why->text);
    return 1;
}

// ---- load

struct body {
    char *key;
    uint8_t *value;
    size_t len;
};

struct load {
    const char *name; // in front of a correlation id: those of two loads differ
    struct body *bodies;
    size_t body_count;
    int64_t count; // to send
    int64_t first_ns, each_ns;
    int64_t *took_ns; // by number; 0: not answered
    struct bus_reader *reader;
    atomic_llong answered, failed, late_ns;
};

static int digit(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

// Lines of a key, a tab and the value in hexadecimal digits.
static size_t read_bodies(const char *path, struct body *bodies)
{
    char line[LINE_MAX_BYTES];
    size_t count = 0;
    FILE *file = fopen(path, "r");
    while (file != NULL && count < RECORDS_MAX && fgets(line, sizeof line, file) != NULL) {
        char *tab = strchr(line, '\t');
        if (tab == NULL)
            break;
        struct body *body = &bodies[count++];
        body->key = mem_dup_bytes(line, (size_t)(tab - line));
        body->len = strspn(tab + 1, "0123456789abcdef") / 2;
        body->value = mem_zalloc(body->len + 1);
        for (size_t i = 0; i < body->len; i++)
            body->value[i] = (uint8_t)(digit(tab[1 + 2 * i]) << 4 | digit(tab[2 + 2 * i]));
    }
    if (file != NULL)
        fclose(file);
    return count;
}

// The number of a reply to this load; false: to another.
static bool number_of(const struct load *load, struct bytes id, int64_t *ret)
{
    size_t len = strlen(load->name);
    return id.len > len && memcmp(id.data, load->name, len) == 0 &&
           parse_i64(bytes_of(id.data + len, id.len - len), 0, load->count - 1, ret, NULL) ==
               ERR_OK;
}

static void *read_replies(void *argument)
{
    struct load *load = argument;
    int64_t end_ms = clock_mono_ms() + 1000 * 3600;
    while (atomic_load(&load->answered) < load->count && !program_is_stopping() &&
           clock_mono_ms() < end_ms) {
        struct bus_block block;
        struct why why = {0};
        if (bus_reader_poll(load->reader, BLOCK, 100, &block, NULL, &why) != ERR_OK)
            continue; // it will be missed in the end
        int64_t now_ns = clock_mono_ns(), number = 0;
        for (size_t i = 0; i < block.count; i++) {
            if (!number_of(load, block.messages[i].key, &number))
                continue;
            load->took_ns[number] = now_ns - (load->first_ns + number * load->each_ns);
            atomic_fetch_add(&load->answered, 1);
        }
        bus_reader_release(load->reader, &block);
        if (load->first_ns != 0 &&
            now_ns > load->first_ns + load->count * load->each_ns + (int64_t)WAIT_MS * 1000000)
            break;
    }
    return NULL;
}

static void on_sent(void *context, const struct bus_sent *sent)
{
    struct load *load = context;
    if (sent->err != ERR_OK)
        atomic_fetch_add(&load->failed, 1);
}

static void wait_until(int64_t at_ns)
{
    const struct timespec at = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static enum err send_all(struct load *load, struct bus_sender *sender, const char *in,
                         const char *out, struct why *why)
{
    static const uint8_t partition[4] = {0};
    for (int64_t i = 0; i < load->count; i++) {
        char id[128];
        snprintf(id, sizeof id, "%s%" PRId64, load->name, i);
        const struct body *body = &load->bodies[(size_t)i % load->body_count];
        const struct bus_header headers[] = {{"kafka_replyTopic", bytes_from_string(out)},
                                             {"kafka_replyPartition", bytes_of(partition, 4)},
                                             {"kafka_correlationId", bytes_from_string(id)}};
        const struct bus_record record = {.topic = in,
                                          .partition = -1,
                                          .key = bytes_from_string(body->key),
                                          .value = bytes_of(body->value, body->len),
                                          .headers = headers,
                                          .header_count = ARRAY_LEN(headers)};
        int64_t due_ns = load->first_ns + i * load->each_ns;
        wait_until(due_ns);
        int64_t late_ns = clock_mono_ns() - due_ns;
        if (late_ns > atomic_load(&load->late_ns))
            atomic_store(&load->late_ns, late_ns);
        enum err err = bus_sender_send(sender, &record, on_sent, load, why);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void print_result(struct load *load)
{
    int64_t answered = atomic_load(&load->answered);
    qsort(load->took_ns, (size_t)load->count, sizeof *load->took_ns, compare);
    const int64_t *took = load->took_ns + (load->count - answered); // zeros sort first
    printf("{\"sent\":%" PRId64 ",\"answered\":%" PRId64 ",\"failed\":%lld,\"late_ms\":%.3f",
           load->count, answered, atomic_load(&load->failed),
           (double)atomic_load(&load->late_ns) / 1e6);
    static const int parts[] = {500, 900, 990, 999};
    for (size_t i = 0; answered > 0 && i < ARRAY_LEN(parts); i++)
        printf(",\"p%d\":%.3f", parts[i], (double)took[(answered - 1) * parts[i] / 1000] / 1e6);
    printf("}\n");
}

static int run_load(char **arguments)
{
    const char *in = arguments[0], *out = arguments[1];
    int64_t rate = 0;
    struct load load = {.name = arguments[5]};
    struct why why = {0};
    load.bodies = mem_array(RECORDS_MAX, sizeof *load.bodies);
    load.body_count = read_bodies(arguments[2], load.bodies);
    if (load.body_count == 0 ||
        parse_i64(bytes_from_string(arguments[3]), 1, 1000000, &rate, &why) != ERR_OK ||
        parse_i64(bytes_from_string(arguments[4]), 1, 100000000, &load.count, &why) != ERR_OK)
        return fail("arguments", &why);
    load.each_ns = 1000000000 / rate;
    load.took_ns = mem_array((size_t)load.count, sizeof *load.took_ns);
    const struct bus_reader_options replies = {.topic = out, .from = BUS_OFFSET_END};
    const struct bus_sender_options options = {.topics = &in, .topic_count = 1};
    CLEANUP(bus_sender_close_p) struct bus_sender *sender = NULL;
    CLEANUP(bus_reader_close_p) struct bus_reader *reader = NULL;
    if (bus_reader_open(&config, &replies, &reader, &why) != ERR_OK ||
        bus_sender_open(&config, &options, &sender, &why) != ERR_OK)
        return fail("cannot begin", &why);
    load.reader = reader;
    for (int64_t end_ms = clock_mono_ms() + WAIT_MS; !bus_sender_is_connected(sender, &why);) {
        if (clock_mono_ms() > end_ms)
            return fail("cannot begin", &why);
        IGNORE(program_wait_ms(10)); // with a deadline
    }
    struct bus_block block; // the reader finds the end before anything is sent
    bool is_at_end = false;
    while (!is_at_end && bus_reader_poll(reader, 1, 100, &block, &is_at_end, &why) == ERR_OK)
        ;
    load.first_ns = clock_mono_ns() + 50000000;
    pthread_t thread;
    if (pthread_create(&thread, NULL, read_replies, &load) != 0)
        return 1;
    enum err err = send_all(&load, sender, in, out, &why);
    if (err != ERR_OK)
        return fail("cannot send", &why);
    pthread_join(thread, NULL);
    print_result(&load);
    return 0;
}

// ---- pass

struct pass {
    const char *in, *out, *copies; // the last one NULL: none
    struct bus_producer *producer;
    struct bus_consumer *consumer;
    struct bus_position next[64];
    size_t next_count;
};

static enum err pass_on(struct pass *pass, const struct bus_message *message, struct why *why)
{
    struct bytes partition = {0}, id = {0};
    if (!bus_message_header(message, "kafka_replyPartition", &partition) ||
        !bus_message_header(message, "kafka_correlationId", &id) || partition.len != 4)
        return why_say(why, ERR_FATAL, "a record without an address");
    const struct bus_header header = {"kafka_correlationId", id};
    const struct bus_record record = {.topic = pass->out,
                                      .partition = partition.data[3],
                                      .key = id,
                                      .value = message->value,
                                      .headers = &header,
                                      .header_count = 1};
    struct bus_record copy = {
        .topic = pass->copies, .partition = -1, .key = message->key, .value = message->value};
    enum err err = pass->copies == NULL ? ERR_OK : bus_producer_send(pass->producer, &copy, why);
    if (err != ERR_OK)
        return err;
    size_t i = 0;
    while (i < pass->next_count && pass->next[i].partition != message->partition)
        i++;
    if (i == pass->next_count)
        pass->next_count++;
    pass->next[i] = (struct bus_position){pass->in, message->partition, message->offset + 1, ""};
    return bus_producer_send(pass->producer, &record, why);
}

static enum err pass_turn(struct pass *pass, bool *is_open, struct why *why)
{
    struct bus_block block;
    int64_t pause_us = *is_open ? 0 : bus_producer_pause_us(pass->producer);
    const struct timespec pause = {.tv_nsec = pause_us * 1000};
    if (pause_us > 0)
        nanosleep(&pause, NULL);
    enum err err = bus_consumer_poll(pass->consumer, BLOCK, *is_open ? 0 : IDLE_MS, &block, why);
    if (err == ERR_OK && block.count > 0 && !*is_open) {
        err = bus_producer_begin(pass->producer, why);
        *is_open = true;
    }
    for (size_t i = 0; err == ERR_OK && i < block.count; i++)
        err = pass_on(pass, &block.messages[i], why);
    bool is_drained = block.count == 0;
    bus_block_release(pass->consumer, &block);
    if (err != ERR_OK || !*is_open || !is_drained)
        return err;
    err = bus_producer_commit(pass->producer, pass->consumer, pass->next, pass->next_count, why);
    *is_open = false;
    pass->next_count = 0;
    // The first of a group may be lost (bus/producer_transaction.c); what it held comes again.
    return err == ERR_RETRY ? bus_consumer_rewind(pass->consumer, why) : err;
}

// A pass-through that is started again goes on where it was.
static enum err make_topics(struct pass *pass, const char *group, int32_t partitions,
                            struct why *why)
{
    static const char *const settings[] = {NULL};
    CLEANUP(bus_admin_close_p) struct bus_admin *admin = NULL;
    bool is_first = false, is_created = false;
    struct bus_position positions[64];
    for (int32_t i = 0; i < partitions; i++)
        positions[i] = (struct bus_position){pass->in, i, 0, "gen=1"};
    enum err err = bus_admin_open(&config, WAIT_MS, &admin, why);
    if (err == ERR_OK)
        err = bus_admin_create_topic(admin, pass->in, partitions, 1, settings, &is_first, why);
    if (err == ERR_OK)
        err = bus_admin_create_topic(admin, pass->out, partitions, 1, settings, &is_created, why);
    if (err == ERR_OK && pass->copies != NULL)
        err =
            bus_admin_create_topic(admin, pass->copies, partitions, 1, settings, &is_created, why);
    if (err == ERR_OK && is_first)
        err = bus_admin_set_group_offsets(admin, group, positions, (size_t)partitions, why);
    return err;
}

static int run_pass(char **arguments)
{
    struct pass pass = {.in = arguments[0], .out = arguments[1], .copies = arguments[3]};
    struct why why = {0};
    int64_t partitions = 0;
    CLEANUP(mem_free_p) char *id = mem_printf("%s-pass", pass.in);
    const struct bus_producer_options producer = {
        .transactional_id = id, .linger_ms = -1, .retry_ms = 2};
    const struct bus_consumer_options consumer = {
        .group = id, .instance_id = id, .topics = &pass.in, .topic_count = 1};
    enum err err = parse_i64(bytes_from_string(arguments[2]), 1, 64, &partitions, &why);
    if (err == ERR_OK)
        err = make_topics(&pass, id, (int32_t)partitions, &why);
    if (err == ERR_OK)
        err = bus_producer_open(&config, &producer, &pass.producer, &why);
    int32_t found = 0; // warms the metadata
    if (err == ERR_OK)
        err = bus_producer_partitions(pass.producer, pass.out, &found, &why);
    if (err == ERR_OK && pass.copies != NULL)
        err = bus_producer_partitions(pass.producer, pass.copies, &found, &why);
    if (err == ERR_OK)
        err = bus_consumer_open(&config, &consumer, &pass.consumer, &why);
    if (err == ERR_OK) {
        printf("ready\n");
        fflush(stdout);
    }
    bool is_open = false;
    while (err == ERR_OK && !program_is_stopping())
        err = pass_turn(&pass, &is_open, &why);
    fprintf(stderr, "pass: %" PRIu64 " transactions, %" PRIu64 " too early\n",
            bus_producer_counts(pass.producer).commits,
            bus_producer_counts(pass.producer).too_early);
    bus_consumer_close(pass.consumer);
    bus_producer_close(pass.producer);
    return err == ERR_OK ? 0 : fail("pass", &why);
}

int main(int argc, char **argv)
{
    program_init(5000);
    if (argc == 9 && strcmp(argv[1], "load") == 0) {
        config.bootstrap_servers = argv[2];
        return run_load(argv + 3);
    }
    if ((argc == 6 || argc == 7) && strcmp(argv[1], "pass") == 0) {
        config.bootstrap_servers = argv[2];
        return run_pass(argv + 3);
    }
    fprintf(stderr, "usage: bench-requests load BROKERS IN OUT BODIES-FILE PER-SECOND COUNT NAME\n"
                    "       bench-requests pass BROKERS IN OUT PARTITIONS [COPIES]\n");
    return 2;
}
