// SPDX-License-Identifier: MIT
// The reader of rules.txt, and what owns memory of the rules.

#include <stdlib.h>
#include <string.h>

#include "planner/rules_parts.h"

extern const char rules_text[];

static struct bytes next_line(struct bytes *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->data);
    struct bytes line = bytes_of(rest->data, len);
    size_t used = end == NULL ? len : len + 1;
    *rest = bytes_of(rest->data + used, rest->len - used);
    return line;
}

static struct topic *section_of(struct rules *rules, struct bytes line)
{
    if (bytes_equal_string(line, "[any]"))
        return &rules->any;
    if (bytes_equal_string(line, "[actionable]"))
        return &rules->actionable;
    if (bytes_equal_string(line, "[general]"))
        return &rules->general;
    return rules->topic_count < TOPICS_MAX ? &rules->topics[rules->topic_count++] : NULL;
}

// What stands behind a word at the beginning of a line.
static bool begins(struct bytes line, const char *word, struct bytes *ret)
{
    size_t len = strlen(word);
    if (line.len <= len + 1 || memcmp(line.data, word, len) != 0 || line.data[len] != ' ')
        return false;
    *ret = bytes_of(line.data + len + 1, line.len - len - 1);
    return true;
}

static bool add(struct sentences *sentences, struct bytes sentence, bool has_hole)
{
    if (sentences->count == SENTENCES_MAX ||
        (memmem(sentence.data, sentence.len, "{}", 2) != NULL) != has_hole)
        return false;
    sentences->list[sentences->count++] = sentence;
    return true;
}

static bool read_line(struct rules *rules, struct topic *topic, struct bytes line)
{
    bool has_hole = topic == &rules->any || topic == &rules->actionable;
    struct bytes rest = {NULL, 0};
    if (begins(line, "of", &topic->of) || begins(line, "when", &topic->when))
        return true;
    if (begins(line, "+en", &rest))
        return add(&topic->raising[LANGUAGE_EN], rest, has_hole);
    if (begins(line, "+fr", &rest))
        return add(&topic->raising[LANGUAGE_FR], rest, has_hole);
    if (begins(line, "-en", &rest))
        return add(&topic->lowering[LANGUAGE_EN], rest, has_hole);
    return begins(line, "-fr", &rest) && add(&topic->lowering[LANGUAGE_FR], rest, has_hole);
}

enum err rules_read(struct rules *rules, struct why *why)
{
    struct bytes rest = bytes_from_string(rules_text);
    struct topic *topic = NULL;
    for (size_t number = 1; rest.len > 0; number++) {
        struct bytes line = next_line(&rest);
        if (line.len == 0 || line.data[0] == '#')
            continue;
        bool is_head = line.data[0] == '[';
        if (is_head)
            topic = section_of(rules, line);
        if (topic == NULL || (!is_head && !read_line(rules, topic, line)))
            return why_say(why, ERR_FATAL, "line %zu of the built-in rules is none", number);
    }
    return ERR_OK;
}

void rules_own(struct rules *rules, char *text)
{
    rules->owned = mem_grow(rules->owned, rules->owned_count + 1, sizeof *rules->owned);
    rules->owned[rules->owned_count++] = text;
}

void rules_add_situation(struct rules *rules, size_t fact, int band, const struct topic *topic)
{
    rules->situations =
        mem_grow(rules->situations, rules->situation_count + 1, sizeof *rules->situations);
    rules->situations[rules->situation_count++] =
        (struct situation){.fact = fact, .band = band, .topic = topic};
}

void rules_free(struct rules *rules)
{
    if (rules == NULL)
        return;
    for (size_t i = 0; i < rules->owned_count; i++)
        free(rules->owned[i]);
    free(rules->owned);
    free(rules->situations);
    free(rules->of_attribute);
    free(rules->own);
    free(rules);
}
