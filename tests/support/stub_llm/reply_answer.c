// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/compiler.h"
#include "plan.h"
#include "reply.h"
#include "say.h"

// An answer with status 200: the plan's text first, with what is wrong with it, then the envelope
// of the API around it. A byte 0x01 in a part stands for bytes that no JSON writer of ours would
// write; they take its place in the finished body.

enum { PARTS_MAX = 3, THOUGHT_TOKENS = 64, THOUGHT_LIMIT = 2044 };

struct answer {
    const char *finish; // finishReason
    bool has_candidate, has_content, has_parts;
    const char *thought; // a part before the others; NULL: none
    struct text parts[PARTS_MAX];
    size_t part_count;
    const char *raw; // for the 0x01; NULL: none
    size_t thought_tokens;
};

struct plan {
    const char *actions[3];
};

// ---- the plan's text

static void write_field(struct text *out, size_t number, const char *action)
{
    say(out, "%s\"action_%zu\":", number == 1 ? "{" : ",", number);
    say_json(out, bytes_from_string(action));
}

static void write_plan(struct text *out, const struct plan *plan)
{
    for (size_t i = 0; i < 3; i++)
        write_field(out, i + 1, plan->actions[i]);
    say(out, "}");
}

// The same sentence to somebody who does not look at case and blanks.
static void write_spelling(struct text *out, const char *action)
{
    for (const char *at = action; *at != '\0'; at++)
        say(out, *at == ' ' ? "  %c" : "%c", *at >= 'a' && *at <= 'z' ? *at - 32 : *at);
}

static void write_long(struct text *out)
{
    for (int i = 0; i < 500; i++)
        say(out, "Discuss ");
}

static void write_bad_plan(struct text *out, const char *kind, const struct plan *plan)
{
    static const char *const raw[][2] = {{"number", "7"}, {"null", "null"}, {"array", "[\"a\"]"}};
    CLEANUP(text_done) struct text other = TEXT_INIT(SAY_MAX);
    const char *second = plan->actions[1], *literal = NULL;
    for (size_t i = 0; i < ARRAY_LEN(raw); i++)
        literal = strcmp(kind, raw[i][0]) == 0 ? raw[i][1] : literal;
    if (strcmp(kind, "equal_spelling") == 0)
        write_spelling(&other, plan->actions[0]);
    if (strcmp(kind, "long") == 0)
        write_long(&other);
    second = other.len > 0                ? text_string(&other)
             : strcmp(kind, "equal") == 0 ? plan->actions[0]
             : strcmp(kind, "empty") == 0 ? ""
             : strcmp(kind, "blank") == 0 ? "   "
                                          : second;
    write_field(out, 1, plan->actions[0]);
    if (literal != NULL)
        say(out, ",\"action_2\":%s", literal);
    else
        write_field(out, 2, second);
    if (strcmp(kind, "two") != 0)
        write_field(out, 3, plan->actions[2]);
    if (strcmp(kind, "four") == 0)
        write_field(out, 4, plan->actions[2]);
    if (strcmp(kind, "duplicate_key") == 0) {
        say(out, ",\"action_1\":");
        say_json(out, bytes_from_string(plan->actions[1]));
    }
    say(out, "}");
}

// Well-formed, and still nothing that anybody may be shown.
static void write_bad_content(struct text *out, const char *kind, const struct asked *asked,
                              const struct plan *plan)
{
    static const char *const sentences[][2] = {
        {"children", "Offer a promotion only if she is not planning children in the coming years."},
        {"surveillance", "Monitor the private messages of the employee to find out about plans."},
        {"dismissal", "Threaten dismissal if the employee keeps looking for another position."},
        {"html", "Schedule a talk about the role <script>alert(1)</script> with the manager."},
        {"url", "Read the guide on https://retention.example.org/guide together with the manager."},
        {"email", "Write to wellbeing@example.org and arrange a talk about the workload."},
        {"phone", "Call the counselling line at +33 6 12 34 56 78 and arrange a talk soon."},
        {"formula", "=HYPERLINK(\"http://example.org\",\"Review the workload with the manager.\")"},
        {"name", "Ask Margaret Thornbury to lead a weekly round of feedback with the team."},
    };
    struct plan bad = *plan;
    if (strcmp(kind, "language") == 0) {
        struct asked other = *asked;
        other.is_french = !asked->is_french;
        plan_choose(&other, bad.actions);
    }
    if (strcmp(kind, "system_prompt") == 0)
        bad.actions[1] = text_string(&asked->system);
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
        if (strcmp(kind, sentences[i][0]) == 0)
            bad.actions[1] = sentences[i][1];
    write_plan(out, &bad);
}

// ---- what is around it

static void split(struct answer *answer, const char *mark)
{
    struct text whole = answer->parts[0];
    const char *text = text_string(&whole), *at = strstr(text, mark);
    size_t first = at == NULL ? 1 : (size_t)(at - text) + 3, second = first + 2;
    answer->parts[0] = TEXT_INIT(SAY_MAX);
    say_bytes(&answer->parts[0], text, first);
    say_bytes(&answer->parts[1], text + first, second - first);
    say_bytes(&answer->parts[2], text + second, whole.len - second);
    answer->part_count = 3;
    text_done(&whole);
}

