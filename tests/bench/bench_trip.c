// SPDX-License-Identifier: MIT
// The floor of /predict: requests to score-requests and their replies from one partition of
// prediction-replies, by librdkafka alone, with the settings that the gateway's sender and reader
// have. RATE 0: closed loop, so many requests are always on their way; else an open loop, whose
// latencies count from the time at which a request was due.
//
// The messages come from tests/bench/gateway, encoded; only the ids inside are written over here.
// Every reply is checked: it belongs to a request that has had none, and has that request's
// probability. One that is missing after a minute ends the program with a failing status.

#include <endian.h>
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/parse.h"
#include "cases.h"
#include "samples.h"

enum {
    ID_LEN = 36,
    ID_AT = 6, // behind the frame and the length
    EMPLOYEE_LEN = 10,
    EMPLOYEE_AT = ID_AT + ID_LEN + 1,
    OUTSTANDING_MAX = 100000,
    STALL_MS = 60000,
};
#define FIRST_EMPLOYEE INT64_C(5000000000) // far from what the gateway gives out
static const double tolerance = 1e-9;

struct trip {
    rd_kafka_t *producer, *consumer;
    const char *requests, *replies;
    int32_t partition;
    int64_t outstanding, rate, first;
    struct cases cases;

    pthread_mutex_t lock; // of what follows
    pthread_cond_t moved;
    struct samples samples;
    int64_t *begun_ns; // of each request; 0: answered
    size_t asked, room;
    size_t answered;
    bool is_warm; // replies come
};

static void fail(const char *what, const char *more)
{
    fprintf(stderr, "bench-trip: %s%s%s\n", what, more[0] == '\0' ? "" : ": ", more);
    exit(1);
}

// ---- clients

static rd_kafka_conf_t *conf_of(const char *servers, const char *const (*pairs)[2], size_t count)
{
    static const char *const common[][2] = {{"client.id", "bench-trip"},
                                            {"socket.nagle.disable", "true"}};
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool is_set = rd_kafka_conf_set(conf, "bootstrap.servers", servers, text, sizeof text) ==
                  RD_KAFKA_CONF_OK;
    for (size_t i = 0; i < 2; i++)
        is_set = is_set && rd_kafka_conf_set(conf, common[i][0], common[i][1], text, sizeof text) ==
                               RD_KAFKA_CONF_OK;
    for (size_t i = 0; i < count; i++)
        is_set = is_set && rd_kafka_conf_set(conf, pairs[i][0], pairs[i][1], text, sizeof text) ==
                               RD_KAFKA_CONF_OK;
    if (!is_set)
        fail("a property is not accepted", text);
    // Not in every version.
    IGNORE(rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "1", text, sizeof text));
    return conf;
}

static rd_kafka_t *client_of(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char text[256];
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof text);
    if (rk == NULL)
        fail("no client", text);
    return rk;
}

