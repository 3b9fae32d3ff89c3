// SPDX-License-Identifier: MIT
// Replies that were damaged on the way or on purpose: whatever they have become, they are read to
// the end, mean one of the nine things, and bring no number that does harm.
#include "unit/planner/reading.h"

#include <stdlib.h>

#include "base/mem.h"

enum { MUTATIONS = 20000 };

static uint64_t next(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

// One thing that happens to `body`, which has room for `most` bytes; its new length.
static size_t damage(uint8_t *body, size_t len, size_t most, uint64_t *random)
{
    static const char *const words[] = {"null", "[]",      "{}",      "\"\"", "-1",      "1e99",
                                        "true", "\\ud83d", "\\ude00", "\xff", "\\u0000", "[[[[["};
    const char *word = words[next(random) % ARRAY_LEN(words)];
    size_t at = len == 0 ? 0 : next(random) % len, size = strlen(word);
    size_t cut = 1 + next(random) % 40;
    cut = cut > len - at ? len - at : cut;
    switch (next(random) % 5) {
    case 0: // a byte becomes another one
        if (len > 0)
            body[at] = (uint8_t)next(random);
        return len;
    case 1: // a bit flips
        if (len > 0)
            body[at] = (uint8_t)(body[at] ^ 1U << next(random) % 8);
        return len;
    case 2: // a stretch is lost
        memmove(body + at, body + at + cut, len - at - cut);
        return len - cut;
    case 3: // the end is lost
        return at;
    default: // a word comes in
        if (len + size > most)
            return len;
        memmove(body + at + size, body + at, len - at);
        memcpy(body + at, word, size);
        return len + size;
    }
}

static void read_damaged(const struct provider_settings *settings, const struct reply_case *from,
                         uint64_t *random, size_t *outcomes)
{
    struct provider_answer answer;
    size_t len = strlen(from->body), most = len + 64;
    CLEANUP(mem_free_p) uint8_t *body = mem_zalloc(most);
    memcpy(body, from->body, len);
    for (uint64_t count = 1 + next(random) % 4; count > 0; count--)
        len = damage(body, len, most, random);
    // Exactly as large as it is, so that a byte read behind it is found.
    CLEANUP(mem_free_p) uint8_t *exact = mem_array(len + (len == 0), 1);
    memcpy(exact, body, len);
    read_reply(settings, from->status, from->retry_after, bytes_of(exact, len), &answer);
    assert_sound(&answer);
    outcomes[answer.outcome]++;
    provider_answer_done(&answer);
}

static void damaged_replies_are_read_without_harm(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252U;
    size_t outcomes[PROVIDER_STOP_CONFIG + 1] = {0};
    for (size_t i = 0; i < MUTATIONS; i++) {
        read_damaged(&gemini, &gemini_cases[next(&random) % ARRAY_LEN(gemini_cases)], &random,
                     outcomes);
        read_damaged(&openai, &openai_cases[next(&random) % ARRAY_LEN(openai_cases)], &random,
                     outcomes);
    }
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        assert_true(outcomes[i] > 0); // the damage leaves all of them reachable
}

static void headers_of_any_bytes_are_no_harm_either(void **state)
{
    (void)state;
    uint64_t random = 362436069;
    static const char *const seeds[] = {"3", "Sat, 01 Aug 2026 12:00:04 GMT", "120",
                                        "Saturday, 01-Aug-26 12:00:04 GMT",
                                        "Sat Aug  1 12:00:04 2026"};
    for (size_t i = 0; i < MUTATIONS; i++) {
        uint8_t value[128];
        const char *seed = seeds[next(&random) % ARRAY_LEN(seeds)];
        size_t len = strlen(seed);
        memcpy(value, seed, len);
        for (uint64_t count = 1 + next(&random) % 3; count > 0; count--)
            len = damage(value, len, sizeof value, &random);
        CLEANUP(mem_free_p) uint8_t *exact = mem_array(len + (len == 0), 1);
        memcpy(exact, value, len);
        const struct provider_reply reply = {.status = 503,
                                             .retry_after = bytes_of(exact, len),
                                             .content_type = bytes_of(exact, len),
                                             .received_ms = RECEIVED_MS};
        struct provider_answer answer;
        provider_read(&gemini, &reply, &answer);
        assert_sound(&answer);
        assert_true(answer.outcome == PROVIDER_AGAIN || answer.outcome == PROVIDER_STOP_DAILY);
        provider_answer_done(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_replies_are_read_without_harm),
        cmocka_unit_test(headers_of_any_bytes_are_no_harm_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
