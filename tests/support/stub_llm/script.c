// SPDX-License-Identifier: MIT
#include "script.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "json/json.h"
#include "random.h"

enum {
    SCRIPT_MAX = 1024 * 1024,
    STEPS_MAX = 10000,
    CHOICES_MAX = 200,
    TIMES_MAX = 1000000000,
    WAIT_MAX_MS = 3600000,
};

struct choice {
    enum fault fault;
    int variant;
};

struct step {
    struct choice *choices; // one, or those to draw from
    size_t count;
    bool is_random;
    int64_t times, played; // times 0: for ever
    uint64_t state;        // of the generator
    struct drawn more;     // what is the same for each call of the step
};

struct script {
    struct step *steps;
    size_t count, at;
};

struct script *script_new(void)
{
    return mem_zalloc(sizeof(struct script));
}

void script_free(struct script *script)
{
    if (script == NULL)
        return;
    for (size_t i = 0; i < script->count; i++)
        mem_free_p(&script->steps[i].choices);
    mem_free_p(&script->steps);
    mem_free_p(&script);
}

// ---- reading

static enum err read_choice(const struct json *name, bool is_tls, struct choice *ret,
                            struct why *why)
{
    if (json_kind(name) != JSON_KIND_STRING ||
        !fault_find(json_as_bytes(name), &ret->fault, &ret->variant))
        return why_say(why, ERR_REJECT, "there is no fault %.60s",
                       json_kind(name) == JSON_KIND_STRING ? json_as_string(name)
                                                           : "that is no text");
    size_t first = ret->variant == VARIANT_EACH ? 0 : (size_t)ret->variant;
    size_t last = ret->variant == VARIANT_EACH ? fault_variant_count(ret->fault) - 1 : first;
    for (size_t i = first; is_tls && i <= last; i++)
        if (wire_is_raw(fault_wire(ret->fault, (int)i)))
            return why_say(why, ERR_REJECT, "%s:%s needs a server without TLS",
                           fault_rows[ret->fault].name, fault_rows[ret->fault].variants[i]);
    return ERR_OK;
}

// A member that may be missing.
static enum err get_integer_or(const struct json *step, const char *where, const char *name,
                               int64_t max, int64_t fallback, int64_t *ret, struct why *why)
{
    *ret = fallback;
    return json_member(step, name) == NULL ? ERR_OK
                                           : json_get_integer(step, where, name, 0, max, ret, why);
}

static enum err read_choices(const struct json *node, const char *where, bool is_tls,
                             struct step *step, struct why *why)
{
    const struct json *names = json_member(node, "random"), *name = json_member(node, "fault");
    if ((names == NULL) == (name == NULL))
        return why_say(why, ERR_REJECT, "%s: give either \"fault\" or \"random\"", where);
    step->is_random = names != NULL;
    if (names != NULL && (json_kind(names) != JSON_KIND_ARRAY || json_count(names) == 0 ||
                          json_count(names) > CHOICES_MAX))
        return why_say(why, ERR_REJECT, "%s.random: give a list of 1 to %d names", where,
                       CHOICES_MAX);
    step->count = names == NULL ? 1 : json_count(names);
    step->choices = mem_array(step->count, sizeof *step->choices);
    for (size_t i = 0; i < step->count; i++) {
        const struct json *one = names == NULL ? name : json_at(names, i);
        enum err err = read_choice(one, is_tls, &step->choices[i], why);
        if (err != ERR_OK)
            return why_prefix(why, err, "%s", where);
    }
    return ERR_OK;
}

static enum err read_step(const struct json *node, const char *where, bool is_tls,
                          struct step *step, struct why *why)
{
    static const char *const known[] = {"fault",    "random",  "seed",       "times",
                                        "delay_ms", "hold_ms", "retry_delay"};
    const char *retry_delay = "";
    int64_t seed = 0;
    enum err err = json_only_members(node, where, known, ARRAY_LEN(known), why);
    if (err == ERR_OK)
        err = read_choices(node, where, is_tls, step, why);
    if (err == ERR_OK)
        err = get_integer_or(node, where, "times", TIMES_MAX, step->is_random ? 0 : 1, &step->times,
                             why);
    if (err == ERR_OK)
        err = get_integer_or(node, where, "seed", INT64_MAX, 1, &seed, why);
    if (err == ERR_OK)
        err = get_integer_or(node, where, "delay_ms", WAIT_MAX_MS, -1, &step->more.delay_ms, why);
    if (err == ERR_OK)
        err = get_integer_or(node, where, "hold_ms", WAIT_MAX_MS, -1, &step->more.hold_ms, why);
    if (err == ERR_OK)
        err = json_get_string_or(node, where, "retry_delay", sizeof step->more.retry_delay - 1, "",
                                 &retry_delay, why);
    if (err == ERR_OK)
        memcpy(step->more.retry_delay, retry_delay, strlen(retry_delay) + 1);
    step->state = (uint64_t)seed;
    return err;
}

enum err script_parse(struct bytes json, bool is_tls, struct script **ret, struct why *why)
{
    CLEANUP(script_free_p) struct script *script = script_new();
    CLEANUP(json_free_p) struct json *root = NULL;
    enum err err = json_parse(json, SCRIPT_MAX, 8, &root, why);
    if (err == ERR_OK && (json_kind(root) != JSON_KIND_ARRAY || json_count(root) > STEPS_MAX))
        err = why_say(why, ERR_REJECT, "a script is a list of at most %d steps", STEPS_MAX);
    if (err != ERR_OK)
        return err;
    script->steps = mem_array(json_count(root) + 1, sizeof *script->steps);
    for (size_t i = 0; err == ERR_OK && i < json_count(root); i++) {
        char where[32];
        IGNORE(snprintf(where, sizeof where, "step %zu", i + 1));
        script->steps[i] = (struct step){0};
        script->count++;
        err = read_step(json_at(root, i), where, is_tls, &script->steps[i], why);
    }
    if (err == ERR_OK)
        *ret = TAKE(script);
    return err;
}

// ---- drawing

void script_draw(struct script *script, struct drawn *ret)
{
    *ret = (struct drawn){.fault = FAULT_good, .delay_ms = -1, .hold_ms = -1};
    if (script->at == script->count)
        return;
    struct step *step = &script->steps[script->at];
    struct choice choice =
        step->choices[step->is_random ? random_next(&step->state) % step->count : 0];
    size_t variants = fault_variant_count(choice.fault);
    *ret = step->more;
    ret->fault = choice.fault;
    ret->variant = choice.variant;
    if (choice.variant == VARIANT_EACH)
        ret->variant =
            (int)((step->is_random ? random_next(&step->state) : (uint64_t)step->played) %
                  variants);
    if (++step->played == step->times)
        script->at++;
}
