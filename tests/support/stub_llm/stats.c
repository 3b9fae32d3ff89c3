// SPDX-License-Identifier: MIT
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "say.h"

// Every part is bounded: seconds are a ring, hashes stop being told apart beyond a number of them.

enum {
    SECONDS_MAX = 7200,
    CODES_MAX = 32,
    CODE_MAX = 40,
    HASHES_MAX = 4 * 1024 * 1024,
    KEPT_BODY_MAX = 256 * 1024,
};

struct second {
    int64_t at; // since 1970
    uint64_t calls;
};

struct refusal {
    char code[CODE_MAX];
    uint64_t calls;
};

struct kept {
    int64_t at_ms;
    struct text path, body;
    char outcome[64];
};

struct stats {
    uint64_t calls, in_flight, max_in_flight, refused;
    uint64_t delay_ms; // of all calls together
    uint64_t outcomes[FAULT_COUNT][VARIANTS_MAX];
    struct second seconds[SECONDS_MAX];
    size_t second_count; // ever
    struct refusal refusals[CODES_MAX];
    size_t refusal_count;
    uint64_t *hashes; // open addressing, 0: free
    size_t hash_count, hash_room;
    struct kept *kept;
    size_t keep, kept_count; // ever
};

struct stats *stats_new(size_t keep)
{
    struct stats *stats = mem_zalloc(sizeof *stats);
    stats->keep = keep > 0 ? keep : 1;
    stats->kept = mem_array(stats->keep, sizeof *stats->kept);
    for (size_t i = 0; i < stats->keep; i++)
        stats->kept[i] =
            (struct kept){.path = TEXT_INIT(KEPT_BODY_MAX), .body = TEXT_INIT(KEPT_BODY_MAX)};
    return stats;
}

void stats_free(struct stats *stats)
{
    if (stats == NULL)
        return;
    for (size_t i = 0; i < stats->keep; i++) {
        text_done(&stats->kept[i].path);
        text_done(&stats->kept[i].body);
    }
    mem_free_p(&stats->kept);
    mem_free_p(&stats->hashes);
    mem_free_p(&stats);
}

void stats_clear(struct stats *stats)
{
    struct stats empty = {.in_flight = stats->in_flight,
                          .max_in_flight = stats->in_flight,
                          .kept = stats->kept,
                          .keep = stats->keep};
    mem_free_p(&stats->hashes);
    *stats = empty;
}

// ---- counting

static void put_hash(uint64_t *hashes, size_t room, uint64_t hash)
{
    size_t at = (size_t)hash & (room - 1);
    while (hashes[at] != 0 && hashes[at] != hash)
        at = (at + 1) & (room - 1);
    hashes[at] = hash;
}

static bool has_hash(const struct stats *stats, uint64_t hash)
{
    size_t at = (size_t)hash & (stats->hash_room - 1);
    while (stats->hashes[at] != 0 && stats->hashes[at] != hash)
        at = (at + 1) & (stats->hash_room - 1);
    return stats->hashes[at] == hash;
}

static void grow_hashes(struct stats *stats)
{
    size_t room = stats->hash_room == 0 ? 1024 : 2 * stats->hash_room;
    uint64_t *grown = mem_array(room, sizeof *grown);
    memset(grown, 0, room * sizeof *grown);
    for (size_t i = 0; i < stats->hash_room; i++)
        if (stats->hashes[i] != 0)
            put_hash(grown, room, stats->hashes[i]);
    mem_free_p(&stats->hashes);
    stats->hashes = grown;
    stats->hash_room = room;
}

static void note_body(struct stats *stats, struct bytes body)
{
    struct crypto_sha256 sha;
    uint8_t digest[CRYPTO_SHA256_BYTES];
    uint64_t hash = 0;
    crypto_sha256_init(&sha);
    crypto_sha256_update(&sha, body);
    crypto_sha256_final(&sha, digest);
    memcpy(&hash, digest, sizeof hash);
    hash += hash == 0;
    if (2 * stats->hash_count >= stats->hash_room)
        grow_hashes(stats);
    if (stats->hash_count == HASHES_MAX || has_hash(stats, hash))
        return;
    put_hash(stats->hashes, stats->hash_room, hash);
    stats->hash_count++;
}

static void note_second(struct stats *stats, int64_t now_s)
{
    struct second *last = &stats->seconds[(stats->second_count + SECONDS_MAX - 1) % SECONDS_MAX];
    if (stats->second_count == 0 || last->at != now_s) {
        last = &stats->seconds[stats->second_count++ % SECONDS_MAX];
        *last = (struct second){.at = now_s};
    }
    last->calls++;
}