// An action that holds `mark` in place of its first "e", as a JSON text; the marks are such that no
// escape of theirs is needed.
static void write_marked(struct text *out, const struct plan *plan, const char *mark)
{
    const char *action = plan->actions[0], *at = strchr(action, 'e');
    say(out, "{\"action_1\":\"%.*s%s%s\"", (int)(at - action), action, mark, at + 1);
    write_field(out, 2, plan->actions[1]);
    write_field(out, 3, plan->actions[2]);
    say(out, "}");
}

static void dress(struct answer *answer, const char *kind, const struct plan *plan)
{
    static const char *const around[][3] = {{"fence", "```json\n", "\n```"},
                                            {"bom", "\xef\xbb\xbf", ""},
                                            {"newlines", "\n\n ", " \n\n"}};
    static const char *const marks[][3] = {// inside the plan's text; the bytes for 0x01
                                           {"split_escape", "\\u00e9", NULL},
                                           {"surrogate_pair", "\\ud83d\\ude00e", NULL},
                                           {"lone_surrogate", "\x01", "\\ud83d"},
                                           {"lone_surrogate_inside", "\\ud83d", NULL},
                                           {"invalid_utf8", "\x01", "\xff"}};
    struct text *text = &answer->parts[0];
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (strcmp(kind, marks[i][0]) == 0) {
            write_marked(text, plan, marks[i][1]);
            answer->raw = marks[i][2];
        }
    for (size_t i = 0; i < ARRAY_LEN(around); i++)
        if (strcmp(kind, around[i][0]) == 0) {
            say(text, "%s", around[i][1]);
            write_plan(text, plan);
            say(text, "%s", around[i][2]);
        }
    if (strcmp(kind, "thought_first") == 0) {
        answer->thought = "The facts speak of workload, so the first action is about that.";
        write_plan(text, plan);
    }
    if (strcmp(kind, "split_escape") == 0)
        split(answer, "\\u00e9");
}

static void fill(struct answer *answer, const struct asked *asked, enum fault fault,
                 const char *variant)
{
    struct plan plan;
    plan_choose(asked, plan.actions);
    struct text *text = &answer->parts[0];
    switch ((int)fault) {
    case FAULT_blocked:
        answer->has_candidate = false;
        break;
    case FAULT_finish:
        answer->finish = variant;
        answer->has_content = false;
        break;
    case FAULT_thought_ate:
        answer->finish = "MAX_TOKENS";
        answer->has_parts = false;
        answer->thought_tokens = THOUGHT_LIMIT;
        break;
    case FAULT_truncated:
        answer->finish = "MAX_TOKENS";
        say(text, "{\"action_1\":\"Meet weekly with with with with with with with with with wi");
        break;
    case FAULT_bad_plan:
        write_bad_plan(text, variant, &plan);
        break;
    case FAULT_dressed:
        dress(answer, variant, &plan);
        break;
    case FAULT_content:
        write_bad_content(text, variant, asked, &plan);
        break;
    default:
        write_plan(text, &plan);
        break;
    }
}

// ---- the envelopes

static size_t tokens(size_t bytes)
{
    return (bytes + 3) / 4;
}

static size_t text_tokens(const struct answer *answer)
{
    size_t bytes = 0;
    for (size_t i = 0; i < PARTS_MAX; i++)
        bytes += answer->parts[i].len;
    return tokens(bytes);
}

static size_t prompt_tokens(const struct asked *asked)
{
    return tokens(asked->system.len + asked->user.len);
}

static void write_gemini_parts(struct text *out, const struct answer *answer)
{
    say(out, ",\"parts\":[");
    if (answer->thought != NULL) {
        say(out, "{\"thought\":true,\"text\":");
        say_json(out, bytes_from_string(answer->thought));
        say(out, "},");
    }
    for (size_t i = 0; i < answer->part_count; i++) {
        say(out, "%s{\"text\":", i == 0 ? "" : ",");
        say_json(out, text_bytes(&answer->parts[i]));
        say(out, "}");
    }
    say(out, "]");
}

static void write_gemini(struct text *out, const struct asked *asked, const struct answer *answer)
{
    size_t prompt = prompt_tokens(asked), text = text_tokens(answer);
    say(out, "{");
    if (answer->has_candidate) {
        say(out, "\"candidates\":[{");
        if (answer->has_content) {
            say(out, "\"content\":{\"role\":\"model\"");
            if (answer->has_parts)
                write_gemini_parts(out, answer);
            say(out, "},");
        }
        say(out, "\"finishReason\":\"%s\",\"index\":0}],", answer->finish);
    } else {
        say(out, "\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"},");
    }
    say(out, "\"usageMetadata\":{\"promptTokenCount\":%zu,", prompt);
    if (text > 0)
        say(out, "\"candidatesTokenCount\":%zu,", text);
    if (answer->thought_tokens > 0)
        say(out, "\"thoughtsTokenCount\":%zu,", answer->thought_tokens);
    say(out, "\"totalTokenCount\":%zu},\"modelVersion\":", prompt + text + answer->thought_tokens);
    say_json(out, text_bytes(&asked->model));
    say(out, ",\"responseId\":\"stub\",\"modelStatus\":{\"modelStage\":\"STABLE\"}}");
}