static void open_clients(struct trip *trip, const char *servers)
{
    static const char *const producing[][2] = {{"enable.idempotence", "true"},
                                               {"acks", "all"},
                                               {"linger.ms", "0"},
                                               {"batch.num.messages", "10000"},
                                               {"partitioner", "murmur2_random"}};
    static const char *const reading[][2] = {{"group.id", "bench-trip"},
                                             {"enable.auto.commit", "false"},
                                             {"isolation.level", "read_committed"},
                                             {"auto.offset.reset", "error"},
                                             {"fetch.wait.max.ms", "20"},
                                             {"queued.min.messages", "10000000"},
                                             {"queued.max.messages.kbytes", "16384"}};
    int64_t first = 0, end = 0;
    trip->producer =
        client_of(RD_KAFKA_PRODUCER, conf_of(servers, producing, ARRAY_LEN(producing)));
    trip->consumer = client_of(RD_KAFKA_CONSUMER, conf_of(servers, reading, ARRAY_LEN(reading)));
    rd_kafka_poll_set_consumer(trip->consumer);
    if (rd_kafka_query_watermark_offsets(trip->consumer, trip->replies, trip->partition, &first,
                                         &end, 10000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("no end of the replies", "");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, trip->replies, trip->partition)->offset = end;
    if (rd_kafka_assign(trip->consumer, list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("cannot read the replies", "");
    rd_kafka_topic_partition_list_destroy(list);
}

// ---- asking

static const struct case_ *case_at(const struct trip *trip, size_t at)
{
    return &trip->cases.list[at % trip->cases.count];
}

static void produce(struct trip *trip, size_t at)
{
    const struct case_ *one = case_at(trip, at);
    char id[ID_LEN + 1], employee[EMPLOYEE_LEN + 14];
    char value[4096];
    uint32_t partition = htobe32((uint32_t)trip->partition);
    int64_t number = trip->first + (int64_t)at;
    snprintf(id, sizeof id, "00000000-0000-4000-8000-%012" PRIx64, (uint64_t)number);
    snprintf(employee, sizeof employee, "%010" PRId64, FIRST_EMPLOYEE + number);
    if (one->len > sizeof value)
        fail("a message is too long", "");
    memcpy(value, one->bytes, one->len);
    memcpy(value + ID_AT, id, ID_LEN);
    memcpy(value + EMPLOYEE_AT, employee, EMPLOYEE_LEN);
    rd_kafka_resp_err_t code = rd_kafka_producev(
        trip->producer, RD_KAFKA_V_TOPIC(trip->requests), RD_KAFKA_V_KEY(employee, EMPLOYEE_LEN),
        RD_KAFKA_V_VALUE(value, one->len), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_HEADER("kafka_replyTopic", trip->replies, -1),
        RD_KAFKA_V_HEADER("kafka_replyPartition", &partition, sizeof partition),
        RD_KAFKA_V_HEADER("kafka_correlationId", id, ID_LEN), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("not taken by the producer", rd_kafka_err2str(code));
}

static void ask(struct trip *trip, int64_t begun_ns)
{
    pthread_mutex_lock(&trip->lock);
    size_t at = trip->asked++;
    if (at == trip->room) {
        trip->room = trip->room == 0 ? 65536 : trip->room * 2;
        trip->begun_ns = mem_grow(trip->begun_ns, trip->room, sizeof *trip->begun_ns);
    }
    trip->begun_ns[at] = begun_ns;
    pthread_mutex_unlock(&trip->lock);
    produce(trip, at);
}

// ---- replies

// Avro's variable-length integers, zigzag.
static int64_t read_long(const uint8_t **at, const uint8_t *end)
{
    uint64_t value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

// Of a Prediction: three strings, two times, then null or the double.
static double probability_of(const uint8_t *at, size_t len)
{
    const uint8_t *end = at + len;
    uint64_t bits = 0;
    double value = 0;
    at += len < 5 ? len : 5;
    for (int i = 0; i < 3; i++) {
        int64_t skip = read_long(&at, end);
        if (skip < 0 || skip > end - at)
            return (double)NAN;
        at += skip;
    }
    for (int i = 0; i < 2; i++)
        IGNORE(read_long(&at, end)); // times
    if (read_long(&at, end) != 1 || end - at < (ptrdiff_t)sizeof bits)
        return (double)NAN;
    memcpy(&bits, at, sizeof bits);
    bits = le64toh(bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

static size_t place_of(const struct trip *trip, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    const void *data = NULL;
    size_t len = 0;
    char id[ID_LEN + 1] = "";
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, "kafka_correlationId", &data, &len) !=
            RD_KAFKA_RESP_ERR_NO_ERROR ||
        len != ID_LEN)
        fail("a reply without the id of its request", "");
    memcpy(id, data, ID_LEN);
    int64_t at = (int64_t)strtoull(id + 24, NULL, 16) - trip->first;
    return at < 0 ? SIZE_MAX : (size_t)at;
}

static void take(struct trip *trip, const rd_kafka_message_t *message)
{
    int64_t now_ns = clock_mono_ns();
    size_t at = place_of(trip, message);
    if (message->payload == NULL)
        fail("a request was refused", "");
    if (!(fabs(probability_of(message->payload, message->len) - case_at(trip, at)->probability) <=
          tolerance))
        fail("a wrong probability", "");
    pthread_mutex_lock(&trip->lock);
    if (at >= trip->asked || trip->begun_ns[at] == 0)
        fail("a reply that nobody waits for", "");
    samples_add(&trip->samples, trip->begun_ns[at], now_ns);
    trip->begun_ns[at] = 0;
    trip->answered++;
    bool asks = trip->rate == 0 && trip->is_warm && !trip->samples.has_closed;
    pthread_cond_signal(&trip->moved);
    pthread_mutex_unlock(&trip->lock);
    if (asks)
        ask(trip, now_ns);
}

static atomic_bool is_over;

static void *read_replies(void *argument)
{
    struct trip *trip = argument;
    while (!atomic_load(&is_over)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(trip->consumer, 100);
        if (message == NULL)
            continue;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            take(trip, message);
        else
            fail("reading the replies", rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
    return NULL;
}

// ---- the run

static bool has_closed(struct trip *trip)
{
    pthread_mutex_lock(&trip->lock);
    bool is_closed = samples_look(&trip->samples, clock_mono_ns());
    pthread_mutex_unlock(&trip->lock);
    return is_closed;
}

static void sleep_until(int64_t at_ns)
{
    const struct timespec at = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

static void wait_for_replies(struct trip *trip)
{
    int64_t end_ms = clock_mono_ms() + STALL_MS;
    pthread_mutex_lock(&trip->lock);
    while (trip->answered < trip->asked && clock_mono_ms() < end_ms) {
        struct timespec at;
        clock_gettime(CLOCK_REALTIME, &at);
        at.tv_sec++;
        pthread_cond_timedwait(&trip->moved, &trip->lock, &at);
    }
    if (trip->answered < trip->asked)
        fail("a request has no reply after a minute", "");
    pthread_mutex_unlock(&trip->lock);
}

// A reader's first fetch may be a second away, which is no part of a round trip: the clock starts
// once a first reply has come.
static void warm_up(struct trip *trip, int64_t warm_ms, int64_t window_ms)
{
    ask(trip, clock_mono_ns());
    wait_for_replies(trip);
    pthread_mutex_lock(&trip->lock);
    uint64_t total = trip->samples.total;
    trip->samples = samples_begin(warm_ms, window_ms, 0);
    trip->samples.total = total;
    trip->is_warm = true;
    pthread_mutex_unlock(&trip->lock);
}

static void run(struct trip *trip)
{
    int64_t begin_ns = clock_mono_ns();
    if (trip->rate == 0)
        for (int64_t i = 0; i < trip->outstanding; i++)
            ask(trip, clock_mono_ns());
    for (int64_t i = 0; !has_closed(trip); i++) {
        int64_t at_ns =
            trip->rate == 0 ? clock_mono_ns() + 10000000 : begin_ns + i * 1000000000 / trip->rate;
        sleep_until(at_ns);
        if (trip->rate > 0)
            ask(trip, at_ns);
    }
    wait_for_replies(trip);
}

int main(int argc, char **argv)
{
    struct trip trip = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};
    int64_t partition = 0, warm_ms = 0, window_ms = 0;
    pthread_t reader;
    if (argc != 11 || parse_i64(bytes_from_string(argv[4]), 0, 1000, &partition, NULL) != ERR_OK ||
        parse_i64(bytes_from_string(argv[5]), 1, OUTSTANDING_MAX, &trip.outstanding, NULL) !=
            ERR_OK ||
        parse_i64(bytes_from_string(argv[6]), 0, 1000000, &trip.rate, NULL) != ERR_OK ||
        parse_duration_ms(bytes_from_string(argv[7]), &warm_ms, NULL) != ERR_OK ||
        parse_duration_ms(bytes_from_string(argv[8]), &window_ms, NULL) != ERR_OK ||
        parse_i64(bytes_from_string(argv[9]), 0, 4000000000, &trip.first, NULL) != ERR_OK ||
        !cases_read(argv[10], &trip.cases)) {
        fprintf(stderr, "usage: bench-trip SERVERS REQUESTS REPLIES PARTITION OUTSTANDING RATE "
                        "WARM WINDOW FIRST MESSAGES\n");
        return 2;
    }
    trip.requests = argv[2];
    trip.replies = argv[3];
    trip.partition = (int32_t)partition;
    open_clients(&trip, argv[1]);
    trip.samples = samples_begin(STALL_MS + warm_ms, window_ms, 0);
    if (pthread_create(&reader, NULL, read_replies, &trip) != 0)
        fail("no thread", "");
    warm_up(&trip, warm_ms, window_ms);
    run(&trip);
    atomic_store(&is_over, true);
    pthread_join(reader, NULL);
    bool is_good = samples_end(&trip.samples);
    rd_kafka_consumer_close(trip.consumer);
    rd_kafka_destroy(trip.consumer);
    rd_kafka_destroy(trip.producer);
    cases_free(&trip.cases);
    free(trip.begun_ns);
    return is_good ? 0 : 1;
}
