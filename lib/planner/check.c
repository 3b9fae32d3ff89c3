// SPDX-License-Identifier: MIT
// The order of the checks is that of the table in faults.def: what is cheap and certain first, each
// for all three actions before the next. After the shape has passed, a text holds only characters
// whose folding is known, so the word lists cannot be got round by look-alikes.

#include "planner/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/json.h"
#include "planner/check_parts.h"

enum { ANSWER_MAX = 256 * 1024, DEPTH_MAX = 4 };

static const char *const members[ACTIONS] = {"action_1", "action_2", "action_3"};

static bool skip(struct bytes *text, const char *what)
{
    size_t len = strlen(what);
    if (text->len < len || memcmp(text->data, what, len) != 0)
        return false;
    *text = bytes_of(text->data + len, text->len - len);
    return true;
}

static struct bytes without_blanks(struct bytes text)
{
    static const char blanks[] = " \t\r\n";
    while (text.len > 0 && memchr(blanks, text.data[0], sizeof blanks - 1) != NULL)
        text = bytes_of(text.data + 1, text.len - 1);
    while (text.len > 0 && memchr(blanks, text.data[text.len - 1], sizeof blanks - 1) != NULL)
        text.len--;
    return text;
}

// The JSON inside a fence of three backticks, which may say "json".
static struct bytes undressed(struct bytes text)
{
    static const char mark[] = "\xef\xbb\xbf", fence[] = "```";
    text = without_blanks(text);
    if (skip(&text, mark))
        text = without_blanks(text);
    if (text.len < 2 * strlen(fence) ||
        memcmp(text.data + text.len - strlen(fence), fence, strlen(fence)) != 0 ||
        !skip(&text, fence))
        return text;
    text.len -= strlen(fence);
    if (!skip(&text, "json"))
        IGNORE(skip(&text, "JSON")); // a fence need not say what it holds
    return without_blanks(text);
}

static enum fault check_json(struct bytes answer, struct json **ret)
{
    if (answer.len > ANSWER_MAX)
        return FAULT_TOO_LARGE;
    if (!utf8_is_valid(answer))
        return FAULT_BAD_UTF8;
    answer = undressed(answer);
    return json_parse(answer, ANSWER_MAX, DEPTH_MAX, ret, NULL) == ERR_OK &&
                   json_kind(*ret) == JSON_KIND_OBJECT
               ? FAULT_NONE
               : FAULT_BAD_JSON;
}

static struct verdict verdict_of(enum fault fault, int action)
{
    return (struct verdict){.fault = fault, .action = fault == FAULT_NONE ? -1 : action};
}

static struct verdict check_fields(const struct json *root, struct bytes ret[ACTIONS])
{
    if (json_count(root) != ACTIONS ||
        json_only_members(root, "", members, ACTIONS, NULL) != ERR_OK)
        return verdict_of(FAULT_WRONG_FIELDS, -1);
    for (int i = 0; i < ACTIONS; i++) {
        const struct json *node = json_member(root, members[i]);
        if (json_kind(node) != JSON_KIND_STRING)
            return verdict_of(FAULT_NOT_TEXT, i);
        ret[i] = shape_trim(json_as_bytes(node));
    }
    return verdict_of(FAULT_NONE, -1);
}

static struct verdict check_alike(const struct terms words[ACTIONS])
{
    for (int i = 1; i < ACTIONS; i++)
        for (int j = 0; j < i; j++)
            if (terms_overlap(&words[i], &words[j]) >= ALIKE_FROM)
                return verdict_of(FAULT_ALIKE, i);
    return verdict_of(FAULT_NONE, -1);
}

// What is told by the words of one action; one row a step of the order.
typedef enum fault check_step(const struct check *check, enum language language,
                              struct bytes action, const struct terms *words);
static check_step *const steps[] = {check_language, check_lists, check_signs, check_names};

static struct verdict check_texts(const struct check *check, enum language language,
                                  const struct bytes actions[ACTIONS])
{
    struct terms words[ACTIONS];
    struct verdict verdict = verdict_of(FAULT_NONE, -1);
    for (int i = 0; i < ACTIONS; i++) {
        enum fault fault = shape_check(actions[i]);
        if (fault != FAULT_NONE)
            return verdict_of(fault, i);
    }
    for (int i = 0; i < ACTIONS; i++) {
        terms_of(actions[i], &words[i]);
        lists_mark(&check->lists[language], &words[i]);
    }
    verdict = check_alike(words);
    if (verdict.fault == FAULT_NONE && !check_is_in_language(words, ACTIONS))
        verdict.fault = FAULT_WRONG_LANGUAGE;
    for (size_t s = 0; s < ARRAY_LEN(steps); s++)
        for (int i = 0; verdict.fault == FAULT_NONE && i < ACTIONS; i++)
            verdict = verdict_of(steps[s](check, language, actions[i], &words[i]), i);
    return verdict;
}

struct verdict check_answer(const struct check *check, enum language language, struct bytes answer,
                            struct actions *ret)
{
    CLEANUP(json_free_p) struct json *root = NULL;
    struct bytes actions[ACTIONS];
    enum fault fault = check_json(answer, &root);
    if (fault != FAULT_NONE)
        return verdict_of(fault, -1);
    struct verdict verdict = check_fields(root, actions);
    if (verdict.fault == FAULT_NONE)
        verdict = check_texts(check, language, actions);
    for (int i = 0; verdict.fault == FAULT_NONE && i < ACTIONS; i++) {
        memcpy(ret->text[i], actions[i].data, actions[i].len);
        ret->text[i][actions[i].len] = '\0';
    }
    return verdict;
}

enum fault check_action(const struct check *check, enum language language, struct bytes action)
{
    struct terms words;
    enum fault fault = shape_check(action);
    if (fault != FAULT_NONE)
        return fault;
    terms_of(action, &words);
    lists_mark(&check->lists[language], &words);
    for (size_t s = 0; fault == FAULT_NONE && s < ARRAY_LEN(steps); s++)
        fault = steps[s](check, language, action, &words);
    return fault;
}

bool check_are_alike(struct bytes a, struct bytes b)
{
    struct terms of_a, of_b;
    terms_of(a, &of_a);
    terms_of(b, &of_b);
    return terms_overlap(&of_a, &of_b) >= ALIKE_FROM;
}