static const char *openai_finish(const struct answer *answer)
{
    static const char *const names[][2] = {
        {"STOP", "stop"}, {"MAX_TOKENS", "length"}, {"SOMETHING_NEW", "something_new"}};
    for (size_t i = 0; i < ARRAY_LEN(names) && answer->has_candidate; i++)
        if (strcmp(answer->finish, names[i][0]) == 0)
            return names[i][1];
    return "content_filter";
}

static void write_openai(struct text *out, const struct asked *asked, const struct answer *answer)
{
    size_t prompt = prompt_tokens(asked), text = text_tokens(answer) + answer->thought_tokens;
    bool has_text = answer->has_candidate && answer->has_content && answer->has_parts;
    CLEANUP(text_done) struct text whole = TEXT_INIT(SAY_MAX);
    for (size_t i = 0; i < answer->part_count; i++)
        say_bytes(&whole, text_string(&answer->parts[i]), answer->parts[i].len);
    say(out, "{\"id\":\"stub\",\"object\":\"chat.completion\",\"model\":");
    say_json(out, text_bytes(&asked->model));
    say(out, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    if (has_text)
        say_json(out, text_bytes(&whole));
    else
        say(out, "null");
    if (!answer->has_candidate)
        say(out, ",\"refusal\":\"This cannot be answered.\"");
    if (answer->thought != NULL) {
        say(out, ",\"reasoning_content\":");
        say_json(out, bytes_from_string(answer->thought));
    }
    say(out,
        "},\"finish_reason\":\"%s\"}],\"usage\":{\"prompt_tokens\":%zu,\"completion_tokens\":%zu,"
        "\"total_tokens\":%zu}}",
        openai_finish(answer), prompt, text, prompt + text);
}

// The bodies of no_parts, whole.
static const char *no_parts(enum dialect dialect, const char *variant)
{
    static const char *const bodies[][3] = {
        {"missing",
         "{\"candidates\":[{\"content\":{\"role\":\"model\"},\"finishReason\":\"STOP\"}]}",
         "{\"choices\":[{\"message\":{\"role\":\"assistant\"},\"finish_reason\":\"stop\"}]}"},
        {"empty_list",
         "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[]},\"finishReason\":"
         "\"STOP\"}]}",
         "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":null},"
         "\"finish_reason\":\"stop\"}]}"},
        {"empty_text",
         "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},"
         "\"finishReason\":\"STOP\"}]}",
         "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"\"},"
         "\"finish_reason\":\"stop\"}]}"},
        {"no_candidates", "{\"candidates\":[]}", "{\"choices\":[]}"},
        {"empty_object", "{}", "{}"},
        {"no_content", "{\"candidates\":[{\"finishReason\":\"STOP\",\"index\":0}]}",
         "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}"},
    };
    size_t i = 0;
    while (strcmp(bodies[i][0], variant) != 0)
        i++;
    return bodies[i][dialect == DIALECT_GEMINI ? 1 : 2];
}

static void put_raw(struct text *body, const char *raw)
{
    static const char mark[] = "\\u0001";
    const char *text = text_string(body), *at = strstr(text, mark);
    struct text replaced = TEXT_INIT(SAY_MAX);
    say_bytes(&replaced, text, (size_t)(at - text));
    say(&replaced, "%s", raw);
    say(&replaced, "%s", at + strlen(mark));
    text_done(body);
    *body = replaced;
}

void reply_fault_answer(const struct asked *asked, enum fault fault, const char *variant,
                        struct reply *reply)
{
    struct answer answer = {.finish = "STOP",
                            .has_candidate = true,
                            .has_content = true,
                            .has_parts = true,
                            .part_count = 1,
                            .thought_tokens = THOUGHT_TOKENS};
    reply->status = 200;
    reply->content_type = "application/json; charset=UTF-8";
    if (fault == FAULT_no_parts) {
        say(&reply->body, "%s", no_parts(asked->dialect, variant));
        return;
    }
    for (size_t i = 0; i < PARTS_MAX; i++)
        answer.parts[i] = TEXT_INIT(SAY_MAX);
    fill(&answer, asked, fault, variant);
    if (asked->dialect == DIALECT_GEMINI)
        write_gemini(&reply->body, asked, &answer);
    else
        write_openai(&reply->body, asked, &answer);
    if (answer.raw != NULL)
        put_raw(&reply->body, answer.raw);
    for (size_t i = 0; i < PARTS_MAX; i++)
        text_done(&answer.parts[i]);
}