static void keep(struct text *into, struct bytes bytes)
{
    text_clear(into);
    say_bytes(into, bytes.data, bytes.len < into->ceiling ? bytes.len : into->ceiling);
}

void stats_begin(struct stats *stats, struct bytes path, struct bytes body)
{
    int64_t now_ms = clock_real_ms();
    stats->calls++;
    stats->in_flight++;
    if (stats->in_flight > stats->max_in_flight)
        stats->max_in_flight = stats->in_flight;
    note_second(stats, now_ms / 1000);
    note_body(stats, body);
    struct kept *kept = &stats->kept[stats->kept_count++ % stats->keep];
    kept->at_ms = now_ms;
    kept->outcome[0] = '\0';
    keep(&kept->path, path);
    keep(&kept->body, body);
}

void stats_end(struct stats *stats)
{
    stats->in_flight--;
}

static void note_outcome(struct stats *stats, const char *outcome, const char *detail)
{
    struct kept *kept = &stats->kept[(stats->kept_count - 1) % stats->keep];
    IGNORE(snprintf(kept->outcome, sizeof kept->outcome, "%s:%s", outcome, detail)); // a label
}

void stats_count(struct stats *stats, enum fault fault, int variant)
{
    stats->outcomes[fault][variant]++;
    note_outcome(stats, fault_rows[fault].name, fault_rows[fault].variants[variant]);
}

void stats_refuse(struct stats *stats, const char *code)
{
    size_t i = 0;
    stats->refused++;
    note_outcome(stats, "refused", code);
    while (i < stats->refusal_count && strcmp(stats->refusals[i].code, code) != 0)
        i++;
    if (i == CODES_MAX)
        return;
    if (i == stats->refusal_count) {
        stats->refusals[i] = (struct refusal){0};
        IGNORE(snprintf(stats->refusals[i].code, CODE_MAX, "%s", code)); // codes are short
        stats->refusal_count++;
    }
    stats->refusals[i].calls++;
}

void stats_delay(struct stats *stats, int64_t delay_ms)
{
    stats->delay_ms += (uint64_t)delay_ms;
}

// ---- telling

static void write_outcomes(const struct stats *stats, struct text *out)
{
    const char *comma = "";
    for (size_t i = 0; i < FAULT_COUNT; i++)
        for (size_t k = 0; k < fault_variant_count((enum fault)i); k++)
            if (stats->outcomes[i][k] > 0) {
                say(out, "%s\"%s:%s\":%" PRIu64, comma, fault_rows[i].name,
                    fault_rows[i].variants[k], stats->outcomes[i][k]);
                comma = ",";
            }
}

void stats_write(const struct stats *stats, struct text *out)
{
    say(out,
        "{\"at_ms\":%" PRId64 ",\"calls\":%" PRIu64 ",\"delay_ms\":%" PRIu64 ",\"refused\":%" PRIu64
        ",\"in_flight\":%" PRIu64 ",\"max_in_flight\":%" PRIu64
        ",\"distinct_bodies\":%zu,\"outcomes\":{",
        clock_real_ms(), stats->calls, stats->delay_ms, stats->refused, stats->in_flight,
        stats->max_in_flight, stats->hash_count);
    write_outcomes(stats, out);
    say(out, "},\"refusals\":{");
    for (size_t i = 0; i < stats->refusal_count; i++)
        say(out, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",", stats->refusals[i].code,
            stats->refusals[i].calls);
    say(out, "},\"by_second\":[");
    size_t count = stats->second_count < SECONDS_MAX ? stats->second_count : SECONDS_MAX;
    for (size_t i = stats->second_count - count; i < stats->second_count; i++)
        say(out, "%s[%" PRId64 ",%" PRIu64 "]", i + count == stats->second_count ? "" : ",",
            stats->seconds[i % SECONDS_MAX].at, stats->seconds[i % SECONDS_MAX].calls);
    say(out, "]}\n");
}

void stats_write_requests(const struct stats *stats, size_t count, struct text *out)
{
    size_t there = stats->kept_count < stats->keep ? stats->kept_count : stats->keep;
    say(out, "[");
    for (size_t i = 0; i < count && i < there; i++) {
        const struct kept *kept = &stats->kept[(stats->kept_count - 1 - i) % stats->keep];
        if (out->len + 8 * (size_t)KEPT_BODY_MAX > out->ceiling) // escapes may take six times
            break;
        say(out, "%s{\"number\":%zu,\"at_ms\":%" PRId64 ",\"outcome\":\"%s\",\"path\":",
            i == 0 ? "" : ",", stats->kept_count - i, kept->at_ms, kept->outcome);
        say_json(out, text_bytes(&kept->path));
        say(out, ",\"body\":");
        say_json(out, text_bytes(&kept->body));
        say(out, "}");
    }
    say(out, "]\n");
}
